"""Joins by real values on MySQL and MariaDB: what the text becomes, and what stays as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fixtures.mysql_rewriting import FULL, catalog, decision

from policies.model import Allowance, ColumnName, Decision, Label
from rewriter.keys import key_material
from rewriter.model import Refusal, Rewritten
from rewriter.mysql.catalog import Facts, Flavour, Link
from rewriter.mysql.rewrite import rewrite

JOINING = replace(FULL, on_write="deny", join=Allowance(3))
KEY = key_material(b"a secret of thirty-two bytes.....", "louver.key_c0ffee")
FOUND = "select c.id from customers c join parts p on c.phone = p.secret"


def joining(*, category: str = "phone", per_hour: int = 5) -> Decision:
    made = decision(customers__phone=JOINING, parts__secret=replace(JOINING, join=Allowance(per_hour)))
    labels = {
        ColumnName("bank", "customers", "phone"): Label("phone", 3),
        ColumnName("bank", "parts", "secret"): Label(category, 3),
    }
    return replace(made, labels=labels)


def run(text: str, flavour: Flavour = "mysql", made: Decision | None = None, **more: object) -> Rewritten:
    known = catalog(flavour)
    return rewrite(text, catalog=known, facts=Facts("bank"), decision=made or joining(), key=KEY, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("flavour", ["mysql", "mariadb"])
def test_both_subqueries_get_a_hash_and_the_condition_compares_them(flavour: Flavour) -> None:
    """The rest of the text stays; MariaDB is kept from computing a hash for each pair of rows."""
    made = run(FOUND, flavour)
    assert made.text.endswith(") p on (`c`.`louver_join1` = `p`.`louver_join2`)")
    assert made.text.count("AS `louver_join") == made.text.count("WEIGHT_STRING(") == 2
    assert made.text.count("LIMIT 18446744073709551615") == (2 if flavour == "mariadb" else 0)
    assert {(probe.column.column, probe.per_hour, probe.values, probe.kind) for probe in made.probes} == {
        ("phone", 3, 1, "join"),
        ("secret", 5, 1, "join"),
    }
    assert {use.join for use in made.uses} == {"exact"}
    assert not made.literal_free


def test_a_name_of_the_statement_is_no_name_of_a_hash() -> None:
    """However it is written, nothing in the statement means what is compared."""
    made = run(FOUND.replace("c.id", "c.id as `LOUVER_JOIN1`"))
    assert "`c`.`louver_join_1`" in made.text


@pytest.mark.parametrize(
    "text",
    [
        "select c.*, p.pid from customers c join parts p on c.phone = p.secret",
        "select * from customers c join parts p on c.phone = p.secret",
        "select c.id from customers c natural join orders o join parts p on c.phone = p.secret",
        "select c.id from customers c join parts p on phone = secret",
        "select c.id from customers c join parts p on c.phone <=> p.secret",
        "select c.id from customers c join parts p on not c.phone = p.secret",
        "select c.id from customers c join parts p on c.phone = p.secret or 1",
        "select c.id from customers c join parts p on c.phone = (p.secret)",
        "select c.id from customers c where exists (select 1 from parts p where c.phone = p.secret)",
        "select c.id from customers c join (select secret from parts) p on c.phone = p.secret",
        "select p.id from phones p join parts q on p.Number = q.secret",
        "update orders o join customers c on o.cid = c.id join parts p on c.phone = p.secret set o.x = 1",
        "insert into orders (x) select c.id from customers c join parts p on c.phone = p.secret",
    ],
)
def test_any_other_condition_compares_what_is_shown(text: str) -> None:
    """No hash is in the text, and nothing is counted."""
    made = run(text)
    assert "louver_" not in made.text
    assert not made.probes


def test_nothing_is_joined_without_key_or_of_two_categories() -> None:
    """The condition keeps its masked meaning."""
    assert "louver_" not in run(FOUND, made=joining(category="code")).text
    made = rewrite(FOUND, catalog=catalog(), facts=Facts("bank"), decision=joining(), key=None)
    assert "louver_" not in made.text


def test_what_follows_a_column_that_may_be_written_is_refused() -> None:
    """A foreign key could carry a guess over; one to a column that the caller cannot write carries none."""
    known = catalog()
    parts = known.tables["bank", "parts"]
    for other, there in ((("bank", "orders"), "note"), (("bank", "customers"), "phone")):
        linked = replace(parts, links=(Link("f", ("secret",), other, (there,), refers=True),))
        tables = {**known.tables, ("bank", "parts"): linked}
        changed = replace(known, tables=tables)
        if there == "phone":
            made = rewrite(FOUND, catalog=changed, facts=Facts("bank"), decision=joining(), key=KEY)
            assert made.probes
            continue
        with pytest.raises(Refusal, match=r"secret follows bank\.orders\.note"):
            rewrite(FOUND, catalog=changed, facts=Facts("bank"), decision=joining(), key=KEY)
