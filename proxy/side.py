"""One end of a relay, as the event loop's transports call it.

Owns handing on what they tell. May not do: know a session.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Side(asyncio.Protocol):
    """One end of the relay; the transport calls it, it calls the relay."""

    def __init__(
        self,
        received: Callable[[bytes], None],
        left: Callable[[], None],
        lost: Callable[[], None],
        congested: Callable[[bool], None],
    ) -> None:
        self.data_received = received  # type: ignore[method-assign,assignment]  # one call less for every read
        self._left = left
        self._lost = lost
        self._congested = congested

    def eof_received(self) -> bool:
        """A half-closed connection is a lost one: neither libpq nor the server uses it.

        It is told at once: the connection itself is lost only when all is sent, which a peer that does not read can put off for ever.
        """
        self._left()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  why it was lost changes nothing
        """The other end has gone."""
        self._lost()

    def pause_writing(self) -> None:
        """The peer does not take what is sent as fast as the other sends it."""
        self._congested(True)

    def resume_writing(self) -> None:
        """It has caught up."""
        self._congested(False)
