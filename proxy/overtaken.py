"""An answer that may show what others have changed while its statement was under way: it is held back until that is known.

Owns what the server has said meanwhile, and the order: have the catalog read once more, rule the statements again, then let go of
all, or end the session. May not do: know a protocol, rule.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from proxy.catalogs import CatalogUnavailable
from proxy.ledger import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

OVERTAKEN: Final = "40001"
"""The SQLSTATE under which an answer is cut off that others have changed under way: serialization_failure, to be tried again."""

MANY: Final = 2
"""Changes that a statement may have met one of, and another have undone: that nothing is otherwise now says nothing then."""


class Overtaken:
    """Holds back what the server of one session says.

    `again` reads the catalog by what is there from now on; `met` tells how many changes the statements under way may have met, `alike`
    whether all of them would leave now as they have left. `go_on` is given what was held back; `cut` ends the session.
    """

    def __init__(
        self,
        again: Callable[[], Awaitable[None]],
        met: Callable[[], int],
        alike: Callable[[], bool],
        go_on: Callable[[bytes], None],
        cut: Callable[[], None],
    ) -> None:
        self._again = again
        self._met = met
        self._alike = alike
        self._go_on = go_on
        self._cut = cut
        self._held: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def holding(self) -> bool:
        """Whether what the server says is held back."""
        return self._task is not None

    def hold(self, data: bytes) -> None:
        """Hold back what the server has said; the first time, begin to look."""
        self._held.append(data)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._look())
            self._task.add_done_callback(self._looked)

    def forget(self) -> None:
        """The session is over."""
        self._held.clear()
        if self._task is not None:
            self._task.cancel()

    async def _look(self) -> None:
        if self._met() < MANY:
            await self._again()

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, (CatalogUnavailable, LedgerUnavailable)):
            log.error("a fault while an answer was looked at again", exc_info=error)
        held = b"".join(self._held)
        self._held.clear()
        # of what has ended or begun since, too: it can have undone what was met
        if error is None and self._met() < MANY and self._alike():
            self._go_on(held)
        else:
            self._cut()
