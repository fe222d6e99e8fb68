"""Stored functions, procedures and triggers, judged by their bodies.

Owns the judgement: code is harmless when nothing in it names anything protected, runs text, reads files or calls what is not
harmless. It is read as words, not parsed: a name anywhere counts, even within a string. May not do: look at a caller's statement
but for its calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.model import Refusal, UnknownNames
from rewriter.mysql.calls import calls_in
from rewriter.mysql.kinds import shows
from rewriter.mysql.lexer import lex, unwrap
from rewriter.mysql.names import SYSTEM_SCHEMAS, index_of
from rewriter.mysql.reading import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rewriter.mysql.calls import Call
    from rewriter.mysql.catalog import Catalog, Facts, Routine, Table, Trigger
    from rewriter.mysql.lexer import Token
    from rewriter.mysql.world import World

_MODES = (frozenset[str](), frozenset({"ANSI_QUOTES"}), frozenset({"NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"}))
"""Ways in which code may have been written: its own sql_mode is not known here, so it is read in each of them."""
_DYNAMIC = frozenset(
    {
        *("PREPARE", "EXECUTE", "HANDLER", "OUTFILE", "DUMPFILE", "INFILE", "LOAD_FILE", "PROCESSLIST", "BINLOG"),
        *("RELAYLOG", "KILL", "GLOBAL", "PERSIST", "PERSIST_ONLY", "SONAME", "PLUGIN", "COMPONENT", "FLUSH"),
        *("SHUTDOWN", "NAMES", "CHARACTER_SET_CLIENT", "SQL_MODE", "SESSION_TRACK_SYSTEM_VARIABLES", "OLD_MODE"),
        *("SESSION_TRACK_SCHEMA", "SESSION_TRACK_STATE_CHANGE", "STANDARD_COMPLIANT_CTE", "CONNECTION"),
    }
)
"""Words of what runs text, reads files, shows other people's statements, or changes how texts are read afterwards."""
_MAX_BODY = 1 << 18


class Judge:
    """Judges the routines of one catalog for one world; what it found is kept, so make it once for each."""

    def __init__(self, catalog: Catalog, world: World, listed: frozenset[str]) -> None:
        self._catalog = catalog
        self._world = world
        self._listed = {name.lower() for name in listed}
        self._verdicts: dict[tuple[str, str, str], str | None] = {}
        self._named: dict[str, list[Routine]] = {}
        for routine in catalog.routines.values():
            self._named.setdefault(routine.name.lower(), []).append(routine)

    def check_calls(self, calls: Iterable[Call], facts: Facts, *, sure: bool = True) -> None:
        """Refuse calls of functions that are not known to be harmless; raises UnknownNames for those to be looked up.

        Unless it is `sure` that they are calls, names that are no function's pass.
        """
        if self._world.open:
            return
        for call in calls:
            reason = self._against(call, facts, sure=sure)
            if reason is not None:
                message = f"function {call.name}() is not available to you: {reason}"
                hint = "Have the operator list it under `functions` when it is safe."
                raise Refusal("42000", message, hint=hint, position=call.position)

    def _against(self, call: Call, facts: Facts, *, sure: bool) -> str | None:
        schema = call.schema if call.schema is not None else facts.schema
        if schema is not None and schema.lower() in SYSTEM_SCHEMAS and call.schema is not None:
            return "it is one of the server's own procedures and functions, whose bodies are not examined"
        if call.name in self._catalog.loadable and not call.built_in:
            return "it comes from a library"
        routine = self.find(schema, call.name, "function")
        if routine is not None:
            return self.against(routine)
        if call.name == "load_file":
            return "it reads files of the server"
        if call.built_in or not sure:
            return None
        if schema is None or (schema, call.name) in facts.absent:
            return "it is not known"
        raise UnknownNames(frozenset(), frozenset({(schema, call.name)}))

    def find(self, schema: str | None, name: str, kind: str) -> Routine | None:
        """The routine of a written name; schemas are compared in any case, for a routine more is only judged."""
        for routine in self._named.get(name.lower(), ()):
            if routine.kind == kind and schema is not None and routine.schema.lower() == schema.lower():
                return routine
        return None

    def against(self, routine: Routine) -> str | None:
        """Why a routine may not run for this caller; None when it is harmless, or the policies list it."""
        if f"{routine.schema}.{routine.name}".lower() in self._listed:
            return None
        return self._judged(routine.kind, routine.schema, routine.name, routine.body)

    def against_triggers(self, table: Table, events: frozenset[str]) -> str | None:
        """Why writing a table may not fire its triggers."""
        hidden = self._world.hidden((table.schema, table.name))
        for trigger in table.triggers:
            if trigger.event.upper() not in events:
                continue
            if hidden and _uses_row(trigger, hidden):
                return f"its trigger {trigger.name} uses hidden columns"
            reason = self._judged("trigger", table.schema, trigger.name, trigger.body)
            if reason is not None:
                return f"its trigger {trigger.name} may not run: {reason}"
        return None

    def against_text(self, text: str) -> str | None:
        """Why code of this text, such as CREATE PROCEDURE, may not be made."""
        return self._examined(text)

    def _judged(self, kind: str, schema: str, name: str, body: str | None) -> str | None:
        place = (kind, schema, name)
        if place not in self._verdicts:
            before = set(self._verdicts)
            self._verdicts[place] = None  # one that calls itself is as harmless as the rest of it
            reason = self._examined(body)
            if reason is not None:  # what was found harmless on the way may have rested on this one
                self._verdicts = {each: self._verdicts[each] for each in before}
            self._verdicts[place] = reason
        return self._verdicts[place]

    def _examined(self, body: str | None) -> str | None:
        if body is None or len(body) > _MAX_BODY:
            return "its body cannot be read"
        try:
            texts = [unwrap(body, modes, self._catalog)[0] for modes in _MODES]
            readings = [(text, lex(text, modes)) for text, modes in zip(texts, _MODES, strict=True)]
        except Refusal:
            return "its body cannot be analysed"
        reasons = (self._of_tokens(text, tokens) for text, tokens in readings)
        return next((reason for reason in reasons if reason is not None), None)

    def _of_tokens(self, text: str, tokens: list[Token]) -> str | None:
        tables = index_of(self._catalog).named
        for index, token in enumerate(tokens):
            reason = _of_word(tokens, index)
            if reason is not None:
                return reason
            if not token.named:
                continue
            name = token.text.lower()
            if name in self._world.names or name in self._world.tied:
                return f"it names {name}, which is protected"
            if name in SYSTEM_SCHEMAS:
                return f"it names {name}, one of the server's own schemas"
            for table in tables.get(name, ()):
                reason = self.against_triggers(table, frozenset({"INSERT", "UPDATE", "DELETE"}))
                if reason is not None:
                    return f"it names {name}: {reason}"
        return self._of_calls(text, tokens)

    def _of_calls(self, text: str, tokens: list[Token]) -> str | None:
        for index, token in enumerate(tokens):
            if not token.named:
                continue
            for routine in self._named.get(token.text.lower(), ()):
                if self.against(routine) is not None:
                    return f"it names {routine.schema}.{routine.name}, which is not harmless"
            if token.text == "CALL" and not self._knows(tokens[index + 1 : index + 4]):
                return "it calls a procedure that is not known"
        for call in calls_in(Statement(tuple(tokens)), text, None):
            if call.name in self._catalog.loadable or call.name == "load_file":
                return f"it calls {call.name}()"
        return None

    def _knows(self, tokens: list[Token]) -> bool:
        return any(token.named and token.text.lower() in self._named for token in tokens)


def _of_word(tokens: list[Token], index: int) -> str | None:
    """Why a word may not stand in code."""
    token = tokens[index]
    if token.kind == "word" and token.text in _DYNAMIC:
        return f"it uses {token.text}"
    if token.kind == "word" and token.text == "SHOW" and not shows(Statement(tuple(tokens[index:]))):
        return "it shows what is not available"
    if token.kind == "variable" and token.text.startswith("louver"):
        return "it uses variables of the proxy"
    return None


def _uses_row(trigger: Trigger, hidden: frozenset[str]) -> bool:
    """Whether a trigger uses hidden columns of the row; their names anywhere count."""
    body = trigger.body.lower()
    return any(column in body for column in hidden)
