"""The kind of a text, as the conditions of rules see it: that of its outermost statement, where nothing else runs with it.

Owns the translation of statement nodes into `policies.statements.KINDS`. May not do: rule. What is kept to be run later (cursors,
PREPARE), explained, or of several kinds has none for certain, and is decided as strictly as can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rewriter.model import Refusal
from rewriter.postgres.kinds import changes
from rewriter.postgres.reading import encode, parse
from rewriter.postgres.scopes import walk

if TYPE_CHECKING:
    from policies.statements import Kind

_KINDS: Final[dict[str, Kind]] = {
    "SelectStmt": "select",
    "InsertStmt": "insert",
    "UpdateStmt": "update",
    "DeleteStmt": "delete",
    "CopyStmt": "copy",
    "CreateTableAsStmt": "create",
}
_CHANGES: Final = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


def kind_of(text: str) -> Kind | None:
    """The kind of a text; None where it is not certain. Raises nothing."""
    try:
        statements = parse(encode(text))
    except Refusal:
        return None
    kinds = {_of(statement["stmt"]) for statement in statements}
    return kinds.pop() if len(kinds) == 1 else None


def _of(statement: dict[str, Any]) -> Kind | None:
    name = next(iter(statement))
    within = _CHANGES.intersection(walk(statement).kinds)
    if within - {name}:
        return None
    if name == "SelectStmt" and changes(statement)[1]:  # SELECT INTO
        return "create"
    return _KINDS.get(name)
