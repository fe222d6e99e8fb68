"""What all channels have in common: a message on its way, and how it may fail.

Owns these two. May not do: send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

SECONDS: Final = 10
"""How long a channel may take, when the file of rules does not say."""


class DeliveryFailed(Exception):  # noqa: N818  a state of the other side
    """A message has not arrived; the text says why, and holds no secret."""


class ChannelUnusable(Exception):  # noqa: N818  a mistake of the configuration
    """A channel cannot be used as it is configured."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its number stays the same however often it is sent. `fields` are for programs."""

    id: int
    severity: str
    headline: str
    text: str
    fields: Mapping[str, Any]


Send = Callable[[Message], None]


def secret(path: Path, what: str) -> bytes:
    """Read a secret from its file, without the line's end. Raises ChannelUnusable."""
    try:
        found = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise ChannelUnusable(f"{what} {path} cannot be read: {error.strerror}") from None
    if not found:
        raise ChannelUnusable(f"{what} {path} is empty")
    return found
