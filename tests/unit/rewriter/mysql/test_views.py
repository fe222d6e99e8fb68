"""The caller's view of a table keeps the server from indexes that would tell the order of hidden values."""

from __future__ import annotations

from policies.masks import make_mask
from policies.model import RowCondition, Treatment
from rewriter.mysql.catalog import Column, Index, Table
from rewriter.mysql.views import CallerView

UTF8 = {"character_set": "utf8mb4", "collation": "utf8mb4_general_ci"}
COLUMNS = (
    Column("id", 1, "int", "int"),
    Column("Phone", 2, "varchar(20)", "varchar", **UTF8),
    Column("city", 3, "varchar(20)", "varchar", **UTF8),
)
INDEXES = (
    Index("PRIMARY", ("id",)),
    Index("by_city", ("city",)),
    Index("by`phone", ("Phone",)),
    Index("both", ("city", "phone")),
)
TABLE = Table("bank", "customers", "table", COLUMNS, indexes=INDEXES)
FULL = Treatment("mask", "hidden", make_mask("full"))


def query(treatment: Treatment | None, inside: str = "", lock: str = "") -> str:
    view = CallerView(TABLE, {} if treatment is None else {"phone": treatment}, None)
    return view.query([(COLUMNS[0], "id")], inside, lock)[0]


def test_indexes_over_hidden_columns_are_not_read() -> None:
    """Even where no hidden column is asked for: an index over one is short, and its order that of the real values."""
    assert query(FULL).endswith("FROM `bank`.`customers` IGNORE INDEX (`by``phone`, `both`)")
    assert query(Treatment("deny", "nobody")).endswith("IGNORE INDEX (`by``phone`, `both`)")
    on_rows = Treatment("clear", "some", rows=RowCondition("city = 'x'"), fallback=make_mask("full"))
    assert query(on_rows).endswith("IGNORE INDEX (`by``phone`, `both`)")


def test_other_indexes_are_read() -> None:
    """Who sees the column, on every row, sees it by any index."""
    assert query(None).endswith("FROM `bank`.`customers`")
    assert query(Treatment("clear", "all")).endswith("FROM `bank`.`customers`")


def test_they_stand_behind_what_the_statement_says_and_before_the_lock() -> None:
    """Partitions and hints of the statement come first, a lock last."""
    made = query(FULL, "PARTITION (p0) USE INDEX (both)", "FOR UPDATE")
    assert made.endswith("PARTITION (p0) USE INDEX (both) IGNORE INDEX (`by``phone`, `both`) FOR UPDATE")


def test_a_primary_key_cannot_be_helped() -> None:
    """The rows of a table lie in its order."""
    table = Table("bank", "t", "table", COLUMNS, indexes=(Index("PRIMARY", ("phone",)),))
    assert "IGNORE" not in CallerView(table, {"phone": FULL}, None).query([(COLUMNS[0], "id")])[0]


def test_rollup_and_concat_ws_get_columns_of_another_make() -> None:
    """Columns that cannot be NULL become ones that can, where their type stays as it is; computed texts are made by CONCAT."""
    columns = (
        Column("id", 1, "int", "int", not_null=True),
        Column("Phone", 2, "varchar(20)", "varchar", not_null=True, **UTF8),
        Column("mood", 3, "enum('a','b')", "enum", not_null=True, **UTF8),
        Column("code", 4, "int(5) zerofill", "int", not_null=True),
        Column("city", 5, "varchar(20)", "varchar", **UTF8),
    )
    view = CallerView(Table("bank", "t", "table", columns), {"phone": FULL}, None)
    named = [(column, column.name) for column in columns]
    masked = "CASE WHEN `t`.`Phone` IS NOT NULL THEN _utf8mb4'****' ELSE `t`.`Phone` END"
    rest = "`t`.`mood`, `t`.`code`, `t`.`city` FROM `bank`.`t`"
    rolled = f"SELECT IF(TRUE, `t`.`id`, NULL) AS `id`, IF(TRUE, {masked}, NULL) AS `Phone`, {rest}"
    assert view.query(named, rolls=True)[0] == rolled
    assert view.query(named, joins=True)[0] == f"SELECT `t`.`id`, CONCAT({masked}) AS `Phone`, {rest}"
