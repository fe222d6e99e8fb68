"""Settings a caller with masked columns may not change or see: SET, RESET, SHOW, set_config and current_setting.

Owns the list of settings on which the reading of statements or the masks depend. May not do: keep any state; the
session follows what the server reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres.functions import SETTING_FUNCTIONS
from rewriter.postgres.kinds import NAME_SETTINGS
from rewriter.postgres.reading import position

if TYPE_CHECKING:
    from rewriter.postgres.scopes import Findings

Node = dict[str, Any]

_OWN = "louver."  # where the proxy keeps what its masks need

_ON = frozenset({"on", "true", "yes", "1", "t", "y"})

# pg_dump 17 sets whatever pg_settings calls restrict_nonsystem_relation_kind to this. No setting that matters here
# takes it, but for search_path.
_HARMLESS_VALUES = frozenset({"view, foreign-table"})

_REFUSED = {
    "session_replication_role": "it would switch off triggers and foreign keys",
    "debug_print_parse": "it would show the inside of the masked statement",
    "debug_print_rewritten": "it would show the inside of the masked statement",
    "debug_print_plan": "it would show statistics of hidden values",
    "trace_sort": "it would show the sizes of hidden values",
    "auto_explain": "it would show the plan of the masked statement",
}


def check_set(statement: Node, *, is_open: bool = False) -> None:
    """Check a VariableSetStmt (SET, RESET and their forms); raises Refusal 42501. `is_open`: nothing is hidden from the caller."""
    name = str(statement.get("name", "")).lower()
    _refuse_own(name, "SET")
    if statement.get("kind") == "VAR_SET_VALUE":
        _check_value(name, _literal(statement.get("args", [])[:1]), is_open=is_open)


def check_option(name: str, value: str) -> None:
    """Check a SET clause of a function; raises Refusal 42501. The search path is not looked at here."""
    _refuse_own(name.lower(), "SET")
    _check_value(name.lower(), value)


def check_show(statement: Node) -> None:
    """Check a VariableShowStmt; raises Refusal 42501."""
    _refuse_own(str(statement.get("name", "")).lower(), "SHOW")


def check_calls(data: bytes, found: Findings, *, keyed: bool, is_open: bool = False) -> tuple[bool, bool]:
    """Check every set_config and current_setting of a statement: (calls one of them, changes what names mean).

    `keyed`: the session holds the key of keyed masks; `is_open`: nothing is hidden from the caller. Raises Refusal 42501 when the name of the setting is not a plain
    string, so that it cannot be judged, and the call could read the key or change how statements are read.
    """
    calls = changes_names = False
    for call in found.functions:
        function = call["funcname"][-1]["String"]["sval"]
        if function not in SETTING_FUNCTIONS:
            continue
        calls = True
        where = position(data, call)
        name = _literal(call.get("args", [])[:1])
        value = _literal(call.get("args", [])[1:2])
        if name is not None:
            _refuse_own(name.lower(), function, where)
            if function == "set_config":
                _check_value(name.lower(), value, where, is_open=is_open)
                changes_names |= name.lower() in NAME_SETTINGS
        elif function == "set_config" and (value in _HARMLESS_VALUES or is_open):
            changes_names = True
        elif function == "set_config" or keyed:
            message = f"{function}() is only allowed with the name of the setting as a plain string"
            raise Refusal("42501", message, hint=f"Write {function}('name' ...), or use SET or SHOW.", position=where)
    return calls, changes_names


def _check_value(name: str, value: str | None, where: int | None = None, *, is_open: bool = False) -> None:
    """Check the value that a setting shall get; None stands for one that only the server will know."""
    reason = _REFUSED["auto_explain"] if name.startswith("auto_explain.") else _REFUSED.get(name)
    if reason is not None and not is_open:
        raise Refusal("42501", f"changing {name} is not allowed for you", detail=f"Reason: {reason}.", position=where)
    if name == "standard_conforming_strings" and (value is None or value.lower() not in _ON):
        message = "standard_conforming_strings must stay on"
        raise Refusal("42501", message, hint="Write escapes as E'...' instead.", position=where)
    if name in {"client_encoding", "names"} and (value is None or _encoding(value) not in {"utf8", "unicode"}):
        raise Refusal("42501", "client_encoding must stay UTF8", hint="Convert in the client instead.", position=where)


def _encoding(value: str) -> str:
    """An encoding's name as the server compares it: letters and digits in lower case (encnames.c)."""
    return "".join(character for character in value.lower() if character.isascii() and character.isalnum())


def _refuse_own(name: str, what: str, where: int | None = None) -> None:
    if name.startswith(_OWN):
        raise Refusal(
            "42501", f"{what} of {_OWN}* is not allowed", detail="These settings belong to the proxy.", position=where
        )


def _literal(arguments: list[Node]) -> str | None:
    """The text of the first argument when it is a plain constant, else None."""
    constant = arguments[0].get("A_Const") if arguments else None
    if constant is None:
        return None
    for form in ("sval", "ival", "boolval", "fval"):
        if form in constant:
            return str(constant[form].get(form, "")).lower() if form == "boolval" else str(constant[form].get(form, ""))
    return None
