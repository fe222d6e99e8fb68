"""The rewriter for MySQL and MariaDB: the cases of tests/cases/rewriter-mysql, and what comes with a rewritten text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fixtures.mysql_rewriting import FULL, catalog, decision, expand, load

from policies.model import ColumnName, Decision, RowCondition, Treatment
from rewriter.model import Masked, Refusal, Rewritten, UnknownNames
from rewriter.mysql.catalog import Catalog, Facts, Index
from rewriter.mysql.lexer import apply
from rewriter.mysql.rewrite import describe, merge, rewrite

CATALOGS = {"mysql": catalog("mysql"), "mariadb": catalog("mariadb")}
DECISION = decision()
CASES = [
    (flavour, case)
    for case in (*load("select"), *load("writes"), *load("statements"))
    for flavour in CATALOGS
    if case.get("only", flavour) == flavour
]


def run(sql: str, known: Catalog = CATALOGS["mysql"], modes: str = "", **more: Any) -> Rewritten:
    facts = Facts("bank", frozenset(modes.split()), **more)
    return rewrite(sql, catalog=known, facts=facts, decision=DECISION)


@pytest.mark.parametrize(("flavour", "case"), CASES, ids=[f"{f}: {c['sql'][:60]}" for f, c in CASES])
def test_cases(flavour: str, case: dict[str, Any]) -> None:
    """Each statement leaves as its case says, or is refused."""
    known = CATALOGS[flavour]
    if "refused" in case:
        with pytest.raises(Refusal) as refusal:
            run(case["sql"], known, case.get("modes", ""))
        assert refusal.value.sqlstate == case["refused"]
        assert case.get("says", "") in refusal.value.message + (refusal.value.hint or "")
        return
    made = run(case["sql"], known, case.get("modes", ""))
    if "out" in case:
        assert made.text == (case["sql"] if case["out"] == "same" else expand(case["out"], known, DECISION))
    else:
        assert made.text != case["sql"]
    edits = [(edit.start, edit.end, edit.replacement) for edit in made.edits]
    assert apply(case["sql"], edits) == made.text


def test_columns_that_are_shown_stay_as_they_are_in_writes() -> None:
    """Of a table that is written, only hidden columns are replaced; of one that hides nothing, none, and * may be returned."""
    shown, rows = Treatment("clear", "names are shown"), Treatment("clear", "all rows", rows=RowCondition("true"))
    both = decision(customers__name=shown)
    made = rewrite(
        "update customers set city = name, name = 'x' where phone = '1'",
        catalog=CATALOGS["mariadb"],
        facts=Facts("bank"),
        decision=both,
    )
    assert made.text.startswith("update customers set city = name, name = 'x' where (CASE")
    assert {use.column.column for use in made.uses} == {"name", "phone"}
    opened = Decision("test", {ColumnName("bank", "orders", "note"): rows}, {})
    for text in (
        "update orders set note = 'x', x = note where match(note) against ('y')",
        "insert into orders (oid) values (9) returning *",
        "update orders join customers using (id) set note = 'x'",
    ):
        made = rewrite(text, catalog=CATALOGS["mariadb"], facts=Facts("bank"), decision=opened)
        assert made.text == text


@pytest.mark.parametrize(
    "text",
    [
        "select id, _rowid from customers",  # another name of a key, which may be hidden under its own
        "select phone from customers where _rowid = 1",
        "select phone, row_start from customers",
        "select phone from customers where 1 in (select 2)",
        "select phone from customers, orders",
        "select phone from customers limit 1; select 1",
        "select phone, length(city) from customers",
        "select phone from customers having true",
        "select phone from customers 客户",
    ],
)
def test_what_is_not_plain_reads_a_subquery(text: str) -> None:
    """Masks stand in the SELECT list where all that is read are columns of one table; else there is a subquery for the table."""
    for known in CATALOGS.values():
        made = run(text, known)
        assert "(SELECT " in made.text
        assert made.masked == ()


def mixed() -> Catalog:
    """The schema with an index over a visible and a hidden column of customers."""
    known = CATALOGS["mysql"]
    table = known.tables["bank", "customers"]
    table = replace(table, indexes=(*table.indexes, Index("both", ("city", "phone"))))
    return replace(known, tables={**known.tables, ("bank", "customers"): table})


HINT = "IGNORE INDEX (`phone`, `both`)"


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("update customers set name = 'x'", f"update customers {HINT} set name = 'x'"),
        (
            "update bank.customers as c use index (city) set name = 'x' where city = 'y' order by city limit 1",
            f"update bank.customers as c use index (city) {HINT} set name = 'x' where city = 'y' order by city limit 1",
        ),
        (
            "update customers c join orders o on o.cid = c.id set c.name = 'x', o.x = 1",
            f"update customers c {HINT} join orders o on o.cid = c.id set c.name = 'x', o.x = 1",
        ),
        (
            "delete c from orders o join customers c on o.cid = c.id",
            f"delete c from orders o join customers c {HINT} on o.cid = c.id",
        ),
        ("delete from customers", f"delete customers from customers {HINT}"),
        (
            "delete low_priority from `bank`.customers where city = 'y' and (@s := id) > 0",
            f"delete low_priority `bank`.customers from `bank`.customers {HINT} where city = 'y' and (@s := id) > 0",
        ),
        (
            "delete ignore from customers as `a b` where city = 'y'",
            f"delete ignore `a b` from customers as `a b` {HINT} where city = 'y'",
        ),
        ("insert into customers (id, name) values (9, 'x') on duplicate key update name = 'y'", "same"),
        ("delete from orders where x = 1 limit 1", "same"),
    ],
)
def test_writes_do_not_visit_rows_in_the_order_of_hidden_values(text: str, out: str) -> None:
    """An index over visible and hidden columns is forbidden; a DELETE takes the form in which it can be."""
    assert run(text, mixed()).text == (text if out == "same" else out)
    assert run(text).edits == ()


@pytest.mark.parametrize(
    "text",
    [
        "delete from customers where city = 'y' limit 1",
        "delete from customers where city = 'y' order by id",
        "delete from customers where city = 'y' returning id",
        "update towns set name = 'x' where city = 'y'",
        "delete from towns where city = 'y'",
        "update orders o join towns t on t.id = o.cid set t.name = 'x'",
        "update plain set name = 'x' where city = 'y'",
    ],
)
def test_writes_that_take_no_index_hint_are_refused(text: str) -> None:
    """With a LIMIT or RETURNING a DELETE does not, nor does any write through a view, whether it has the hidden columns or not."""
    known = mixed()
    table = known.tables["bank", "customers"]
    names = [column.name for column in table.columns]
    views = {
        name: replace(
            *(table,),
            name=name,
            kind="view",
            indexes=(),
            unique=(),
            columns=tuple(column for column in table.columns if column.name in shown),
            definition=f"select {', '.join(f'`bank`.`customers`.`{each}` AS `{each}`' for each in shown)} from `bank`.`customers`",
        )
        for name, shown in {"towns": names, "plain": ["id", "name", "city"]}.items()
    }
    known = replace(known, tables={**known.tables, **{("bank", name): view for name, view in views.items()}})
    with pytest.raises(Refusal, match="in the order of hidden values"):
        run(text, known)


def test_masks_in_place_are_told_as_columns() -> None:
    """Which result columns are masks is known, with the table and the column that clients are to see, under its alias."""
    made = run("select id, c.PHONE, phone as p from bank.customers c where id = 1")
    assert made.masked == (None, Masked("c", "customers", "phone"), Masked("c", "customers", "phone"))
    assert run("select id from customers").masked == ()
    assert made.literal_free
    assert {use.column.column for use in made.uses} == {"phone"}


def test_names_that_the_catalog_lacks_are_to_be_looked_up() -> None:
    """A table or function that is not known is asked for; once it was looked up, the server says what it is."""
    with pytest.raises(UnknownNames) as unknown:
        run("select * from scratch, customers")
    assert unknown.value.names == {("bank", "scratch")}
    assert (
        "FROM `bank`.`customers`"
        in run("select * from scratch, customers", absent=frozenset({("bank", "scratch")})).text
    )
    with pytest.raises(UnknownNames) as unknown:
        run("select other.f(1)")
    assert unknown.value.functions == {("other", "f")}


def test_without_a_default_schema_names_must_be_qualified() -> None:
    """The server says the same: 3D000."""
    with pytest.raises(Refusal) as refusal:
        rewrite("select * from customers", catalog=CATALOGS["mysql"], facts=Facts(None), decision=DECISION)
    assert refusal.value.sqlstate == "3D000"


def test_names_are_compared_as_the_server_compares_them() -> None:
    """With lower_case_table_names, any case is the table; without, another case is another table."""
    folding = catalog("mysql", folds=True)
    made = rewrite("select PHONE from CUSTOMERS C", catalog=folding, facts=Facts("BANK"), decision=DECISION)
    assert made.text.endswith("AS `PHONE` from CUSTOMERS C IGNORE INDEX (`phone`)")
    with pytest.raises(UnknownNames):
        run("select * from CUSTOMERS")


def test_what_a_statement_reads_is_recorded() -> None:
    """Kinds, relations, the labelled columns and those that a condition touches."""
    made = run("select name from phones join customers c on c.id = phones.id where c.phone = 'x'")
    assert made.kinds == ("SELECT",)
    assert made.relations == (("bank", "phones"), ("bank", "customers"))
    assert {str(use.column) for use in made.uses} == {"bank.customers.phone"}
    assert {str(use.column) for use in made.compared} == {"bank.customers.phone"}
    assert not run("select phone from customers").compared


def test_who_sees_everything_is_not_rewritten() -> None:
    """Where nothing is treated, texts pass as they are."""
    clear = Decision("test", {}, {})
    text = "select leak(1), phone from customers"
    assert rewrite(text, catalog=CATALOGS["mysql"], facts=Facts("bank"), decision=clear).text == text


def test_a_denied_column_is_refused_by_name() -> None:
    """deny refuses a statement that reads the column, and no other."""
    denied = decision(customers__phone=FULL.__class__("deny", "nobody calls"))
    facts = Facts("bank")
    with pytest.raises(Refusal, match=r"permission denied for column bank\.customers\.phone"):
        rewrite("select * from customers", catalog=CATALOGS["mysql"], facts=facts, decision=denied)
    assert rewrite("select id from customers", catalog=CATALOGS["mysql"], facts=facts, decision=denied).text


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("select 1; insert into t values (1)", ("SELECT", "INSERT")),
        ("create table t (a int)", ("CREATE TABLE",)),
        ("frobnicate", ("UNKNOWN",)),
        ("select 'open", ("UNKNOWN",)),
        ("select \0", ("UNKNOWN",)),
        ("", ()),
    ],
)
def test_describing_never_fails(text: str, kinds: tuple[str, ...]) -> None:
    """A text of a caller who sees everything is described as far as it can be read."""
    assert describe(text, Facts("bank")).kinds == kinds


def test_described_tables_have_their_schema() -> None:
    """Unqualified names are of the default schema."""
    assert describe("select * from a join x.b", Facts("bank")).relations == (("bank", "a"), ("x", "b"))


def test_two_rounds_of_edits_are_one() -> None:
    """Edits of an edited text are those of the first text."""
    first = ((2, 4, ""), (6, 7, " "), (9, 10, " "))
    text = "0123456789AB"
    between = apply(text, list(first))
    for start in range(len(between)):
        for end in range(start + 1, len(between) + 1):
            second = [(start, end, "!")]
            assert apply(text, merge(first, second)) == apply(between, second)


def test_grants_of_mariadb_hold_the_hash_of_a_password() -> None:
    """They are refused there, and shown on MySQL, which leaves it out."""
    for text in ("SHOW GRANTS", "show grants for current_user()"):
        with pytest.raises(Refusal, match="hash of a password"):
            rewrite(text, catalog=catalog("mariadb"), facts=Facts("bank"), decision=decision())
        assert rewrite(text, catalog=catalog("mysql"), facts=Facts("bank"), decision=decision()).text == text
