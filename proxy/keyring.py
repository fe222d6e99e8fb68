"""Where the public keys of tokens lie: a file that is read again when it changes, or a web address that is asked from time to time.

Owns how long keys hold that were fetched, and how often a new one is looked for. May not do: read keys or tokens.
"""

from __future__ import annotations

import asyncio
import logging
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Protocol

from proxy.tokens import Key, UnusableKeys, read_keys
from proxy.upstream import is_loopback

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

_DOCUMENT_BYTES: Final = 1 << 20  # a key set has some kilobytes
_FETCH_SECONDS: Final = 5.0
_AGAIN_SECONDS: Final = 10.0
"""At least so long between two questions for keys: tokens that name keys nobody has must not make us a nuisance."""


class KeysUnavailable(Exception):  # noqa: N818  a state, not a fault
    """There are no keys by which a token could be checked at this time; for the log."""


class KeyRing(Protocol):
    """Where keys are."""

    async def keys(self, *, anew: bool = False) -> tuple[Key, ...]:
        """Give the keys; `anew`: there may be newer ones. Raises KeysUnavailable."""
        ...


class KeyFile:
    """A file of keys. Making one raises UnusableKeys and OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._keys = read_keys(path.read_bytes())

    async def keys(self, *, anew: bool = False) -> tuple[Key, ...]:  # noqa: ARG002  a file says itself when it is newer
        """Give the keys of the file as it is; of one that cannot be read, as it was."""
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                self._keys = read_keys(self._path.read_bytes())
                log.info("read the keys of tokens again: %d in %s", len(self._keys), self._path)
        except (OSError, UnusableKeys) as error:
            log.error("cannot read the keys in %s, the last good ones stay in force: %s", self._path, error)  # noqa: TRY400  the text says it all
        return self._keys


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


class KeyAddress:
    """A web address of keys. They hold `lifetime` seconds, and `grace` more while the address gives none.

    Making one raises ValueError for an address that is not safe to ask.
    """

    def __init__(
        self,
        address: str,
        lifetime: float,
        grace: float,
        context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_address(address)
        self._address = address
        self._lifetime = lifetime
        self._grace = grace
        self._clock = clock
        # an answer that leads elsewhere is not followed, and no proxy of the environment is asked
        handlers = (urllib.request.ProxyHandler({}), _NoRedirect(), urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="keys")
        self._keys: tuple[Key, ...] = ()
        self._at: float | None = None  # when they were fetched
        self._tried: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def keys(self, *, anew: bool = False) -> tuple[Key, ...]:
        """Give the keys, fetched when they are too old, or when there may be newer ones. Raises KeysUnavailable."""
        now = self._clock()
        old = self._at is None or now >= self._at + self._lifetime
        rested = self._tried is None or now >= self._tried + _AGAIN_SECONDS
        if (old or anew) and (rested or self._asking is not None):
            if self._asking is None:
                self._tried = now
                self._asking = asyncio.get_running_loop().create_task(self._fetch())
            await asyncio.shield(self._asking)
        if self._at is None or self._clock() >= self._at + self._lifetime + self._grace:
            raise KeysUnavailable(f"{self._address} has given no keys that hold still")
        return self._keys

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                data = await asyncio.get_running_loop().run_in_executor(self._thread, self._get)
            self._keys = read_keys(data)
            self._at = self._clock()
        except (OSError, ValueError, UnusableKeys) as error:  # urllib's are OSErrors, TimeoutError, too
            log.error("the keys of tokens cannot be had from %s: %s", self._address, error or type(error).__name__)  # noqa: TRY400  the text says it all
        finally:
            self._asking = None

    def _get(self) -> bytes:
        request = urllib.request.Request(self._address, headers={"Accept": "application/json", "User-Agent": "louver"})  # noqa: S310  check_address
        with self._opener.open(request, timeout=_FETCH_SECONDS) as response:
            data: bytes = response.read(_DOCUMENT_BYTES + 1)
        if len(data) > _DOCUMENT_BYTES:
            raise ValueError(f"more than {_DOCUMENT_BYTES} bytes")
        return data


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: whoever can turn an address elsewhere must not be able to give us keys."""

    def redirect_request(self, *_: object) -> None:
        """Give up; what was sent counts as an error."""


def check_address(address: str) -> None:
    """Raise ValueError for an address that is not https, or http on this machine."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and is_loopback(parts.hostname):
        return
    raise ValueError("keys are fetched by https, or by http from this machine itself")
