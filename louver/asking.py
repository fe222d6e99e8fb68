"""Asking the sources of attributes for somebody, from commands that have no event loop.

Owns the asking, and putting the answers into words for `louver check --ask`. May not do: keep them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from policies.model import AttributeValue
from proxy.sources.source import SourceFailed

if TYPE_CHECKING:
    from louver.configuration import Parts
    from proxy.people import People
    from proxy.sources.source import Keeping


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source says of somebody: attributes, None of nobody, or why it says nothing."""

    source: str
    attributes: Mapping[str, AttributeValue] | None = None
    failure: str | None = field(default=None)

    def fields(self) -> dict[str, object]:
        """Give the answer for programs."""
        known = None if self.attributes is None else dict(self.attributes)
        return {"source": self.source, "attributes": known, "failure": self.failure}

    def told(self) -> str:
        """Give the answer in words."""
        if self.attributes is None:
            return "knows nobody of that name"
        words = (f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in self.attributes.items())
        return ", ".join(words) or "knows nothing more than the name"


def ask_sources(parts: Parts, person: str) -> list[Answer]:
    """Ask the users file and every source for somebody, in their order."""
    return [Answer("users file", parts.people.users.attributes(person)), *asyncio.run(_ask(parts, person))]


def look_up(people: People, person: str) -> Mapping[str, AttributeValue] | None:
    """What is known of somebody, for a command that has no event loop; None of nobody. Raises NotKnown."""

    async def meet() -> None:
        try:
            await people.meet(person)
        finally:
            await people.close()

    asyncio.run(meet())
    return people.attributes(person)


async def _ask(parts: Parts, person: str) -> list[Answer]:
    try:
        return list(await asyncio.gather(*(_asked(each, person) for each in parts.people.sources)))
    finally:
        await parts.people.close()


async def _asked(keeping: Keeping, person: str) -> Answer:
    try:
        return Answer(keeping.name, await keeping.source.find(person))
    except SourceFailed as failed:
        return Answer(keeping.name, failure=str(failed))
