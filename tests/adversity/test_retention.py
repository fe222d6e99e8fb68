"""The proxy removes old segments of its own trail, says so in it, and keeps what is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from fixtures.louver import running_louver
from typer.testing import CliRunner

from audit import reader, segments
from louver.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.postgres import LocalPostgres


def test_old_segments_go_and_held_ones_stay(postgres: LocalPostgres, tmp_path: Path) -> None:
    """Each start closes a segment; with a limit of next to nothing the next start removes those, but for a hold."""
    trail = tmp_path / "audit"

    def serve(days: float) -> str:
        audit = {"directory": str(trail), "retention_days": days}
        with running_louver(postgres, users={"ann": {}}, audit=audit) as louver:
            with psycopg.connect(louver.dsn("ann")) as session:
                assert session.execute("select 1").fetchone() == (1,)
            if days:
                louver.wait_for_said("audit: segments")
            louver.stop()
            return louver.log

    def louver(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["audit", *arguments, "--directory", str(trail)])
        assert done.exit_code == 0, done.output
        return done.stdout

    for _ in range(3):
        serve(0)
    assert [number for number, _ in segments.segments(trail)] == [1, 2, 3]
    louver("hold", "--reason", "case 81", "--until", "now")
    serve(0)  # closed after the hold's end, and begun before it
    serve(0)
    log = serve(1e-9)
    assert "segments 5 removed" in log
    assert "4 as old are held" in log
    assert "case 81" in louver("holds")
    assert "segments 5 to 5" in louver("verify")
    louver("release", "1", "--reason", "closed")
    assert "segments 1 to 4, 6 removed" in serve(1e-9)
    assert [number for number, _ in segments.segments(trail)] == [7]
    assert reader.verified(trail).intact
    (said,) = [each for each in reader.records(trail) if each["event"] == "retired"]
    assert said["segments"] == [[1, 4], [6, 6]]
    assert said["held"] == []
    assert "segments 1 to 6" in louver("verify")
