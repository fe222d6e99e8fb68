"""Record, then send: what leaves in one turn leaves after one write to the audit, in order, or not at all."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import TYPE_CHECKING

import pytest

from audit.writer import AuditUnavailable, Trail
from proxy.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the trail is."""
    return tmp_path / "audit"


@pytest.fixture
def trail(directory: Path) -> Iterator[Trail]:
    """A trail of its own."""
    opened = Trail.open(directory)
    yield opened
    opened.close()


def recorded(directory: Path) -> bytes:
    """All that stands in the trail's files."""
    return b"".join(path.read_bytes() for path in sorted(directory.glob("*.jsonl")))


def refuse(_: AuditUnavailable) -> None:
    """Fail: nothing was to be refused."""
    raise AssertionError


async def test_nothing_leaves_before_its_record_is_written(trail: Trail, directory: Path) -> None:
    """At the moment of sending the record is in the file; in the turn of posting nothing has left yet."""
    outbox = Outbox(trail, asyncio.get_running_loop())
    left: list[tuple[bytes, bool]] = []
    trail.append(b'"event":"first"')
    outbox.post(lambda data: left.append((data, b'"first"' in recorded(directory))), b"one", refuse, 0)
    assert left == []
    await asyncio.sleep(0)
    assert left == [(b"one", True)]


async def test_a_turn_leaves_in_order(trail: Trail) -> None:
    """Whoever posted first is sent first; what is posted while sending goes with the next turn."""
    outbox = Outbox(trail, asyncio.get_running_loop())
    left: list[bytes] = []

    def first(data: bytes) -> None:
        left.append(data)
        outbox.post(left.append, b"late", refuse, 0)

    outbox.post(first, b"one", refuse, 0)
    outbox.post(left.append, b"two", refuse, 0)
    await asyncio.sleep(0)
    assert left == [b"one", b"two"]
    await asyncio.sleep(0)
    assert left == [b"one", b"two", b"late"]


async def test_without_a_record_nothing_leaves(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the trail cannot be written every sender of the turn is told so, and none of them sends."""
    outbox = Outbox(trail, asyncio.get_running_loop())
    left: list[bytes] = []
    told: list[AuditUnavailable] = []
    trail.append(b'"event":"first"')
    real = os.write
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    for _ in range(2):
        outbox.post(left.append, b"data", told.append, 0)
    await asyncio.sleep(0)
    monkeypatch.setattr(os, "write", real)
    assert left == []
    assert len(told) == 2
