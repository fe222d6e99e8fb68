"""Definitions of code by callers with masked columns: functions, procedures, aggregates, triggers, ranges, extensions.

Owns what must hold when such code is made, renamed or moved: it is harmless for the caller who does so, and has no name of
the server's own. So nothing that a transaction has changed and the catalog does not show yet can be harmful, and code of a
masked caller cannot be taken for a built-in by those who see clear values. May not do: judge code (`rewriter.postgres.code`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres.bodies import READ, body_of, selected, written_body
from rewriter.postgres.catalog import LOCKED, Function
from rewriter.postgres.examination import Examined, quoted_path
from rewriter.postgres.functions import HARMLESS_EXTENSIONS
from rewriter.postgres.handed import is_handed
from rewriter.postgres.plpgsql_words import Unreadable

if TYPE_CHECKING:
    from rewriter.postgres.bodies import Part
    from rewriter.postgres.code import Judge, Verdict
    from rewriter.postgres.scopes import Findings

Node = dict[str, Any]

_HINT = "Ask an administrator to create it, and to list its functions in the policies when masked callers shall use it."
_RUN_BY_AGGREGATES = frozenset(
    {"sfunc", "finalfunc", "combinefunc", "serialfunc", "deserialfunc", "msfunc", "minvfunc", "mfinalfunc"}
)
_RUN_BY_RANGES = frozenset({"canonical", "subtype_diff"})
_ROUTINES = frozenset({"OBJECT_FUNCTION", "OBJECT_PROCEDURE", "OBJECT_ROUTINE", "OBJECT_AGGREGATE"})
_TYPES = frozenset({"OBJECT_TYPE", "OBJECT_DOMAIN", "OBJECT_TABLE", "OBJECT_FOREIGN_TABLE"})


def used_by_definition(kind: str, fields: Node, found: Findings, judge: Judge) -> None:
    """Add to the findings of a definition the functions, operators and types that it puts to use; raises Refusal.

    They are judged with those that it calls.
    """
    if kind == "CreateTrigStmt":
        if fields.get("deferrable"):
            message = "a deferrable trigger is not available to you, because columns are masked for you"
            raise Refusal("0A000", message, hint="Leave DEFERRABLE out.")
        found.functions.append({"funcname": fields["funcname"], "func_variadic": True})
    elif kind == "DefineStmt":
        _defined(fields, found, judge)
    elif kind == "CreateRangeStmt":
        _run_by(fields.get("params", []), _RUN_BY_RANGES, found)
        _check_order(fields.get("params", []))
    elif kind in {"RenameStmt", "AlterObjectSchemaStmt"}:
        _moved(kind, fields, found, judge)
    elif kind == "AlterFunctionStmt" and any(item["DefElem"]["defname"] == "set" for item in fields["actions"]):
        raise Refusal("42501", "SET in ALTER FUNCTION is not available to you", hint="Create it anew with the setting.")
    elif kind == "CreateExtensionStmt":
        _extension(fields)


def created_function(fields: Node, data: bytes, judge: Judge) -> Verdict:
    """The verdict on a function or procedure of a CreateFunctionStmt, which must have a name of its own."""
    name = [part["String"]["sval"] for part in fields["funcname"]]
    _own_name(name[-1], judge)
    options = _options(fields)
    language, body = _body(options)
    types = tuple(
        str(kind["names"][-1]["String"]["sval"])
        for kind in (
            *(item["FunctionParameter"]["argType"] for item in fields.get("parameters", [])),
            fields.get("returnType"),
        )
        if kind is not None and kind.get("names")
    )
    created = Function(
        schema=name[-2] if len(name) > 1 else "",
        name=name[-1],
        kind="p" if fields.get("is_procedure") else "f",
        language=language,
        body=body,
        most=1000,
        settings=_settings(options),
        types=types,
    )
    # it may call itself
    written = {(None, created.name): (created,), (created.schema, created.name): (created,)}
    names = dataclasses.replace(judge.names, functions={**judge.names.functions, **written})
    judge = type(judge)(judge.catalog, names, judge.world, judge.key, judge.listed)
    try:
        parts = _parts(fields, data, language, body)
    except Unreadable as unreadable:
        return judge.verdict_on(Examined(str(unreadable)))
    return judge.verdict_on(judge.examiner.examine(parts, created.settings, (), types))


def _parts(fields: Node, data: bytes, language: str, body: str | None) -> list[Part]:
    defaults = [item["FunctionParameter"].get("defexpr") for item in fields.get("parameters", [])]
    parts = [selected(default, data) for default in defaults if default is not None]
    if "sql_body" in fields:
        return parts + body_of({"CreateFunctionStmt": fields}, data)
    if body is None:
        raise Unreadable(f"its body is in the language {language}")
    return parts + written_body(language, body)


def _options(fields: Node) -> list[tuple[str, Node]]:
    return [(item["DefElem"]["defname"], item["DefElem"].get("arg", {})) for item in fields.get("options", [])]


def _body(options: list[tuple[str, Node]]) -> tuple[str, str | None]:
    """(language, body); the body is None when it is not one text."""
    language, body = "sql", None
    for name, value in options:
        if name == "language":
            language = str(value["String"].get("sval", "")).lower()
        elif name == "as":
            items = value["List"]["items"]
            body = str(items[0]["String"].get("sval", "")) if len(items) == 1 else None
    return language, body if language in READ else None


def _settings(options: list[tuple[str, Node]]) -> tuple[tuple[str, str], ...]:
    """The SET clauses as the server keeps them. FROM CURRENT is only known to the session: a path like "$user"."""
    found = []
    for name, value in options:
        if name != "set":
            continue
        setting = value["VariableSetStmt"]
        words = [
            str(next(iter(item["A_Const"].values())).get("sval", "")) if "A_Const" in item else "$user"
            for item in setting.get("args", [])
        ]
        given = setting.get("kind") == "VAR_SET_VALUE"
        found.append((str(setting.get("name", "")), quoted_path(words) if given else '"$user"'))
    return tuple(found)


def _defined(fields: Node, found: Findings, judge: Judge) -> None:
    kind = fields.get("kind")
    name = fields["defnames"][-1]["String"]["sval"]
    if kind == "OBJECT_AGGREGATE":
        _own_name(name, judge)
        _run_by(fields.get("definition", []), _RUN_BY_AGGREGATES, found)
        for item in fields.get("definition", []):
            if item["DefElem"]["defname"] == "sortop":
                found.operators.append(({}, item["DefElem"]["arg"]["List"]["items"]))
    elif kind not in {"OBJECT_COLLATION", "OBJECT_TSCONFIGURATION"}:
        what = str(kind).removeprefix("OBJECT_").replace("TS", "TEXT SEARCH ")
        raise Refusal("0A000", f"CREATE {what} is not available to you, because columns are masked for you", hint=_HINT)


def _run_by(definition: list[Node], names: frozenset[str], found: Findings) -> None:
    for item in definition:
        element = item["DefElem"]
        if element["defname"] in names and "TypeName" in element.get("arg", {}):
            found.functions.append({"funcname": element["arg"]["TypeName"]["names"], "func_variadic": True})


def _check_order(params: list[Node]) -> None:
    """Refuse an order of users for a range: its functions run whenever a value of the range is made."""
    for item in params:
        element = item["DefElem"]
        names = element.get("arg", {}).get("TypeName", {}).get("names", [])
        if element["defname"] == "subtype_opclass" and (len(names) < 2 or names[-2]["String"]["sval"] != "pg_catalog"):
            message = "subtype_opclass outside pg_catalog is not available to you, because columns are masked for you"
            raise Refusal("0A000", message, hint="Leave it out, or name an operator class as pg_catalog.name.")


def _moved(kind: str, fields: Node, found: Findings, judge: Judge) -> None:
    """RENAME and SET SCHEMA: what gets another name has to be harmless, for it may take over a harmless one's."""
    what = fields.get("renameType" if kind == "RenameStmt" else "objectType")
    thing = fields.get("object", {})
    if what in _ROUTINES:
        found.functions.append({"funcname": thing["ObjectWithArgs"]["objname"], "func_variadic": True})
        _own_name(
            fields["newname"] if kind == "RenameStmt" else thing["ObjectWithArgs"]["objname"][-1]["String"]["sval"],
            judge,
        )
    elif what == "OBJECT_OPERATOR":
        found.operators.append(({}, thing["ObjectWithArgs"]["objname"]))
    elif what in _TYPES and "List" in thing:
        found.types.append({"names": thing["List"]["items"]})
    elif what in _TYPES and "relation" in fields:
        found.types.append({"names": [{"String": {"sval": fields["relation"]["relname"]}}]})
    elif what == "OBJECT_SCHEMA":
        for function in sorted(judge.catalog.functions):
            if function[0] == fields.get("subname") and (reason := judge.verdict(function).reason) is not None:
                message = f"renaming schema {function[0]} is not allowed: of {'.'.join(function)}(), {reason}"
                raise Refusal("42501", message, hint="Ask an administrator to do this.")


def _extension(fields: Node) -> None:
    name = fields["extname"]
    cascades = any(item["DefElem"]["defname"] == "cascade" for item in fields.get("options", []))
    if name not in HARMLESS_EXTENSIONS or cascades:
        what = f"CREATE EXTENSION {name}" + (" CASCADE" if cascades else "")
        raise Refusal("0A000", f"{what} is not available to you, because columns are masked for you", hint=_HINT)


def _own_name(name: str, judge: Judge) -> None:
    if name in judge.catalog.builtins:
        message = f"{name} is the name of a built-in function, which others could call yours in place of"
        raise Refusal("42501", message, hint="Give it another name.")
    if not judge.catalog.whole:
        message = f"whether functions named {name} are handed values that are masked for you cannot be told now"
        raise Refusal("42501", message, hint=f"A definition cannot be read: {LOCKED}.")
    if is_handed(judge, name):
        message = f"{name} is the name of a function that may be handed values which are masked for you"
        raise Refusal("42501", message, hint="Give it another name, or ask an administrator to do this.")
