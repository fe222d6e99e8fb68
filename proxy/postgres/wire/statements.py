"""A statement on its way: waiting for its ruling, and prepared once it has one.

Owns these two values (plain classes: one is made for each statement, and compiled nothing is cheaper), and whether what is prepared still stands under a new ruling. May not do: read bytes, rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from proxy.context import Identity
    from proxy.plans import Plan, Ruling

DESCRIPTION: Final = 8 * 1024
"""Bytes of a description of an answer that is remembered: some 200 columns."""

_FORMATS: Final = 4
"""Ways of asking for an answer that are remembered; a driver has one, or two."""

NO_EPOCH: Final = -1
"""The epoch of no world, nor of none: what bears it is ruled again before it is bound."""


class Prepared:
    """A prepared statement: the client's text, the parameter types as it sent them, and the plan it was ruled by.

    `identity` is for whom, where that was said. `sent` is the text that the server got in place of the client's; None when it got that. `described`: the server has
    said where the columns of its answer come from, and none is hidden. `told_types` are the parameters' types as the server has said them,
    `told_rows` its description of an answer by the formats that a Bind asks for.
    """

    described: bool = False
    told_types: bytes = b""
    told_rows: dict[bytes, bytes] | None = None

    def __init__(
        self,
        text: bytes,
        parameter_types: bytes,
        plan: Plan,
        sent: bytes | None = None,
        identity: Identity | None = None,
    ) -> None:
        self.text = text
        self.parameter_types = parameter_types
        self.plan = plan
        self.sent = sent
        self.identity = identity

    def under(self, plan: Plan, identity: Identity | None) -> Prepared:
        """The same statement, ruled by another plan, for another."""
        other = Prepared(self.text, self.parameter_types, plan, self.sent, identity)
        other.told_types = self.told_types
        return other

    def keep_rows(self, formats: bytes, description: bytes) -> None:
        """Remember how an answer in these formats is described: a server refuses what would change it."""
        if len(description) > DESCRIPTION:
            return
        if self.told_rows is None or len(self.told_rows) >= _FORMATS:
            self.told_rows = {}
        self.told_rows[formats] = description

    @property
    def known_types(self) -> bytes:
        """The parameters' types as they are known best: count and OIDs."""
        return self.told_types or self.parameter_types


class Statement:
    """A text that waits for a ruling; nothing behind it is looked at before `answer`.

    `again`: it was ruled before and is about to be bound, but the caller's decision may have changed since.
    `portal`: it is bound and about to be executed, but the caller's decision is not known at this moment, or the execution is
    still to be counted under grants.
    """

    def __init__(
        self,
        text: bytes,
        source: Literal["query", "parse", "again", "portal"],
        name: bytes = b"",
        parameter_types: bytes = b"",
    ) -> None:
        self.text = text
        self.source = source
        self.name = name
        self.parameter_types = parameter_types


def reshaped(before: Plan, now: Plan) -> bool:
    """Whether the relations of a statement have changed, or its names mean others. New rules alone keep every type."""
    old, new = before.judgement, now.judgement
    if old.policy != new.policy:
        return False
    # What is sent as it came is recorded by names as written, so only what was resolved can be compared.
    resolved = not (before.decision.all_clear or now.decision.all_clear)
    return old.catalog != new.catalog or (resolved and old.relations != new.relations)


def still_prepared(old: Prepared, ruling: Ruling) -> bool:
    """Whether what the server has prepared is what this ruling would prepare.

    Then the server itself sees to it that the plan is current, and tells a client whose result has changed its shape. A
    name may mean another relation to the server's old plan than to this ruling, so what is hidden must be the same, too.
    """
    before, now = old.plan.decision, ruling.plan.decision
    if old.plan.epoch == NO_EPOCH or old.sent != ruling.text:
        return False
    return (before.all_clear and now.all_clear) or before.hides_the_same(now)
