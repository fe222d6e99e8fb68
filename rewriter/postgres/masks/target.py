"""The type a masked value must have: families of types, their bounds, and the constant that hides any value.

Owns what the masks know of PostgreSQL's types. May not do: look anything up; all is read off the `Column`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rewriter.keys import KeyMaterial
from rewriter.postgres.masks.literals import literal, typed

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Column

TEXTS: Final = frozenset({"text", "varchar", "bpchar", "name"})
INTEGERS: Final[Mapping[str, int]] = {"int2": 15, "int4": 31, "int8": 63}
"""Bits of magnitude."""
FLOATS: Final = frozenset({"float4", "float8"})
DATES: Final = frozenset({"date", "timestamp", "timestamptz"})

_HIDDEN: Final[Mapping[str, str]] = {
    **dict.fromkeys(("int2", "int4", "int8", "numeric", "float4", "float8", "oid", "money"), "0"),
    "bool": "false",
    "char": "*",
    "date": "1970-01-01",
    "timestamp": "1970-01-01 00:00:00",
    "timestamptz": "1970-01-01 00:00:00+00",
    "time": "00:00:00",
    "timetz": "00:00:00+00",
    "interval": "0 seconds",
    "bytea": "",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "json": "{}",
    "jsonb": "{}",
    "jsonpath": "$",
    "inet": "0.0.0.0",  # noqa: S104  a constant that is shown, nothing listens on it
    "cidr": "0.0.0.0/32",
    "macaddr": "00:00:00:00:00:00",
    "macaddr8": "00:00:00:00:00:00:00:00",
    "bit": "0",
    "varbit": "",
    "xml": "<masked/>",
    "tsvector": "",
    "tsquery": "'*'",  # an empty one is read with a NOTICE
    "point": "(0,0)",
    "line": "{1,0,0}",
    "lseg": "[(0,0),(0,0)]",
    "box": "(0,0),(0,0)",
    "path": "((0,0))",
    "polygon": "((0,0))",
    "circle": "<(0,0),0>",
    "pg_lsn": "0/0",
    **dict.fromkeys(("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"), "empty"),
    **dict.fromkeys(
        ("int4multirange", "int8multirange", "nummultirange", "tsmultirange", "tstzmultirange", "datemultirange"), "{}"
    ),
}
"""What `full` shows of each built-in type that is not text. Written so that no session setting changes its reading."""

_TYPE_NAME = re.compile(
    r"""(?P<schema>"(?:[^"]|"")+"|\w+)\.(?P<name>"(?:[^"]|"")+"|\w+)
        (?:\((?P<modifiers>-?\d+(?:\s*,\s*-?\d+)*)\))?(?P<rest>.*)""",
    re.VERBOSE,
)
_PADDING = 4  # characters that stand for hidden text, whatever its length


@dataclass(frozen=True, slots=True)
class Target:
    """The type of a masked column. `collation` is None where that of the type is what an expression has anyway.

    `base` is the built-in type, "array" for an array of any type, "" for a type that no mask knows. `cast` is what
    the masked value is cast to: the column's type, or what it is based on when that is a domain. `modifiers` are the numbers
    behind the type's name: (length,) or (precision, scale).
    """

    base: str
    cast: str
    modifiers: tuple[int, ...] = ()
    collation: str | None = None

    @property
    def needs_cast(self) -> bool:
        """True when what a mask makes is not yet of the column's type: text of a narrower type, or any with modifiers."""
        return (self.base in TEXTS and self.base != "text") or "(" in self.cast

    @property
    def length(self) -> int | None:
        """Characters a text may have, or None for any number."""
        if self.base == "name":
            return 63
        return self.modifiers[0] if self.base in TEXTS and self.modifiers else None


@dataclass(frozen=True, slots=True)
class Request:
    """What a mask is asked for: the type to keep, the SQL that reads the value, the parameters, the key if there is one."""

    target: Target
    reference: str
    parameters: Mapping[str, str | int | bool]
    key: KeyMaterial | None = None

    @property
    def text(self) -> str:
        """SQL for a value of a character type as text.

        Nothing is written where the server does the same unasked: a varchar is text. Under a column's own collation,
        which may be nondeterministic, searching in text can fail, so there bytes are compared.
        """
        if self.target.collation is not None:
            return f'({self.reference}::pg_catalog.text COLLATE pg_catalog."C")'
        if self.target.base == "bpchar":
            return f"({self.reference}::pg_catalog.text)"
        return self.reference


def target_of(column: Column) -> Target:
    """Read a column's type.

    A domain is replaced by its base type: a masked value need not meet the domain's CHECK, and the error would say
    so. On the wire nothing changes, for the server describes a domain by its base type (printtup.c).
    """
    base = column.base_type
    match = _TYPE_NAME.fullmatch(column.type_name)
    if match is None:
        return Target("", column.type_name)
    own_name = match["name"].strip('"')
    builtin = match["schema"].strip('"') == "pg_catalog"
    if match["rest"].endswith("]") or (builtin and own_name == base and _is_array(base)):
        return Target("array", column.type_name)
    if not builtin:
        return _based_on(column)
    if own_name != base or not is_known(base):
        return Target("", column.type_name)
    modifiers = tuple(int(number) for number in match["modifiers"].split(",")) if match["modifiers"] else ()
    return Target(base, column.type_name, modifiers, _collation(column, base))


def element_of(column: Column) -> Column | None:
    """An element of an array, as a column of its own; None of a type that no mask knows."""
    match = _TYPE_NAME.fullmatch(column.type_name)
    if match is None or not _is_array(column.base_type):
        return None
    base = column.base_type[1:]
    own = match["schema"].strip('"') == "pg_catalog" and match["name"].strip('"') in {base, column.base_type}
    if match["rest"].endswith("]") and not own:
        return None  # of a domain, which keeps its CHECK
    modifiers = f"({match['modifiers']})" if own and match["modifiers"] else ""
    return replace(column, type_name=f"pg_catalog.{base}{modifiers}", base_type=base)


def _based_on(column: Column) -> Target:
    base = column.base_type
    if is_known(base):
        # a domain may bring a collation that the column's description does not tell
        return Target(
            base,
            f"pg_catalog.{base}",
            (),
            _collation(column, base) or ('pg_catalog."default"' if base in TEXTS else None),
        )
    if _is_array(base):
        return Target("array", f"pg_catalog.{base}")
    schema, dot, name = base.partition(".")
    own_name = [part.strip('"') for part in column.type_name.rsplit(".", 1)]
    if not dot or own_name == [schema, name]:
        return Target("", column.type_name)
    return Target("", f"{_quoted(schema)}.{_quoted(name)}")  # a domain; its base type's name comes unquoted


def is_known(base: str) -> bool:
    """Tell whether a base type is one that `full` has a constant for."""
    return base in _HIDDEN or base in TEXTS


def _is_array(base: str) -> bool:
    """Arrays are named after their elements; a user's type of such a name is not in pg_catalog."""
    return base.startswith("_") and is_known(base[1:])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _collation(column: Column, base: str) -> str | None:
    if base not in TEXTS:
        return None
    if column.collation is not None:
        return column.collation
    return 'pg_catalog."C"' if base == "name" else None


def hidden(target: Target, character: str = "*") -> str:
    """Give the constant that `full` shows: the same whatever the value is."""
    if target.base in TEXTS:
        return literal(padding(target, character))
    if target.base == "char":
        return typed(character, "char")
    if target.base == "bit":
        return f"({literal('0')}::pg_catalog.bit({target.modifiers[0]}))" if target.modifiers else typed("0", "bit")
    if target.base == "array":
        return f"({literal('{}')}::{target.cast})"
    if target.base in _HIDDEN:
        return typed(_HIDDEN[target.base], target.base)
    return f"(NULL::{target.cast})"


def padding(target: Target, character: str, taken: int = 0) -> str:
    """Give the pad that stands for hidden characters: four, or as many as the column's type leaves."""
    room = _PADDING if target.length is None else target.length - taken
    return character * max(1, min(_PADDING, room))
