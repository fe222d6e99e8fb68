"""What a measure is, and an event that the trail is to be told.

Owns these records. Immutable. May not do: I/O, decide.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["end_session", "suspend", "tighten"]
"""end_session: one session ends, once. suspend: no session of the principal goes on or begins, and nobody speaks for him.
tighten: the principal sees every sensitive column masked in full, whatever rules and grants say."""

State = Literal["active", "done", "over", "lifted"]


class MeasuresUnavailable(Exception):  # noqa: N818  a state of the disk, not a fault of ours
    """The file of measures cannot be used."""


class NoSuchMeasure(Exception):  # noqa: N818  told to the operator as it is
    """There is no measure of that number that could be lifted."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure. `ends` None: until it is lifted, or for what is done once. `by` is a person, or None: the alerts.

    `rule` and `incident` say what it is for, `reason` is a person's.
    """

    id: int
    kind: Kind
    principal: str
    session: str
    begun: dt.datetime
    ends: dt.datetime | None
    state: State
    by: str | None
    reason: str
    rule: str | None = None
    incident: int | None = None

    def holds(self, at: dt.datetime) -> bool:
        """Whether it is in force at a moment."""
        return self.state == "active" and (self.ends is None or at < self.ends)


@dataclass(frozen=True, slots=True)
class Told:
    """What the trail is to be told: `event` is `response` or `alert`, `fields` are what their builders in audit.record take."""

    id: int
    event: str
    fields: Mapping[str, Any]
