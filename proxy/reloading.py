"""What is read again while the proxy runs: the policies, and the certificates; when they have changed, and when it is told to.

Owns when that is, and what the log, the trail and the metrics are told of it. What cannot be used changes nothing: the old stays in force.
May not do: read files itself, know sessions, decide.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from audit import record
from proxy.recording import note

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit.writer import Trail
    from policies.decide import PolicySet
    from policies.vocabulary import Vocabulary
    from proxy.front import Front
    from proxy.meter import Meter

log = logging.getLogger(__name__)


class Renewable(Protocol):
    """Files that can be read again, so that what follows from them is in force."""

    def changed(self) -> bool:
        """Whether they have changed and lain still."""
        ...

    def load(self) -> None:
        """Read them; raises when one cannot be used, and then all is as before."""
        ...


class Reloading:
    """Reads again what can be. `vocabulary` is that of the policies in force.

    `load_policies` reads them, and raises when there is a mistake in them; `policies_changed` says whether they are to be read.
    """

    def __init__(  # noqa: PLR0913  what is read, and who is told
        self,
        front: Front[Any],
        trail: Trail,
        meter: Meter,
        *,
        vocabulary: Vocabulary,
        load_policies: Callable[[], PolicySet],
        policies_changed: Callable[[], bool],
        certificates: Renewable | None,
    ) -> None:
        self.vocabulary = vocabulary
        self._front = front
        self._trail = trail
        self._meter = meter
        self._load_policies = load_policies
        self._policies_changed = policies_changed
        self._certificates = certificates

    def look(self) -> None:
        """Read what has changed."""
        if self._policies_changed():
            self.reload()
        if self._certificates is not None and self._certificates.changed():
            self._renew(self._certificates)

    def everything(self) -> None:
        """Read all of it, changed or not."""
        self.reload()
        if self._certificates is not None:
            self._renew(self._certificates)

    def reload(self) -> None:
        """Read the policies again; with a mistake in them the old ones stay in force."""
        meter = self._meter
        try:
            policies = self._load_policies()
        except Exception as error:  # noqa: BLE001  whatever is wrong with the file, the proxy goes on
            meter.current = False
            meter.reloads["failed"].number += 1
            log.error("policies not reloaded: %s", error)  # noqa: TRY400  the message says where
            note(self._trail, meter, record.reloaded(what="policies", ok=False, reason=str(error)))
            return
        self.vocabulary = policies.vocabulary
        self._front.policies_changed(policies)
        meter.current = True
        meter.reloads["ok"].number += 1
        log.info("policies reloaded, revision %s", policies.revision)
        note(self._trail, meter, record.reloaded(what="policies", ok=True, revision=policies.revision))

    def _renew(self, certificates: Renewable) -> None:
        """Read the certificates again; where one cannot be used the old ones stay."""
        try:
            certificates.load()
        except Exception as error:  # noqa: BLE001  whatever is wrong with a file, the proxy goes on
            log.error("certificates not reloaded: %s", error)  # noqa: TRY400  the message says where
            note(self._trail, self._meter, record.reloaded(what="certificates", ok=False, reason=str(error)))
            return
        log.info("certificates reloaded")
        note(self._trail, self._meter, record.reloaded(what="certificates", ok=True))
