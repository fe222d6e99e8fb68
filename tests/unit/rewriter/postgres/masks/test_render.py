"""Masks as SQL: one expression each, every name with its schema, the value never bare."""

import pytest

from policies.masks import SCHEMAS, make_mask
from policies.model import Mask
from rewriter.postgres.catalog import Column
from rewriter.postgres.masks import RENDERERS, MissingKeyError, key_material, render
from rewriter.postgres.reading import encode, parse

KEY = key_material(b"a secret of the tests")
EXAMPLES = {
    "full": make_mask("full"),
    "null": make_mask("null"),
    "partial": make_mask("partial", keep_first=3, keep_last=4, keep_length=True),
    "chinese_name": make_mask("chinese_name"),
    "phone": make_mask("phone"),
    "id_card": make_mask("id_card", keep_first=6),
    "passport": make_mask("passport"),
    "bank_card": make_mask("bank_card", keep_bin=True),
    "email": make_mask("email"),
    "address": make_mask("address", keep="city"),
    "ip": make_mask("ip"),
    "free_text": make_mask("free_text"),
    "replace": make_mask("replace", pattern=r"^[^@\s]{2,}@", by="it's"),
    "json": make_mask("json", paths="phone\na.b.c"),
    "binary": make_mask("binary"),
    "hash": make_mask("hash"),
    "token": make_mask("token", prefix="T-", scope="care"),
    "digits": make_mask("digits", keep_first=6),
    "round": make_mask("round", step=1000),
    "bucket": make_mask("bucket", bounds="0,100,1000"),
    "noise": make_mask("noise"),
    "year": make_mask("year"),
    "month": make_mask("month"),
    "age_band": make_mask("age_band"),
    "constant": make_mask("constant", value="it's"),
}
COLUMNS = [
    Column("x", 1, "pg_catalog.text", "text"),
    Column("x", 1, "pg_catalog.varchar(11)", "varchar", collation='pg_catalog."C"'),
    Column("x", 1, 'pg_catalog."numeric"(10,2)', "numeric"),
    Column("x", 1, "pg_catalog.int8", "int8"),
    Column("x", 1, "pg_catalog.float4", "float4"),
    Column("x", 1, "pg_catalog.date", "date"),
    Column("x", 1, "pg_catalog.timestamptz", "timestamptz"),
    Column("x", 1, "pg_catalog.uuid", "uuid"),
    Column("x", 1, "pg_catalog.bytea", "bytea"),
    Column("x", 1, "pg_catalog.jsonb", "jsonb"),
    Column("x", 1, "pg_catalog.json", "json"),
    Column("x", 1, "pg_catalog.inet", "inet"),
    Column("x", 1, "pg_catalog._text", "_text"),
    Column("x", 1, "public.mood", "public.mood"),
]


def nodes(tree: object):
    """Walk a parse tree: (node name, node)."""
    if isinstance(tree, list):
        for item in tree:
            yield from nodes(item)
    elif isinstance(tree, dict):
        for name, item in tree.items():
            yield name, item
            yield from nodes(item)


def names(node: list[dict]) -> list[str]:
    return [item["String"]["sval"] for item in node]


def test_what_policies_name_is_rendered():
    """Every mask of the policy has its SQL, and no other."""
    assert set(RENDERERS) == set(SCHEMAS) == set(EXAMPLES)


OF_ELEMENTS = [["each", "value"], ["each", "place"], ["all", "elements"], ["row", "number"]]
"""What the elements of an array are read by."""


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.type_name)
@pytest.mark.parametrize("mask", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_every_name_has_its_schema(mask, column):
    """PostgreSQL's parser sees one expression whose functions, operators, types and collations are qualified."""
    (statement,) = parse(encode(f"SELECT {render(mask, column, 't.x', KEY)}"))
    (target,) = statement["stmt"]["SelectStmt"]["targetList"]
    is_array = column.base_type.startswith("_")
    for name, node in nodes(target):
        if name == "FuncCall":
            assert names(node["funcname"])[0] == "pg_catalog"
        elif name == "A_Expr":
            assert names(node["name"])[0] == "pg_catalog"
        elif name == "typeName":
            assert (
                names(node["names"])[0] == column.type_name.partition(".")[0] or names(node["names"])[0] == "pg_catalog"
            )
        elif name == "CollateClause":
            assert len(names(node["collname"])) == 2
        elif name == "CaseExpr":
            assert "arg" not in node  # CASE x WHEN y asks for an operator = by the search path
        elif name == "ColumnRef":
            assert names(node["fields"]) == ["t", "x"] or (is_array and names(node["fields"]) in OF_ELEMENTS)
        assert name not in ("RangeVar", "ParamRef", "SQLValueFunction")
        assert name != "fromClause" or is_array


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.type_name)
@pytest.mark.parametrize("mask", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_the_key_is_in_no_text(mask, column):
    """Rendered SQL holds the fingerprint at most."""
    assert KEY.setting not in render(mask, column, "t.x", KEY)


@pytest.mark.parametrize(
    "mask",
    [
        EXAMPLES[name]
        for name in (
            "partial",
            "email",
            "hash",
            "chinese_name",
            "phone",
            "address",
            "ip",
            "token",
            "digits",
            "free_text",
            "replace",
        )
    ],
    ids=lambda mask: mask.name,
)
def test_text_is_searched_bytewise_where_its_collation_could_forbid_it(mask):
    """Under a column's own collation or a domain's, which may be nondeterministic, every reading of the value is bytewise."""
    for column in (
        Column("x", 1, "pg_catalog.text", "text", collation="public.blurred"),
        Column("x", 1, "public.blurred_text", "text"),
        Column("x", 1, "pg_catalog.name", "name"),
    ):
        sql = render(mask, column, "t.x", KEY)
        bytewise = '(t.x::pg_catalog.text COLLATE pg_catalog."C")'
        assert bytewise in sql
        assert "t.x" not in sql.replace(bytewise, "").replace("WHEN t.x IS NOT NULL", "")


def test_a_keyed_mask_without_a_key_is_an_error():
    """Without a key there is no hash; nothing weaker takes its place."""
    with pytest.raises(MissingKeyError, match="`hash` needs a key"):
        render(make_mask("hash"), COLUMNS[0], "t.x")


def test_a_mask_that_does_not_exist_is_an_error():
    """An unknown mask renders nothing."""
    with pytest.raises(KeyError):
        render(Mask("clear"), COLUMNS[0], "t.x")


@pytest.mark.parametrize(
    ("mask", "column"),
    [
        (EXAMPLES["partial"], Column("x", 1, "pg_catalog.int8", "int8")),
        (EXAMPLES["partial"], Column("x", 1, "pg_catalog.varchar(7)", "varchar")),
        (EXAMPLES["email"], Column("x", 1, "pg_catalog.jsonb", "jsonb")),
        (EXAMPLES["hash"], Column("x", 1, "pg_catalog.float8", "float8")),
        (EXAMPLES["hash"], Column("x", 1, "pg_catalog.numeric(3,3)", "numeric")),
        (EXAMPLES["round"], Column("x", 1, "pg_catalog.text", "text")),
        (EXAMPLES["round"], Column("x", 1, "pg_catalog.money", "money")),
        (EXAMPLES["round"], Column("x", 1, "pg_catalog.numeric(2,-3)", "numeric")),
        (EXAMPLES["year"], Column("x", 1, "pg_catalog.int4", "int4")),
    ],
    ids=lambda value: getattr(value, "type_name", None) or value.name,
)
def test_a_mask_that_does_not_fit_the_type_hides_entirely(mask, column):
    """Where a mask makes no sense, `full` takes its place."""
    assert render(mask, column, "t.x", KEY) == render(make_mask("full"), column, "t.x")
