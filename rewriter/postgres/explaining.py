"""`explain: allow`: whose statements' plans a caller may see, and what a plan must never show.

A plan and its estimates are made from statistics of the real values, and with ANALYZE it counts pages and bytes of them. So
EXPLAIN passes where the rules of all hidden columns of all relations in the plan allow that. It is edited as the statement itself,
so that the plan holds the masks: a constant or an argument in it is the policies' or the caller's own, never a stored value.
Owns the permission. May not do: rule on the statement that is explained, or edit it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.model import Refusal
from rewriter.postgres.definitions import definitions_of
from rewriter.postgres.telling import family_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policies.model import Treatment
    from rewriter.postgres.catalog import Catalog
    from rewriter.postgres.masks import KeyMaterial
    from rewriter.postgres.substitution import Splice
    from rewriter.postgres.world import World

_STATISTICS = "Plans and their estimates are made from statistics of the hidden values."
_HINT = "Run the statement itself, use louver explain to see how it is rewritten, or have a rule allow it by `explain: allow`."


def check(
    relations: Iterable[tuple[str, str]], world: World, catalog: Catalog, *, keyed: bool, everything: bool
) -> None:
    """Refuse the plan of a statement over `relations`, (schema, name), unless the rules of what they hide allow it.

    `everything`: what the plan reads is not known, as of EXECUTE and of listed functions that the planner puts in place;
    then all that is hidden must be allowed, and no mask be `keyed`. Raises Refusal 42501.
    """
    closed = keyed or bool(world.filters)
    if everything and (closed or not all(_allowed(columns) for columns in world.treatments.values())):
        message = "EXPLAIN of a prepared statement, or of functions that the policies list, is not available to you"
        raise Refusal("42501", message, detail=_STATISTICS, hint="Use EXPLAIN on the statement itself.")
    # a name that is not there is the session's own, or made in its transaction from nothing that is protected
    waiting = [oid for oid in map(catalog.names.get, relations) if oid is not None]
    seen = set(waiting)
    for oid in waiting:
        if oid in world.views:  # what is behind a view that is written, too
            behind = definitions_of(catalog)[oid].sources - seen
            seen |= behind
            waiting += sorted(behind)
        for member in family_of(catalog.relations[oid], catalog):
            if member.oid in world.filters or not _allowed(world.treatments.get(member.oid, {})):
                full = f"{member.schema}.{member.name}"
                message = f"EXPLAIN of a statement that reads or writes protected {full} is not available to you"
                raise Refusal("42501", message, detail=_STATISTICS, hint=_HINT)


def check_edits(splices: Iterable[Splice], key: KeyMaterial | None) -> None:
    """Refuse a plan that would show how keyed masks find their key. Raises Refusal 42501."""
    if key is not None and any(key.name in splice.replacement for splice in splices):
        message = "EXPLAIN is not available to you where a keyed mask is applied"
        detail = "The plan would show where its key is kept."
        raise Refusal("42501", message, detail=detail, hint="Leave the columns out, or use louver explain.")


def _allowed(treatments: Mapping[str, Treatment]) -> bool:
    return all(treatment.explain for treatment in treatments.values() if treatment.hides)
