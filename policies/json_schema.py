"""The shape of policy and test files as a JSON Schema, by which editors complete and check them while they are written.

Owns the translation of the loader's keys and the masks' parameters. An editor knows less than `louver check`: conditions, names and
rows are text to it. May not do: I/O. Source: JSON Schema 2020-12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policies import expectations, trials
from policies.entries import DICTIONARY_FILE, MAX_LEVEL
from policies.limits import MOST
from policies.loader import SCHEMA
from policies.masks import SCHEMAS, MaskSchema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policies.masks.schema import Parameter

Node = dict[str, Any]

_TEXT: Final[Node] = {"type": "string"}
_ANY: Final[Node] = {}
_MASK: Final[Node] = {"$ref": "#/$defs/mask"}
_TEXTS: Final[Node] = {"oneOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_LIST: Final[Node] = {"type": "array", "items": _TEXT}
_LEVEL: Final[Node] = {
    "oneOf": [
        {"type": "integer", "minimum": 1, "maximum": MAX_LEVEL},
        {"type": "string", "pattern": "^(>=|<=|>|<|=)?\\s*[1-5]$"},
    ]
}
_PERMISSION: Final[Node] = {
    "oneOf": [
        {"const": "exact"},
        {
            "type": "object",
            "properties": {
                "exact": {
                    "type": "object",
                    "properties": {name: {"type": "integer", "minimum": 1} for name in ("per_hour", "per_day")},
                    "additionalProperties": False,
                    "minProperties": 1,
                }
            },
            "additionalProperties": False,
        },
    ]
}
_LIMITS: Final = ("statements_per_hour", "rows_per_statement", "rows_per_hour")
_KINDS: Final[Mapping[str, Mapping[str, Node]]] = {
    "policies": {
        "version": {"const": 1},
        "description": _TEXT,
        "calendar": {"$ref": "#/$defs/calendar"},
        "session": {"type": "object", "additionalProperties": {"$ref": "#/$defs/session"}},
        "dictionary": {"type": "array", "items": {"$ref": "#/$defs/dictionary"}},
        "dictionary_files": _LIST,
        "categories": {"type": "object", "additionalProperties": _MASK},
        "rules": {"type": "array", "items": {"$ref": "#/$defs/rules"}},
        "filters": {"type": "array", "items": {"$ref": "#/$defs/filters"}},
        "limits": {"type": "array", "items": {"$ref": "#/$defs/limits"}},
        "functions": _LIST,
    },
    "calendar": {"timezone": _TEXT, "holidays": _LIST, "workdays": _LIST},
    "session": {
        "description": _TEXT,
        "type": {"enum": ["text", "integer", "boolean"]},
        "values": _LIST,
        "pattern": _TEXT,
        "minimum": {"type": "integer"},
        "maximum": {"type": "integer"},
    },
    "dictionary": {
        "column": _TEXT,
        "category": _TEXT,
        "level": {"type": "integer", "minimum": 1, "maximum": MAX_LEVEL},
    },
    "rules": {
        "name": _TEXT,
        "description": _TEXT,
        "columns": {"$ref": "#/$defs/columns"},
        "when": {"type": ["string", "boolean"]},
        "rows": _TEXT,
        "treatment": {"oneOf": [{"enum": ["clear", "deny"]}, _MASK]},
        "on_write": {"enum": ["preserve", "deny", "allow"]},
        "search": _PERMISSION,
        "join": _PERMISSION,
        "explain": {"enum": ["allow", "deny"]},
    },
    "limits": {
        "name": _TEXT,
        "description": _TEXT,
        "when": {"type": ["string", "boolean"]},
        **{key: {"type": "integer", "minimum": 1} for key in _LIMITS},
    },
    "filters": {
        "name": _TEXT,
        "description": _TEXT,
        "tables": _TEXTS,
        "when": {"type": ["string", "boolean"]},
        "rows": _TEXT,
    },
    "columns": {
        "category": _TEXTS,
        "level": {"oneOf": [_LEVEL, {"type": "array", "items": _LEVEL}]},
        "schema": _TEXTS,
        "table": _TEXTS,
        "column": _TEXTS,
    },
}
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "policies": ("version",),
    "dictionary": ("column", "category"),
    "rules": ("name", "columns", "treatment"),
    "filters": ("name", "tables", "rows"),
    "limits": ("name",),
}


def policies_schema() -> Node:
    """The shape of a policy file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Louver policies",
        **_object(SCHEMA["policies"], "policies"),
        "$defs": _definitions(),
    }


def dictionary_schema() -> Node:
    """The shape of a dictionary file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Louver dictionary",
        **_object(DICTIONARY_FILE, "policies"),
        "$defs": _definitions(),
    }


def trials_schema() -> Node:
    """The shape of a file of tests."""
    of_grants: dict[str, Node] = {"columns": {"type": "object"}, "rows": _TEXT, "purpose": _TEXT}
    grant = {
        "type": "object",
        "properties": {key: of_grants.get(key, _ANY) for key in trials.GRANT},
        "required": ["columns"],
        "additionalProperties": False,
    }
    kinds: dict[str, Node] = {
        "name": _TEXT,
        "as": {"type": ["string", "object"]},
        "session": {"type": "object", "properties": dict.fromkeys(trials.SESSION, _ANY), "additionalProperties": False},
        "grants": {"type": "array", "items": grant},
        "columns": {"type": "object", "additionalProperties": {"$ref": "#/$defs/expected"}},
        "tables": {"type": "object", "additionalProperties": {"$ref": "#/$defs/rows"}},
        "limit": {"$ref": "#/$defs/limit"},
        "query": _TEXT,
        "rows": {"type": "array", "items": {"type": "array"}},
        "refused": _TEXT,
    }
    expected: dict[str, Node] = {
        "treatment": {"enum": ["clear", "mask", "deny"]},
        "mask": _ANY,
        "rows": _TEXT,
        "otherwise": _MASK,
        "rule": _TEXT,
    }
    test = {
        "type": "object",
        "properties": {key: kinds.get(key, _ANY) for key in trials.TRIAL},
        "required": ["name", "as"],
        "additionalProperties": False,
    }
    shapes = [
        {"enum": ["clear", "mask", "deny"]},
        _MASK,
        {
            "type": "object",
            "properties": {key: expected.get(key, _ANY) for key in trials.EXPECTED},
            "additionalProperties": False,
        },
    ]
    properties: dict[str, Node] = {
        "version": {"const": 1},
        "description": _TEXT,
        "policies": _TEXT,
        "people": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
        "tests": {"type": "array", "items": test},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Louver tests of policies",
        "type": "object",
        "properties": {key: properties.get(key, _ANY) for key in trials.FILE},
        "required": ["version", "tests"],
        "additionalProperties": False,
        "$defs": {"expected": {"anyOf": shapes}, "mask": _mask(), "rows": _rows(), "limit": _limit()},
    }


def _rows() -> Node:
    """What a test expects of the rows of a table."""
    table = {"type": "object", "properties": dict.fromkeys(expectations.TABLE, _TEXT), "additionalProperties": False}
    return {"anyOf": [{"enum": list(expectations.ROWS)}, table]}


def _limit() -> Node:
    """What a test expects of how much may be read."""
    number = {"type": "integer", "minimum": 1, "maximum": MOST}
    properties = {key: _TEXT if key == "name" else number for key in expectations.LIMIT}
    return {"anyOf": [{"const": "none"}, {"type": "object", "properties": properties, "additionalProperties": False}]}


def _definitions() -> dict[str, Node]:
    shapes = {name: _object(keys, name) for name, keys in SCHEMA.items() if name != "policies"}
    return {**shapes, "mask": _mask()}


def _object(keys: Iterable[str], name: str) -> Node:
    kinds = _KINDS.get(name, {})
    return {
        "type": "object",
        "properties": {key: kinds.get(key, _ANY) for key in keys},
        "required": list(_REQUIRED.get(name, ())),
        "additionalProperties": False,
    }


def _mask() -> Node:
    """A mask by its bare name, or with its parameters."""
    return {"anyOf": [{"enum": sorted(SCHEMAS)}, *(_parameters(mask) for mask in SCHEMAS.values())]}


def _parameters(mask: MaskSchema) -> Node:
    return {
        "type": "object",
        "description": mask.summary,
        "properties": {
            "mask": {"const": mask.name},
            **{name: _parameter(parameter) for name, parameter in mask.parameters.items()},
        },
        "required": ["mask", *(name for name, each in mask.parameters.items() if each.default is None)],
        "additionalProperties": False,
    }


def _parameter(parameter: Parameter) -> Node:
    told: Node = {"description": parameter.meaning}
    if parameter.kind == "integer":
        return {**told, "type": "integer", "minimum": parameter.minimum, "maximum": parameter.maximum}
    if parameter.kind == "boolean":
        return {**told, "type": "boolean"}
    if parameter.choices:
        return {**told, "enum": list(parameter.choices)}
    return told
