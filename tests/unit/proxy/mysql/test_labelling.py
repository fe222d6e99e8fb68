"""Labels of MySQL's columns by what becomes of them: expected, settled by the end of a statement, doubtful, cleaned, gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policies.loader import parse_policies
from policies.model import ColumnName, Label
from proxy.ledger import Ledger
from proxy.mysql.labelling import Labelling
from rewriter.mysql.catalog import Catalog, Column, Table
from rewriter.mysql.lineage import Inheritance

if TYPE_CHECKING:
    from pathlib import Path

    from proxy.book import Asker, Kept

POLICIES = parse_policies('version: 1\ndictionary:\n  - {column: "*.bank.people.phone", category: phone, level: 3}\n')
PHONE = ColumnName("bank", "people", "phone")
LABEL = Label("phone", 3, (PHONE,))
OTHER = Label("code", 2, (ColumnName("bank", "people", "code"),))


def table(name: str, *columns: str, **generated: str) -> Table:
    """A table of text columns, some of which are generated."""
    names = [*columns, *generated]
    made = [
        Column(c, number, "text", "text", generated=c in generated, expression=generated.get(c, ""))
        for number, c in enumerate(names, 1)
    ]
    return Table("bank", name, "table", tuple(made))


class House:
    """The labels of a server, and how often its catalog was read."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.told: list[str] = []
        self.readings = 0
        self.ledger = Ledger() if ledger is None else ledger
        self.labelling = Labelling(self.ledger, self.tell, now=lambda: 1_000_000.0)
        self.catalog = Catalog("", 0, "mysql", (9, 7, 0), folds_names=False, tables={})

    def tell(self, _database: str, kept: Kept, _sources: tuple[ColumnName, ...]) -> None:
        """Take down what the audit is told."""
        self.told.append(f"{kept.column.relation}.{kept.column.column} {kept.why}")

    def read(self, *tables: Table) -> dict[str, str]:
        """Read a snapshot of these and the dictionary's own table; the labels of all others."""
        self.readings += 1
        found = {(each.schema, each.name): each for each in (table("people", "phone", "code"), *tables)}
        self.catalog = Catalog("", 1, "mysql", (9, 7, 0), folds_names=False, tables=found)
        return self.labels()

    def labels(self) -> dict[str, str]:
        """The labels by the last snapshot."""
        labels = self.labelling.label(self.catalog, POLICIES, held=self.readings)
        return {f"{name.relation}.{name.column}": label.category for name, label in labels.items() if name != PHONE}

    def goes(self, asker: Asker, *inheritances: Inheritance) -> bool:
        """A statement goes off."""
        return self.labelling.expect(inheritances, self.catalog, "boss", asker)

    def done(self, asker: Asker) -> None:
        """It has succeeded."""
        self.labelling.ended(asker, "done", self.readings)


def made(name: str, rest: Label | None = None, **columns: Label | None) -> Inheritance:
    """What a table inherits that is made."""
    return Inheritance(("bank", name), columns, rest)


def test_a_copy_has_its_label_before_and_after_its_statement_ends() -> None:
    """In a snapshot that was read while it runs, and in those after; the audit is told when it has ended, once."""
    house = House()
    house.read()
    assert house.goes((1, 0), made("copy", line=LABEL))
    assert house.read(table("copy", "id", "line")) == {"copy.line": "phone"}
    assert not house.told
    house.done((1, 0))
    assert house.read(table("copy", "id", "line")) == {"copy.line": "phone"}
    assert house.read(table("copy", "id", "line")) == {"copy.line": "phone"}
    assert house.told == ["copy.line copied"]
    (kept,) = house.ledger.book("").kept.values()
    assert (kept.by, kept.state, kept.label) == ("boss", "there", LABEL)
    assert not house.ledger.book("").expected


def test_a_snapshot_that_is_older_than_the_statement_settles_nothing() -> None:
    """A reading that had begun before the statement ended may not have seen what it made."""
    house = House()
    house.read()
    house.goes((1, 0), made("copy", rest=LABEL))
    house.readings += 1  # begun
    house.labelling.ended((1, 0), "done", house.readings)
    assert house.labels() == {}
    assert house.labelling.waits
    assert house.read(table("copy", "a", "b")) == {"copy.a": "phone", "copy.b": "phone"}
    assert not house.labelling.waits


def test_a_known_table_is_labelled_at_once_even_in_columns_that_are_not_seen_yet() -> None:
    """For the statement may have run before its end is heard of; when it has failed, all is as before."""
    house = House()
    house.read(table("copy", "line"))
    house.goes((1, 0), made("copy", line=LABEL, new=OTHER))
    assert house.labels() == {"copy.line": "phone", "copy.new": "code"}
    assert house.labelling.withdraw((1, 0))
    assert house.labels() == {}
    assert not house.labelling.withdraw((1, 0))


def test_what_is_doubtful_comes_on_top() -> None:
    """A connection that was lost: what was there before may be there still."""
    house = House()
    house.read()
    house.goes((1, 0), made("copy", line=LABEL))
    house.done((1, 0))
    house.read(table("copy", "line", "c"))
    house.goes((1, 1), made("copy", c=OTHER))
    house.labelling.ended((1, 1), "doubtful", house.readings)
    assert house.read(table("copy", "line", "c")) == {"copy.line": "phone", "copy.c": "code"}


def test_a_table_that_is_made_anew_has_nothing_of_the_old_one() -> None:
    """Neither has one that another is renamed to, nor a column that is added; other columns keep theirs."""
    house = House()
    house.read()
    house.goes((1, 0), made("copy", line=LABEL, c=OTHER))
    house.done((1, 0))
    copy = table("copy", "line", "c")
    house.read(copy)
    assert house.goes((1, 1), Inheritance(("bank", "copy"), {"line": None}, anew=False))
    house.done((1, 1))
    assert house.read(copy) == {"copy.c": "code"}
    assert house.goes((1, 2), made("copy"))
    house.done((1, 2))
    assert house.read(copy) == {}
    assert not house.goes((1, 3), made("copy"))


def test_what_a_table_has_between_the_statements_of_a_text() -> None:
    """It is in force while the text runs, gone when all of it has succeeded, and stays when that is not known."""
    house = House()
    copy = table("copy", "line")
    house.read(copy)
    both = made("copy"), Inheritance(("bank", "copy"), {"line": LABEL}, meanwhile=True)
    for outcome, after in (("done", {}), ("doubtful", {"copy.line": "phone"})):
        house.goes((1, 0), *both)
        assert house.labels() == {"copy.line": "phone"}
        house.labelling.ended((1, 0), outcome, house.readings)
        assert house.read(copy) == after


def test_a_statement_takes_away_nothing_that_came_after_it_had_left() -> None:
    """The end of a text that made a clean table may be heard of after that of one that has filled another of its name."""
    house = House()
    house.read()
    house.goes((1, 0), made("copy", line=LABEL))
    house.done((1, 0))
    copy = table("copy", "line")
    house.read(copy)
    house.goes((1, 1), made("copy"))
    house.goes((2, 0), made("copy", line=LABEL))
    house.done((2, 0))
    house.read(copy)
    house.done((1, 1))
    assert house.read(copy) == {"copy.line": "phone"}


def test_a_renamed_table_takes_its_labels_along() -> None:
    """Who copied them and when is still known; those of the dictionary are told to have been renamed."""
    house = House()
    house.read()
    house.goes((1, 0), made("copy", line=LABEL))
    house.done((1, 0))
    house.read(table("copy", "line"))
    place = ColumnName("bank", "copy", "line")
    new = Inheritance(("bank", "moved"), {"line": LABEL}, moved={"line": place})
    house.labelling.expect([made("copy"), new], house.catalog, "somebody", (3, 0))
    house.done((3, 0))
    assert house.read(table("moved", "line")) == {"moved.line": "phone"}
    (kept,) = house.ledger.book("").kept.values()
    assert (kept.column.relation, kept.by, kept.why) == ("moved", "boss", "copied")
    house.goes((1, 1), Inheritance(("bank", "folks"), {"phone": Label("phone", 3)}, moved={"phone": PHONE}))
    house.done((1, 1))
    assert house.read(table("folks", "phone")) == {"folks.phone": "phone"}
    assert house.told == ["copy.line copied", "folks.phone renamed"]


@pytest.mark.parametrize("ended", [False, True])
def test_what_an_earlier_process_expected_holds(tmp_path: Path, ended: bool) -> None:
    """It was killed before it heard of the end, or before it could settle it: the label is on, whatever happened."""
    house = House(Ledger.open(tmp_path / "labels"))
    house.read()
    house.goes((1, 0), made("copy", rest=OTHER, line=LABEL, clean=None))
    if ended:
        house.done((1, 0))
    house.ledger.flush()
    house.ledger.close()
    later = House(Ledger.open(tmp_path / "labels"))
    copy = table("copy", "line", "clean", "x")
    for _ in range(2):
        assert later.read(copy) == {"copy.line": "phone", "copy.x": "code"}
    assert not later.ledger.book("").expected


def test_what_was_dropped_from_the_ledger_stays_dropped(tmp_path: Path) -> None:
    """By another process, and taken over when the file is read again; what is expected meanwhile is not lost."""
    house = House(Ledger.open(tmp_path / "labels"))
    house.read()
    house.goes((1, 0), made("copy", line=LABEL))
    house.done((1, 0))
    house.read(table("copy", "line"))
    house.goes((1, 1), made("other", line=LABEL))
    house.ledger.flush()
    (kept,) = house.ledger.book("").kept.values()
    Ledger.forget(tmp_path / "labels", "", kept, "test")
    house.ledger.reread()
    assert house.read(table("copy", "line"), table("other", "line")) == {"other.line": "phone"}
    house.labelling.withdraw((1, 1))
    assert house.read(table("copy", "line"), table("other", "line")) == {}


def test_a_table_that_is_gone_and_comes_back_has_its_labels() -> None:
    """Made anew around Louver it may hold the same."""
    house = House()
    house.read()
    house.goes((1, 0), made("copy", line=LABEL))
    house.done((1, 0))
    house.read(table("copy", "line"))
    assert house.read() == {}
    (kept,) = house.ledger.book("").kept.values()
    assert kept.state == "gone"
    assert house.read(table("copy", "line")) == {"copy.line": "phone"}


def test_generated_columns_have_the_label_of_what_they_are_computed_from() -> None:
    """One from another as well; it stays when the column is made a plain one, not when nothing is computed from labelled ones."""
    house = House()
    people = table("people", "phone", "code", last="right(`phone`,4)", more="concat(`last`,'x')", clean="upper(`code`)")
    assert house.read(people) == {"people.last": "derived", "people.more": "derived"}
    assert house.read(people) == {"people.last": "derived", "people.more": "derived"}
    assert house.told == ["people.last generated", "people.more generated"]
    assert house.read(table("people", "phone", "code", "last", more="upper(`code`)")) == {"people.last": "derived"}
    assert house.read(table("people", "phone", "code", last="1", more="2")) == {}


def test_two_labels_for_one_column() -> None:
    """Whoever sees it is to see both; the one of the dictionary stands above all."""
    house = House()
    house.read()
    house.goes((1, 0), made("copy", line=LABEL))
    house.goes((2, 0), made("copy", line=OTHER), made("people", phone=OTHER))
    assert house.read(table("copy", "line")) == {"copy.line": "derived"}
    labels = house.labelling.label(house.catalog, POLICIES, held=house.readings)
    assert labels[ColumnName("bank", "copy", "line")].sources == (*OTHER.sources, PHONE)
    assert labels[PHONE].category == "phone"
