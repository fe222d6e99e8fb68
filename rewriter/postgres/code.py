"""User code: whether a function may run for a caller, judged by what its body and all that it calls touch.

Owns the verdicts. A function is harmless when nothing in it reads or writes a relation that is protected for the caller,
runs SQL text that only it knows, changes what names mean or uses a built-in function of the manifest, and the same holds for
all functions that it may call; what it is handed are masked values already. Names without a schema are taken to mean every
relation and function of that name, for a body runs under whatever search path is set when it runs, unless it sets its own.
May not do: read bodies (`rewriter.postgres.bodies`) or decide what is protected (`rewriter.postgres.world`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rewriter.kept import Kept
from rewriter.model import Name, Refusal, WrittenName
from rewriter.postgres.bodies import parts_of
from rewriter.postgres.catalog import Catalog, Names
from rewriter.postgres.examination import Examined, Examiner
from rewriter.postgres.masks import KeyMaterial
from rewriter.postgres.plpgsql_words import Unreadable
from rewriter.postgres.world import World

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Function
    from rewriter.postgres.functions import Use, Uses

_UNKNOWN = "its body is not known"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of user code. `reason` says why it may not run, None when it may.

    `changes_names`: running it changes what names mean (temporary tables, the end of a transaction). When anything is left
    in `unknown` (relations) or `unknown_functions` it has to be looked up first, and the verdict does not count.
    """

    reason: str | None = None
    changes_names: bool = False
    unknown: frozenset[WrittenName] = frozenset()
    unknown_functions: frozenset[WrittenName] = frozenset()
    inlines: bool = False  # it runs a listed function whose query a plan may show
    opaque: bool = False  # it may do anything, as it may only where nothing is hidden


@dataclass(slots=True)
class Judge:
    """Judges functions for one world and one meaning of names; verdicts are kept. `listed` need no judging."""

    catalog: Catalog
    names: Names
    world: World
    key: KeyMaterial | None
    listed: frozenset[str]
    examiner: Examiner = field(init=False)
    asked: int = 0  # verdicts so far
    inlined: int = 0  # of these, how many on code whose listed functions a plan may show
    opaque: int = 0  # of these, how many on code that may do anything
    is_open: bool = field(init=False)  # nothing is hidden from the caller: all code is harmless
    _verdicts: dict[tuple[Name, int | None, frozenset[str]], Verdict] = field(default_factory=dict)
    # by identity of a Function of the catalog or names
    _examined: dict[tuple[int, frozenset[str]], Examined] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.examiner = Examiner(self.catalog, self.names, self.world, keyed=self.key is not None)
        self.is_open = self.world.open and self.key is None

    def verdict(
        self, function: Name, arguments: int | None = None, transitions: frozenset[str] = frozenset()
    ) -> Verdict:
        """The verdict on all functions of a name that take so many arguments (None: any).

        `transitions` are names of transition tables that a trigger gives to this function alone.
        """
        self.asked += 1
        key = (function, arguments, transitions)
        known = self._verdicts.get(key)
        if known is None:
            known = self._verdicts[key] = self._follow([(function, arguments, "")], transitions)
        self.inlined += known.inlines
        self.opaque += known.opaque
        return known

    def verdict_on(self, examined: Examined) -> Verdict:
        """The verdict on code that was examined already, with all that it calls."""
        if examined.reason is not None:
            harmful = self._harmful(examined.reason)
            self.opaque += harmful.opaque
            return harmful
        followed = self._follow([(name, count, f"it calls {'.'.join(name)}(), and ") for name, count in examined.calls])
        self.inlined += followed.inlines
        self.opaque += followed.opaque
        return Verdict(
            followed.reason,
            followed.changes_names or examined.changes_names,
            followed.unknown | examined.unknown,
            followed.unknown_functions | examined.unknown_functions,
            followed.inlines,
            followed.opaque,
        )

    def _follow(self, start: list[tuple[Name, int | None, str]], transitions: frozenset[str] = frozenset()) -> Verdict:
        """Everything that may be called from `start`, each function once; `transitions` are seen by what is called first."""
        waiting, seen = list(start), {(name, count) for name, count, _ in start}
        changes = inlines = False
        unknown: set[WrittenName] = set()
        unknown_functions: set[WrittenName] = set()
        while waiting:
            name, count, way = waiting.pop()
            overloads = self._code(name)
            if ".".join(name) in self.listed:
                inlines |= not overloads or any(overload.language == "sql" for overload in overloads)
                continue
            if not overloads:
                if name in self.catalog.functions or name in self.names.functions:
                    return self._harmful(way + _UNKNOWN)
                unknown_functions.add(name)  # made in the open transaction
            for overload in overloads:
                if overload.harmless or (count is not None and not overload.least <= count <= overload.most):
                    continue
                examined = self._examine(overload, frozenset() if way else transitions)
                if examined.reason is not None:
                    return self._harmful(way + examined.reason)
                changes |= examined.changes_names
                unknown |= examined.unknown
                unknown_functions |= examined.unknown_functions
                for callee in sorted(examined.calls - seen, key=str):
                    seen.add(callee)
                    waiting.append((*callee, way or f"it calls {'.'.join(callee[0])}(), and "))
        return Verdict(None, changes, frozenset(unknown), frozenset(unknown_functions), inlines)

    def _harmful(self, reason: str) -> Verdict:
        """The verdict on code that may do anything: where nothing is hidden it runs, and what names mean may change by it."""
        return Verdict(changes_names=True, opaque=True) if self.is_open else Verdict(reason)

    def _code(self, name: Name) -> tuple[Function, ...]:
        known = self.catalog.code.get(name, ())
        if known or name in self.catalog.functions:
            return known
        return self.names.functions.get(name) or tuple(
            found
            for overloads in self.names.functions.values()
            for found in overloads
            if (found.schema, found.name) == name
        )

    def _examine(self, function: Function, transitions: frozenset[str]) -> Examined:
        key = (id(function), transitions)
        known = self._examined.get(key)
        if known is None:
            known = self._examined[key] = self.examine(function, transitions)
        return known

    def examine(self, function: Function, transitions: frozenset[str] = frozenset()) -> Examined:
        """What the function itself does, without the functions that it calls."""
        try:
            parts = parts_of(function)
            return self.examiner.examine(parts, function.settings, function.support, function.types, transitions)
        except Unreadable as unreadable:
            return Examined(str(unreadable))

    def check(self, uses: Uses, unknown: set[WrittenName]) -> bool:
        """Refuse user functions that may not run; True when one that may changes what names mean. Raises Refusal 42501.

        Relations that have to be looked up first are added to `unknown`, functions to `uses.unknown`.
        """
        changes = False
        for use in uses.found:
            verdict = self.verdict(use.function, use.arguments)
            if verdict.reason is not None:
                raise _refusal(use, verdict.reason)
            changes |= verdict.changes_names
            unknown |= verdict.unknown
            uses.unknown |= verdict.unknown_functions
        return changes


def _refusal(use: Use, reason: str) -> Refusal:
    written = ".".join(use.function)
    what = f"{use.subject}function {written}(), which is" if use.subject else f"calling {written} is"
    hint = f"An administrator can list {written} in the policies when it is known to be harmless."
    return Refusal("42501", f"{what} not allowed: {reason}", hint=hint, position=use.where)


def _make(catalog: Catalog, names: Names, world: World, key: KeyMaterial | None, listed: frozenset[str]) -> Judge:
    return Judge(catalog, names, world, key, listed)


judge_of: Kept[Judge] = Kept(_make, 256)
"""The judge of a catalog, a meaning of names, a world, a key and the listed functions; kept by identity."""
