"""The ledger of labels: what is on the disk, what a crash leaves, and what is no ledger."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from policies.model import ColumnName, Label
from proxy.book import Expected, Kept
from proxy.ledger import Ledger, LedgerUnavailable

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = ColumnName("public", "people", "phone")
COPY = ColumnName("public", "copied", "line.é")
KEPT = Kept(16401, 2, COPY, Label("phone", 3, (SOURCE,)), "copied", "there", "boss", "2026-11-22T10:00:00+00:00")
EXPECTED = Expected("t", frozenset({7}), {"a": Label("phone", 3, (SOURCE,))}, Label("derived", 3), "boss", "", 9.5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is, in a directory that is made with it."""
    return tmp_path / "state" / "labels.jsonl"


def test_what_is_flushed_is_there_again(path: Path) -> None:
    """Labels and expectations come back as they were, for the next process and for one that only reads."""
    ledger = Ledger.open(path)
    ledger.keep("bank", KEPT)
    ledger.expect("bank", EXPECTED)
    assert ledger.dirty
    ledger.flush()
    assert not ledger.dirty
    ledger.close()
    for found in (Ledger.read(path), Ledger.open(path)):
        assert found.book("bank").kept == {KEPT.place: KEPT}
        assert found.book("bank").named(COPY) == [KEPT]
        assert found.book("bank").expected == {"t": [EXPECTED]}
        assert found.databases == ["bank"]
        found.close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_inherits_nothing_is_not_on_the_disk(path: Path) -> None:
    """Nor is what has been met already; both are forgotten with the process."""
    ledger = Ledger.open(path)
    ledger.expect("bank", Expected("t", frozenset(), {}, None, "boss", "", 9.5))
    assert not ledger.dirty
    ledger.expect("bank", EXPECTED)
    ledger.settle("bank", "t", [Expected("t", frozenset(), EXPECTED.columns, None, "boss", "", 9.5, met=True)])
    ledger.flush()
    assert [each.met for each in ledger.book("bank").expected["t"]] == [True]
    assert Ledger.read(path).book("bank").expected == {}
    ledger.close()


def test_a_label_that_stays_is_not_written_again(path: Path) -> None:
    """The file grows with changes only, and is written anew when most of it no longer counts."""
    ledger = Ledger.open(path)
    for number in range(300):
        for _ in range(2):
            ledger.keep("bank", Kept(1, 2, COPY, Label("phone", number % 5), "named"))
    ledger.flush()
    ledger.close()
    assert path.read_text().count("\n") == 300
    Ledger.open(path).close()
    assert path.read_text().count("\n") == 1
    assert Ledger.read(path).book("bank").kept[1, 2].label == Label("phone", 4)


def test_a_torn_line_stands_for_nothing(path: Path) -> None:
    """Its statement had not left when the machine went down; the next process takes it off."""
    ledger = Ledger.open(path)
    ledger.keep("bank", KEPT)
    ledger.flush()
    ledger.close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    with pytest.raises(LedgerUnavailable, match="start Louver once"):
        Ledger.forget(path, "bank", KEPT, "a test")
    Ledger.open(path).close()
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "line", ["nonsense", "{}", "[]", '{"event": "label", "database": "bank"}', '{"event": "x", "database": "d"}']
)
def test_what_is_no_line_is_refused_with_its_place(path: Path, line: str) -> None:
    """A file that was damaged could have lost labels, so that nothing starts with it."""
    path.parent.mkdir()
    path.write_text(f"{line}\n")
    with pytest.raises(LedgerUnavailable, match=f"{path}:1: "):
        Ledger.open(path)


def test_a_full_disk_is_told_and_tried_again(path: Path) -> None:
    """What could not be written is written by the next flush, whole."""
    ledger = Ledger.open(path)
    ledger.keep("bank", KEPT)
    good = ledger._descriptor
    ledger._descriptor = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(LedgerUnavailable, match="No space left"):
        ledger.flush()
    assert ledger.dirty
    ledger.close()
    ledger._descriptor = good
    ledger.flush()
    ledger.close()
    assert Ledger.read(path).book("bank").kept == {KEPT.place: KEPT}


def test_what_others_have_dropped_is_dropped_by_reading_again(path: Path) -> None:
    """`louver labels drop` appends a line beside a proxy that runs; the proxy goes on with it and loses nothing of its own."""
    ledger = Ledger.open(path)
    other = Kept(1, 1, SOURCE, Label("phone", 3), "renamed")
    ledger.keep("bank", KEPT)
    ledger.flush()
    Ledger.forget(path, "bank", KEPT, "a test")
    ledger.keep("bank", other)
    ledger.reread()
    assert ledger.book("bank").kept == {other.place: other}
    ledger.close()
