"""The files of the container demo: complete, valid, and not overwritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from louver.configuration import load
from louver.demo.configuration import PEOPLE
from louver.demo.container import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from louver.demo.postgres import LocalPostgres


def test_the_files_are_valid_and_written_once(tmp_path: Path, postgres: LocalPostgres) -> None:
    """Louver accepts the configuration, PostgreSQL the SQL; a second run changes nothing."""
    configuration, initdb = tmp_path / "configuration", tmp_path / "initdb"
    configuration.mkdir()
    initdb.mkdir()
    passwords = prepare(configuration, initdb)
    assert set(passwords) == set(PEOPLE)
    parts = load(configuration / "louver.yaml")
    assert parts.settings.listen.host == "0.0.0.0"
    assert parts.key is not None
    postgres.create_database("container")
    postgres.run_sql((initdb / "bank.sql").read_text(encoding="utf-8"), "container")
    assert postgres.run_sql("SELECT count(*) FROM customers", "container").strip() == "200"
    assert prepare(configuration, initdb) == {}
    postgres.run_sql("DROP OWNED BY louver_service; DROP ROLE louver_service", "container")
