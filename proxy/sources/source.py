"""What a source of attributes is: it is asked for one person, and answers or cannot.

Owns the words between `proxy.people`, which keeps what is known, and the sources, each of which knows one kind of place. May not
do: anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from policies.model import AttributeValue

ATTRIBUTE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a condition can name after `principal.`"""

RESERVED: Final = frozenset(("name", "password", "speaks_for"))
"""What no source may set: who somebody is and for whom he may speak is not for an attribute to say."""

Attributes = Mapping[str, AttributeValue]


class SourceFailed(Exception):  # noqa: N818  a state of the source, not a fault of ours
    """A source has no answer: it cannot be reached, or what it says cannot be used. For the log; it holds no value."""


class Source(Protocol):
    """One place that knows attributes of people."""

    async def find(self, person: str) -> Attributes | None:
        """What is known of somebody by exactly this name; None of nobody. Raises SourceFailed."""
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...


@dataclass(frozen=True, slots=True)
class Keeping:
    """A source and how long its answers hold.

    An answer is asked for anew when it is `lifetime` seconds old; as long as the source has none, it holds `grace` seconds
    more. `required`: whom this source does not know may not come in.
    """

    name: str
    source: Source
    lifetime: float
    grace: float
    required: bool = False
