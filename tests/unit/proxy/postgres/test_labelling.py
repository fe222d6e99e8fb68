"""Labels by what becomes of columns: seen in open transactions, gone, come back, made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policies.loader import parse_policies
from policies.model import ColumnName, Label
from proxy.ledger import Ledger
from proxy.postgres.labelling import Labelling
from rewriter.postgres.catalog import Catalog, Column, Relation
from rewriter.postgres.lineage import Inheritance

if TYPE_CHECKING:
    from pathlib import Path

POLICIES = parse_policies(
    'version: 1\ndictionary:\n  - {column: "bank.public.people.phone", category: phone, level: 3}\n'
)
PHONE = ColumnName("public", "people", "phone")
LABEL = Label("phone", 3, (PHONE,))
PEOPLE = Relation(1, "public", "people", "r", (Column("phone", 1, "pg_catalog.text", "text"),))


def table(oid: int, name: str, *columns: str) -> Relation:
    """A table of text columns."""
    made = tuple(Column(column, number, "pg_catalog.text", "text") for number, column in enumerate(columns, 1))
    return Relation(oid, "public", name, "r", made)


class House:
    """The labels of a database, and the clock they go by."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.told: list[str] = []
        self.ledger = Ledger()
        self.catalog = Catalog("bank", 0, {}, {})
        self.labelling = Labelling("bank", self.ledger, told=self.tell, now=lambda: self.now)

    def tell(self, _database: str, kept, _sources) -> None:
        """Take down what the audit is told."""
        self.told.append(f"{kept.column} {kept.why}")

    def read(self, *relations: Relation) -> dict[str, str]:
        """Read a snapshot of these and the dictionary's own table; the labels of all others."""
        earlier = self.catalog.relations
        found = {relation.oid: relation for relation in (PEOPLE, *relations)}
        self.catalog = Catalog("bank", 1, found, {(r.schema, r.name): oid for oid, r in found.items()})
        labels = self.labelling.label(self.catalog, earlier, POLICIES)
        return {f"{name.relation}.{name.column}": label.category for name, label in labels.items() if name != PHONE}

    def own(self, relation: Relation) -> dict[str, str]:
        """See a relation in an open transaction."""
        labels = self.labelling.labels_of(relation, self.catalog, POLICIES)
        return {f"{name.relation}.{name.column}": label.category for name, label in labels.items()}

    def makes(self, name: str, asker: tuple[int, int] = (1, 0), **columns: Label) -> None:
        """A statement goes off that makes a table."""
        self.labelling.expect(Inheritance(name, columns), self.catalog, "boss", asker)


@pytest.fixture
def house() -> House:
    """A database that has been read once."""
    house = House()
    assert house.read() == {}
    return house


def test_a_copy_renamed_in_its_own_transaction_keeps_its_label(house: House) -> None:
    """Also when others have the catalog read meanwhile, and another table still has its first name there."""
    house.read(table(2, "t", "x"))
    house.makes("t", a=LABEL)
    assert house.own(table(3, "t", "a")) == {"t.a": "phone"}
    assert house.read(table(2, "t", "x")) == {}
    assert house.own(table(3, "u", "b")) == {"u.b": "phone"}
    assert house.read(table(3, "u", "b")) == {"u.b": "phone"}


def test_what_has_failed_is_expected_no_more(house: House) -> None:
    """A table of that name is made by something else then."""
    house.makes("t", (1, 0), a=LABEL)
    house.makes("t", (1, 0), a=LABEL)
    house.labelling.undone(1, range(1))
    assert house.read(table(2, "t", "a")) == {}


@pytest.mark.parametrize("other", [(1, 1), (2, 0)])
def test_what_another_execution_may_have_made_stays_expected(house: House, other: tuple[int, int]) -> None:
    """Of the same session or another: the one that has failed was not the only one."""
    house.makes("t", (1, 0), a=LABEL)
    house.makes("t", other, a=LABEL)
    house.labelling.undone(other[0], range(other[1], other[1] + 1))
    assert house.read(table(2, "t", "a")) == {"t.a": "phone"}


def test_what_an_earlier_process_has_seen_off_stays_expected(house: House, tmp_path: Path) -> None:
    """How that ended nobody knows any more."""
    house.ledger = Ledger.open(tmp_path / "labels.jsonl")
    house.labelling = Labelling("bank", house.ledger, told=house.tell, now=lambda: house.now)
    house.makes("t", (1, 0), a=LABEL)
    house.ledger.flush()
    house.ledger.close()
    house.ledger = Ledger.open(tmp_path / "labels.jsonl")
    house.labelling = Labelling("bank", house.ledger, told=house.tell, now=lambda: house.now)
    house.makes("t", (1, 0), a=LABEL)
    house.labelling.undone(1, range(9))
    assert house.read(table(2, "t", "a")) == {"t.a": "phone"}


def test_what_is_never_committed_is_forgotten(house: House) -> None:
    """After a day no transaction is waited for any more."""
    house.makes("t", a=LABEL)
    house.own(table(3, "t", "a"))
    house.now += 90_000
    house.read()
    assert house.ledger.book("bank").kept.keys() == {(1, 1)}
    assert house.ledger.book("bank").expected == {}
    assert house.read(table(4, "t", "a")) == {}


def test_two_tables_of_one_name_inherit_in_their_schemas(house: House) -> None:
    """Which of two statements has made which is not known, so that both tables have the labels of both."""
    house.makes("t", a=LABEL)
    house.makes("t", b=LABEL)
    assert house.read(table(2, "t", "a", "b")) == {"t.a": "phone", "t.b": "phone"}
    other = Relation(3, "private", "t", "r", table(3, "t", "a", "c").columns)
    assert house.read(table(2, "t", "a", "b"), other) == {"t.a": "phone", "t.b": "phone"}
    assert (3, 1) in house.ledger.book("bank").kept


def test_another_table_that_takes_over_a_name_takes_over_no_label(house: House) -> None:
    """It was there before, so that it is not what comes back from a dump; what is new under the name is."""
    house.makes("t", a=LABEL)
    assert house.read(table(2, "t", "a")) == {"t.a": "phone"}
    assert house.read(table(2, "t", "a"), table(3, "fresh", "a")) == {"t.a": "phone"}
    assert house.read(table(3, "t", "a")) == {}
    house.makes("v", a=LABEL)
    house.read(table(3, "t", "a"), table(4, "v", "a"))
    house.now += 90_000
    assert house.read(table(3, "t", "a")) == {}
    assert house.read(table(3, "t", "a"), table(5, "v", "a")) == {"v.a": "phone"}


def test_a_column_is_told_of_once(house: House) -> None:
    """However often the catalog is read, and in whatever state it was seen first."""
    house.makes("t", a=LABEL)
    house.own(table(3, "t", "a"))
    for _ in range(3):
        house.read(table(3, "t", "a"))
    assert house.told == ["public.t.a copied"]


def test_what_is_expected_already_changes_nothing(house: House) -> None:
    """A statement is ruled again until nothing new is expected of it, so that asking again must bring nothing new."""
    house.makes("copy", line=LABEL)
    house.makes("copy")
    expected = list(house.ledger.book("bank").expected["copy"])
    assert len(expected) == 2
    house.now += 1
    house.makes("copy")
    house.makes("copy", line=LABEL)
    assert house.ledger.book("bank").expected["copy"] == expected
