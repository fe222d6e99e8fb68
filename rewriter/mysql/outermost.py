"""The kind of a text, as the conditions of rules see it: that of its outermost statement.

Owns the translation of `rewriter.mysql.kinds` into `policies.statements.KINDS`. May not do: rule. What is kept to be run later
(PREPARE), explained, or of several kinds has none for certain, and is decided as strictly as can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rewriter.model import Refusal
from rewriter.mysql.kinds import kind_of as named
from rewriter.mysql.lexer import unwrap
from rewriter.mysql.reading import read

if TYPE_CHECKING:
    from policies.statements import Kind
    from rewriter.mysql.catalog import Catalog, Facts

_KINDS: Final[dict[str, Kind]] = {
    "SELECT": "select",
    "INSERT": "insert",
    "REPLACE": "insert",
    "UPDATE": "update",
    "DELETE": "delete",
    "CREATE TABLE": "create",
}


def kind_of(text: str, catalog: Catalog, facts: Facts) -> Kind | None:
    """The kind of a text; None where it is not certain. Raises nothing."""
    try:
        plain, _ = unwrap(text, facts.modes, catalog)
        statements = read(plain, facts.modes).statements
    except Refusal:
        return None
    kinds = {_KINDS.get(named(statement)) for statement in statements}
    return kinds.pop() if len(kinds) == 1 else None
