"""What tables inherit on MySQL and MariaDB: the cases of lineage.yaml, and what is known of the text besides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from policies.model import ColumnName, Label
from rewriter.mysql.catalog import Catalog, Column, Facts, Table
from rewriter.mysql.lineage import generated, inheritances

if TYPE_CHECKING:
    from rewriter.mysql.lineage import Inheritance, Made

CASES = yaml.safe_load(Path(__file__).with_name("lineage.yaml").read_text(encoding="utf-8"))
PHONE, CODE = ColumnName("bank", "people", "phone"), ColumnName("bank", "people", "code")
LABELS = {PHONE: Label("phone", 3), CODE: Label("code", 2)}
PASSING = {("bank", "mine"): Label("phone", 3, (PHONE,)), ("bank", "clean"): None}


def table(name: str, *columns: str, definition: str | None = None) -> Table:
    """A table or view of text columns."""
    made = tuple(Column(column, number, "text", "text") for number, column in enumerate(columns, 1))
    return Table("bank", name, "table" if definition is None else "view", made, definition=definition)


TABLES = (
    table("people", "id", "name", "phone", "code"),
    table("notes", "id", "note"),
    table("shown", "a", definition="select `bank`.`people`.`phone` AS `a` from `bank`.`people`"),
)
CATALOG = Catalog("", 1, "mariadb", (10, 11, 6), folds_names=False, tables={(t.schema, t.name): t for t in TABLES})


def follow(text: str, **more: Any) -> Made:
    """What a text makes for who sees everything, in the schema bank."""
    given = {"labels": LABELS, "hidden": {}, "passing": PASSING, **more}
    return inheritances(text, CATALOG, Facts("bank"), **given)


def told(made: Inheritance) -> tuple[str, dict[str, str]]:
    """An inheritance as the cases write it."""
    name = made.name[1] if made.name[0] == "bank" else ".".join(made.name)
    name += "" if made.sure else "?"
    name = name if made.anew else f"[{name}]"
    columns = {column: "-" if label is None else label.category for column, label in made.columns.items()}
    if made.rest is not None:
        columns["*"] = made.rest.category
    return name + ("(temporary)" if made.temporary else ""), columns


@pytest.mark.parametrize("case", CASES, ids=[case["text"][:70] for case in CASES])
def test_what_a_text_makes(case: dict[str, Any]) -> None:
    """Each table that a text makes, renames or alters has what its case says."""
    made = follow(case["text"]).inheritances
    assert dict(told(each) for each in made if not each.meanwhile) == case["made"]
    assert dict(told(each) for each in made if each.meanwhile) == case.get("meanwhile", {})


def test_copies_say_where_they_are_from() -> None:
    """All that a column is made of, however far back; a column that is renamed only is no copy."""
    (made,) = follow("CREATE TABLE t AS SELECT CONCAT(phone, code) a, code b FROM people").inheritances
    assert made.columns == {"a": Label("derived", 3, (CODE, PHONE)), "b": Label("code", 2, (CODE,))}
    _, made = follow("ALTER TABLE people CHANGE phone line text, RENAME folks").inheritances
    assert made.columns["line"] == Label("phone", 3)
    assert made.moved["line"] == PHONE


def test_what_the_caller_sees_masked_needs_no_label() -> None:
    """It is stored as he sees it; a table that is renamed keeps all its labels, whoever does it."""
    hidden = {CODE: LABELS[CODE]}
    (made,) = follow("CREATE TABLE t AS SELECT * FROM people", hidden=hidden).inheritances
    assert set(made.columns) == {"phone"}
    _, made = follow("RENAME TABLE people TO folks", hidden=hidden).inheritances
    assert set(made.columns) == {"phone", "code"}


def test_what_is_not_known_is_told() -> None:
    """Tables that are read or renamed and that the catalog lacks; those that are made, temporary, or the server's own are none."""
    made = follow("CREATE TABLE t AS SELECT * FROM a, people, clean, mysql.user; RENAME TABLE other.b TO c")
    assert made.unknown == {("bank", "a"), ("other", "b")}
    assert not made.single
    assert follow("DROP TABLE mine, notes").dropped == {("bank", "mine")}


def test_a_text_that_is_too_long_to_be_read() -> None:
    """What may be a definition in it is read by its words, and takes its time from its own length alone."""
    data = "INSERT INTO notes VALUES " + "(1, 'drop it, create'),\n" * 60_000
    made = follow(
        f"{data};CREATE TABLE t AS SELECT phone FROM people; RENAME TABLE people TO folks; {data}"
    ).inheritances
    assert dict(map(told, made)) == {
        "t": {"*": "derived"},
        "people": {},
        "folks": {"phone": "phone", "code": "code"},
    }


def test_names_in_other_letters() -> None:
    """They mean the same table on servers that fold them, and another on those that do not."""
    folding = Catalog("", 1, "mysql", (9, 7, 0), folds_names=True, tables=CATALOG.tables)
    text = "CREATE TABLE T AS SELECT Phone AS P FROM PEOPLE"
    (made,) = inheritances(text, folding, Facts("BANK"), LABELS, {}, {}).inheritances
    assert told(made) == ("t", {"p": "phone"})
    assert follow(text).inheritances[0].columns == {}
    assert follow(text).unknown == {("bank", "PEOPLE")}


def test_generated_columns() -> None:
    """They are derived from the labelled columns that their expressions name, quoted or not."""
    columns = (
        Column("phone", 1, "text", "text"),
        Column("Last", 2, "text", "text", generated=True, expression="right(`phone`,4)"),
        Column("other", 3, "text", "text", generated=True, expression="upper(`name`)"),
    )
    found = generated(Table("bank", "people", "table", columns), {"phone": LABELS[PHONE]})
    assert found == {"last": Label("derived", 3, (PHONE,))}
