"""A file of ours in SQLite: what goes wrong in one change does not stand in the way of the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.filed import SqliteFile

if TYPE_CHECKING:
    from pathlib import Path

TABLES = """
CREATE TABLE owner (id INTEGER PRIMARY KEY);
CREATE TABLE thing (owner INTEGER REFERENCES owner DEFERRABLE INITIALLY DEFERRED);
"""


class FiledError(Exception):
    """What the file raises."""


def test_a_change_that_cannot_be_committed_is_undone(tmp_path: Path) -> None:
    """It is told when it is to be committed; the next change finds a file without it."""
    filed = SqliteFile(tmp_path / "f.sqlite", "things", FiledError, [TABLES])
    with pytest.raises(FiledError, match=r"things .* cannot be used: FOREIGN KEY"), filed.changing():
        filed.rows("INSERT INTO thing VALUES (7)")
    with filed.changing():
        filed.rows("INSERT INTO owner VALUES (1)")
    assert filed.rows("SELECT count(*) FROM thing") == [(0,)]
    filed.close()


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """And stays as it is; who has an older Louver is told."""
    SqliteFile(tmp_path / "f.sqlite", "things", FiledError, [TABLES, "CREATE TABLE more (a INTEGER);"]).close()
    with pytest.raises(FiledError, match="is of version 2, made by a later Louver"):
        SqliteFile(tmp_path / "f.sqlite", "things", FiledError, [TABLES])
    assert (tmp_path / "f.sqlite").stat().st_mode & 0o777 == 0o600
