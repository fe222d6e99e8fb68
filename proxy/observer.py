"""What a statement reads and runs, for the audit: what its caller sees clear, and of a refused one all that it would have read.

Owns what the gates of all databases have in common of that, over `proxy.seen` and `proxy.code`. May not do: rule; nothing here changes
what leaves.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic

from proxy.code import Code, standing
from proxy.seen import EVERYTHING, Attempt, attempted, labelled, seen, words
from proxy.world import C, N, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policies.model import ColumnName, Decision
    from policies.statements import Kind
    from proxy.seen import Reading
    from rewriter.model import Description, Use

log = logging.getLogger(__name__)


class Observer(ABC, Generic[C, N]):
    """Reads statements without ruling them."""

    _odd_bytes: str = "strict"
    """How bytes that are no UTF-8 are read, as a handler of errors; they have to come out again as they came in."""

    _readers: frozenset[str] = frozenset()
    """Functions of the server's own that read what they are told in a text."""

    @abstractmethod
    def _kind(self, world: World[C, N], text: str) -> Kind | None:
        """The kind of a text, as conditions see it; None where it is not certain. Raises nothing."""

    @abstractmethod
    def _reads(self, world: World[C, N], decision: Decision, text: str) -> Reading:
        """What a text reads under a decision, in a world that need not be guarded. Raises what `_rewrite` raises."""

    @abstractmethod
    def _behind(self, catalog: C, schema: str | None, name: str) -> Iterable[tuple[str | None, str]]:
        """What a view reads and runs, of all relations that a name in lower case may mean; of a table its parents and children."""

    @abstractmethod
    def _code(self, catalog: C) -> Code:
        """The functions and procedures of users; the same object for the same catalog."""

    @abstractmethod
    def _describe(self, text: bytes) -> Description:
        """What a text is, for a caller from whom nothing is hidden; raises nothing."""

    def _names(self, text: bytes, description: Description) -> Iterable[tuple[str | None, str]]:
        """What a text may name of which nothing is known but its description: also what stands in statements that could not be read."""
        return {*description.relations, *words(text.decode(errors="replace"))}

    def _attempted(self, world: World[C, N], text: bytes) -> tuple[Decision, Attempt]:
        """What a refused statement would have read, and the decision by which. Raises nothing."""
        decision = world.decision
        try:
            if decision.kinds and world.names is not None:
                decision = decision.of_kind(self._kind(world, text.decode(errors="replace")) or "")
            description = self._describe(text)
            found = attempted(
                decision,
                lambda observed: self._reads(world, observed, text.decode(errors=self._odd_bytes)),
                description.relations,
                lambda: {*self._labelled(world, text, self._names(text, description)), *self._run(world, text)},
            )
        except Exception as error:  # noqa: BLE001  it is refused all the same; the message may hold its values
            log.error("fault while it was looked what a refused statement names: %s", type(error).__name__)  # noqa: TRY400
            found = Attempt((), ())
        return decision, found

    def _uses(
        self, world: World[C, N], text: bytes, told: Sequence[Use], relations: Iterable[tuple[str | None, str]]
    ) -> tuple[Use, ...]:
        """What a statement reads, for the audit: with what the ruling tells, what its caller sees clear."""
        return seen(
            world.decision,
            told,
            lambda decision: self._reads(world, decision, text.decode(errors=self._odd_bytes)),
            lambda: self._labelled(world, text, relations),
            lambda: self._run(world, text),
        )

    def _run(self, world: World[C, N], text: bytes) -> list[ColumnName]:
        """The labelled columns that code may read which a text runs."""
        names = standing(text.decode(errors="replace"), self._code(world.catalog))
        if names:  # of a table or a column, perhaps
            calls = self._describe(text).calls
            names &= names if calls is None else calls
        found = self._labelled(world, text, [(None, name) for name in names])
        return found if found or names.isdisjoint(self._readers) else self._labelled(world, text, [EVERYTHING])

    def _labelled(self, world: World[C, N], text: bytes, names: Iterable[tuple[str | None, str]]) -> list[ColumnName]:
        """The labelled columns of what a text names, and of what is behind that."""
        bodies = self._code(world.catalog).bodies

        def behind(schema: str | None, name: str) -> Iterable[tuple[str | None, str]]:
            yield from self._behind(world.catalog, schema, name)
            body = bodies.get(name)
            if body is not None:
                yield from ((None, each) for each in body.names)
                if body.open:
                    yield from words(text.decode(errors="replace"))

        return labelled(world.decision, names, behind)
