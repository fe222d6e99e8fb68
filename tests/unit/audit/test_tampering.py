"""Every byte of every file of a trail is changed, and `verify` says so: written, compacted, torn, heads, head."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

import pytest

from audit import compaction, heads, reader, record, segments
from audit.signing import Signer
from audit.writer import Trail

if TYPE_CHECKING:
    from pathlib import Path

    from audit.findings import Report

FLIPS = (0x01, 0x20, 0x80)
"""What is changed of a byte, in turns: its lowest bit, the case of a letter, the bit that leaves ASCII."""


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """A key that signs heads."""
    return Signer.create(tmp_path_factory.mktemp("keys") / "audit.pem")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Path:
    """A trail with a bit of everything: blocks of one and of three records, several segments, a crash within a block."""
    directory = tmp_path_factory.mktemp("sound")
    ticks = iter(range(1_800_000_000_000_000_000, 1_900_000_000_000_000_000, 1_000_000))

    def write(trail: Trail, count: int) -> None:
        for number in range(count):
            for part in range(1 + 2 * (number % 2)):
                trail.append(record.stopped(reason=f"reason {number}.{part} é"))
            trail.flush()

    trail = Trail.open(directory, segment_bytes=900, clock=lambda: next(ticks), signer=signer)
    write(trail, 8)
    trail.sync()
    number, last = segments.segments(directory)[-1]
    with last.open("ab") as file:
        file.write(b'{"seq":999,"time":"2027-01-')
    trail._medium.release()  # the process dies
    trail = Trail.open(directory, segment_bytes=900, clock=lambda: next(ticks), signer=signer)
    write(trail, 5)
    trail.close()
    assert number > 1
    assert list(directory.glob("torn-*"))
    return directory


def checked(directory: Path, signer: Signer) -> Report:
    """What `louver audit verify --key` finds."""
    return reader.verified(directory, {}, [signer.verifier])


def test_what_is_not_touched_is_intact(sound: Path, signer: Signer) -> None:
    """The trail that is tampered with below."""
    report = checked(sound, signer)
    assert report.intact, report.damages
    assert report.segments > 3


@pytest.mark.parametrize("pattern", ["trail-*.jsonl", "torn-*", heads.HEADS, segments.HEAD])
def test_every_byte_counts(sound: Path, signer: Signer, tmp_path: Path, pattern: str) -> None:
    """One byte of a file that is read as text is another: there is damage, and it is in the right segment."""
    directory = tmp_path / "trail"
    shutil.copytree(sound, directory)
    missed = []
    for path in sorted(directory.glob(pattern)):
        whole = path.read_bytes()
        for place in range(len(whole)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ FLIPS[place % 3]]) + whole[place + 1 :])
            report = checked(directory, signer)
            if report.intact or (pattern.startswith("trail") and _segment(path) not in _named(report)):
                missed.append((path.name, place, whole[max(0, place - 20) : place + 20], report.damages))
        path.write_bytes(whole)
    assert not missed


def test_every_byte_of_what_is_compacted_counts(sound: Path, signer: Signer, tmp_path: Path) -> None:
    """A Parquet file has bytes of its own; one of them is another, in eighty places, and there is damage."""
    directory = tmp_path / "trail"
    shutil.copytree(sound, directory)
    compaction.compact(directory, 1, signer)
    assert checked(directory, signer).intact
    (path,) = directory.glob("*.parquet")
    whole = path.read_bytes()
    places = random.Random(7).sample(range(len(whole)), 80)
    missed = []
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])
        if checked(directory, signer).intact:
            missed.append((place, whole[max(0, place - 20) : place + 20]))
    assert not missed


def _segment(path: Path) -> int:
    return int(path.stem.removeprefix("trail-"))


def _named(report: Report) -> set[int]:
    """The segments that hold damage, and those behind them: a break lies between two blocks."""
    return {near for damage in report.damages for near in (damage.segment, damage.segment - 1)}
