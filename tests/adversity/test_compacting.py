"""The proxy compacts old segments of its own trail, gently, and nothing is lost whoever is killed, or does it as well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest
from fixtures.louver import running_louver
from fixtures.waiting import until
from typer.testing import CliRunner

from audit import compaction, reader, record, segments
from audit.writer import Trail
from louver.cli import app
from louver.retiring import retire_for_ever

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.postgres import LocalPostgres

LATE = "9999-01-01T00:00:00.000000Z"


def forms(directory: Path) -> list[str]:
    """How the segments end, in their order."""
    return [path.suffix for _, path in segments.segments(directory)]


def test_the_proxy_compacts_its_trail(postgres: LocalPostgres, tmp_path: Path) -> None:
    """Each start closes a segment; what was closed long enough ago is compacted beside the sessions, and found as before."""
    trail = tmp_path / "audit"
    for days in (0, 30, 1e-9):
        audit = {"directory": str(trail), "compact_days": days}
        with running_louver(postgres, users={"ann": {}}, audit=audit) as louver:
            with psycopg.connect(louver.dsn("ann")) as session:
                assert session.execute("select 1").fetchone() == (1,)
            if days == 1e-9:
                louver.wait_for_said("audit: 2 segments compacted")
                until(lambda: forms(trail) == [".parquet", ".parquet", ".jsonl"])
            else:
                assert ".parquet" not in forms(trail)
            louver.stop()
    assert reader.verified(trail).intact
    found = CliRunner().invoke(
        app, ["audit", "search", "--user", "ann", "--event", "statement", "--by", "user", "--directory", str(trail)]
    )
    assert found.stdout.splitlines()[1].split("\t")[:2] == ["ann", "9"]


@pytest.fixture
def trail(tmp_path: Path) -> Path:
    """Some segments, none of them small."""
    log = Trail.open(tmp_path / "audit", segment_bytes=300_000)
    for number in range(6_000):
        log.append(record.stopped(reason=f"{number} " + "x" * 100))
        if number % 100 == 0:
            log.flush()
    log.close()
    return tmp_path / "audit"


def compacting(directory: Path) -> subprocess.Popen[bytes]:
    """Start the process as the proxy does."""
    arguments = [sys.executable, "-P", "-m", "louver.compacting", str(directory), LATE, ""]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def await_moment(directory: Path, process: subprocess.Popen[bytes], kind: str) -> None:
    """Wait until a file of a kind has come or, of the written form, gone; or the process has ended."""
    before = {path.name for path in directory.glob(f"trail-*{kind}")}
    until(lambda: process.poll() is not None or {path.name for path in directory.glob(f"trail-*{kind}")} != before)
    if process.poll() is None:
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19


def test_it_may_be_killed_at_any_moment(trail: Path) -> None:
    """While a file is written, when it is whole, when the other form goes: no line is lost, and the next one goes on."""
    before = list(reader.lines(trail))
    kills = 0
    lasting = len(compaction.candidates(trail, LATE))
    assert lasting > 2
    while compaction.candidates(trail, LATE):
        with compacting(trail) as process:
            await_moment(trail, process, (".part", ".parquet", ".jsonl")[kills % 3])
            process.kill()
        kills += process.returncode == -signal.SIGKILL
        assert [line.data for line in reader.lines(trail)] == [line.data for line in before]
        assert reader.verified(trail).intact
        assert kills < 60
    assert kills > 1
    with compacting(trail) as process:
        assert process.wait(60) == 0
    assert set(forms(trail)[:-1]) == {".parquet"}
    assert not list(trail.glob("*.part"))
    assert reader.verified(trail).intact


def test_it_ends_with_the_proxy(trail: Path) -> None:
    """However the proxy ends, the pipe closes; whoever waits for another to be done ends, too."""
    with compaction.alone(trail), compacting(trail) as process:
        assert process.stdin is not None
        until(lambda: os.getpriority(os.PRIO_PROCESS, process.pid) == 19)
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(30) == 1
    assert ".parquet" not in forms(trail)


async def test_one_at_a_time(trail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command beside another one says so and leaves all as it is; removing old segments waits."""
    log = Trail.open(trail)
    try:
        with compaction.alone(trail):
            said = CliRunner().invoke(app, ["audit", "compact", "--days", "0", "--directory", str(trail)])
            assert said.exit_code == 1
            assert "another process takes segments" in said.output
            assert ".parquet" not in forms(trail)

        async def waited(seconds: float) -> None:
            raise TimeoutError(seconds)

        monkeypatch.setattr("asyncio.sleep", waited)
        there = forms(trail)
        with compaction.alone(trail), pytest.raises(TimeoutError, match=r"^60.0"):
            await retire_for_ever(log, trail, 0, None)
        assert forms(trail) == there
        with pytest.raises(TimeoutError, match="3600"):
            await retire_for_ever(log, trail, 0, None)
        assert len(forms(trail)) == 1
    finally:
        log.close()
