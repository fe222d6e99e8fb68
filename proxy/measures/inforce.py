"""The measures in force, as logins, sessions and rulings look at them.

Owns who is suspended and whose masks are tightened at this moment, and laying that over decisions. May not do: I/O; the file is read by
`proxy.measures.watch`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policies.masks import DEFAULT_MASK
from policies.model import Treatment

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    from policies.model import Decision
    from proxy.measures.records import Measure

_REMEMBERED: Final = 256
"""Tightened decisions kept, so that equal ones are the same object."""


def _unheard(_begun: list[Measure]) -> None:
    """Tell nobody that something has begun or ended."""


class InForce:
    """The measures of one proxy. `changed` is called, with those that have just begun, whenever anything is otherwise.

    `revision` grows with each change.
    """

    def __init__(self) -> None:
        self.changed: Callable[[list[Measure]], None] = _unheard
        self.revision = 0
        self._held: dict[int, Measure] = {}
        self._suspended: dict[str, Measure] = {}
        self._tightened: dict[str, Measure] = {}
        # with the decision that went in, so that its id stays its own
        self._made: OrderedDict[tuple[int, int], tuple[Decision, Decision]] = OrderedDict()

    def replace(self, found: Iterable[Measure]) -> None:
        """Take over the active measures as they stand in the file."""
        held = {measure.id: measure for measure in found}
        if held == self._held:
            return
        begun = [measure for number, measure in held.items() if number not in self._held]
        self._held = held
        self._suspended = _latest(held, "suspend")
        self._tightened = _latest(held, "tighten")
        self.revision += 1
        self.changed(begun)

    def any_due(self, now: dt.datetime) -> bool:
        """Whether the time of a measure is over."""
        return any(not measure.holds(now) for measure in self._held.values())

    def suspended(self, name: str) -> str | None:
        """What somebody is told who is suspended; None for all others."""
        measure = self._suspended.get(name)
        if measure is None:
            return None
        until = "an administrator lifts that" if measure.ends is None else f"{measure.ends:%Y-%m-%d %H:%M:%S} UTC"
        return f"louver: {name} is suspended until {until} (measure {measure.id})"

    def lay_over(self, decision: Decision, name: str) -> Decision:
        """The decision, with every sensitive column masked in full for somebody whose masks are tightened."""
        measure = self._tightened.get(name)
        if measure is None:
            return decision
        key = (id(decision), measure.id)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = (decision, _tight(decision, f"measure {measure.id}"))
            if len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
        return made[1]


def _latest(held: dict[int, Measure], kind: str) -> dict[str, Measure]:
    """Of each principal the measure of a kind that ends last."""
    found: dict[str, Measure] = {}
    for measure in held.values():
        before = found.get(measure.principal)
        if measure.kind == kind and (
            before is None or (before.ends is not None and (measure.ends is None or measure.ends > before.ends))
        ):
            found[measure.principal] = measure
    return found


def _tight(decision: Decision, rule: str) -> Decision:
    treatments = {column: _full(treatment, rule) for column, treatment in decision.treatments.items()}
    kinds = tuple((kind, _tight(each, rule)) for kind, each in decision.kinds)
    return replace(decision, treatments=treatments, kinds=kinds)


def _full(treatment: Treatment, rule: str) -> Treatment:
    """The mask that shows nothing; what is denied stays so. Nothing is searched or joined by its real value, and no grant helps."""
    if treatment.kind == "deny":
        return treatment
    return Treatment("mask", rule, DEFAULT_MASK, on_write=treatment.on_write if treatment.hides else "preserve")
