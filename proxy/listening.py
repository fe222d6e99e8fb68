"""What the statements of one session say of themselves: for whom they are, and what they declare; and the ruling of one that may not say so.

Owns asking the session's context, at once or after somebody was looked up. May not do: read SQL, rule anything else, know a protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.model import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.context import Context
    from proxy.plans import Ruling


class Listening:
    """Listens to the statements of one session; `deny` gives the ruling of a text that is refused."""

    def __init__(self, context: Context, deny: Callable[[bytes, Refusal], Ruling]) -> None:
        self._context = context
        self._deny = deny

    def hear(self, text: bytes) -> Ruling | None:
        """Listen to what a statement says of itself; the ruling of one that may not say so. Raises Unmet."""
        try:
            self._context.hear(text)
        except Refusal as refusal:
            return self._deny(text, refusal)
        return None

    def declare(self, ruling: Ruling, text: bytes) -> Ruling | None:
        """Take down what a statement declares; the ruling of one that may not. Raises Unmet."""
        assert ruling.plan.declares is not None
        try:
            self._context.declare(ruling.plan.declares)
        except Refusal as refusal:
            return self._deny(text, refusal)
        return None

    async def heard(self, text: bytes) -> Ruling | None:
        """As `hear`, and look up whom the statement is for."""
        try:
            await self._context.heard(text)
        except Refusal as refusal:
            return self._deny(text, refusal)
        return None

    async def declared(self, ruling: Ruling, text: bytes) -> Ruling | None:
        """As `declare`, and look up whom the statement is about."""
        assert ruling.plan.declares is not None
        try:
            await self._context.declared(ruling.plan.declares)
        except Refusal as refusal:
            return self._deny(text, refusal)
        return None
