"""Masks as SQL of MySQL: one expression each that the rewriter's own readers read, the value never bare."""

import re

import pytest
from sqlglot import exp

from policies.masks import SCHEMAS, make_mask
from policies.model import Mask
from rewriter.keys import key_material
from rewriter.mysql.catalog import Column
from rewriter.mysql.masks import RENDERERS, MissingKeyError, key_statement, render, render_short
from rewriter.mysql.reading import parse, read

KEY = key_material(b"a secret of the tests", "louver.key_0f")
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
    "constant": make_mask("constant", value="it's \\"),
}
COLUMNS = [
    Column("x", 1, "text", "text", character_set="utf8mb4", collation="utf8mb4_bin"),
    Column("x", 1, "varchar(11)", "varchar", character_set="latin1", collation="latin1_bin"),
    Column("x", 1, "char(11)", "char", character_set="utf8mb4", collation="utf8mb4_bin"),
    Column("x", 1, "decimal(10,2)", "decimal"),
    Column("x", 1, "bigint(20) unsigned", "bigint"),
    Column("x", 1, "int(6) unsigned zerofill", "int"),
    Column("x", 1, "float", "float"),
    Column("x", 1, "date", "date"),
    Column("x", 1, "datetime(6)", "datetime"),
    Column("x", 1, "timestamp", "timestamp"),
    Column("x", 1, "time(3)", "time"),
    Column("x", 1, "year(4)", "year"),
    Column("x", 1, "bit(8)", "bit"),
    Column("x", 1, "binary(4)", "binary"),
    Column("x", 1, "blob", "blob"),
    Column("x", 1, "json", "json"),
    Column("x", 1, "longtext", "json", character_set="utf8mb4", collation="utf8mb4_bin"),
    Column("x", 1, "enum('a(1)','it''s')", "enum", character_set="utf8mb4", collation="utf8mb4_bin"),
    Column("x", 1, "set('a','b')", "set", character_set="utf8mb4", collation="utf8mb4_bin"),
    Column("x", 1, "uuid", "uuid"),
    Column("x", 1, "inet6", "inet6"),
    Column("x", 1, "point", "point"),
]


def test_what_policies_name_is_rendered():
    """Every mask of the policy has its SQL, and no other."""
    assert set(RENDERERS) == set(SCHEMAS) == set(EXAMPLES)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.type_name)
@pytest.mark.parametrize("mask", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_every_mask_is_one_expression_over_the_column(mask, column):
    """Both readers read it: it names no column but the one it hides, and that never stands bare as the result."""
    sql = render(mask, column, "`t`.`x`", KEY)
    for modes in (frozenset[str](), frozenset({"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT"})):
        reading = read(f"SELECT {sql} AS y", modes)
        (statement,) = reading.statements
        tree = parse(reading, statement)
    assert len(tree.selects) == 1
    assert {(found.table, found.name) for found in tree.find_all(exp.Column)} == {("t", "x")}
    shown = tree.selects[0].this
    if isinstance(shown, exp.Alias):
        shown = shown.this
    if isinstance(shown, exp.If):
        assert isinstance(shown.this, exp.Boolean)  # IF(FALSE, x, NULL) is NULL
        assert not shown.this.this
    else:
        assert not any(isinstance(branch.args["true"], exp.Column) for branch in shown.args["ifs"])
        last = shown.args["ifs"][-1].this  # no condition before it is true of NULL
        assert isinstance(last, exp.Not)
        assert isinstance(last.this, exp.Is)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.type_name)
@pytest.mark.parametrize("mask", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_no_mode_changes_its_reading(mask, column):
    """Nothing in it that sql_mode could read otherwise: no double quote, backslash or bar, nothing outside ASCII."""
    sql = render(mask, column, "`t`.`x`", KEY)
    assert sql.isascii()
    assert not set(sql) & set('"\\|#;!\n')
    assert "--" not in sql.replace("'", " ")
    assert "/*" not in sql


@pytest.mark.parametrize(
    "value", ["", "a'b", "a\\b", 'a"b', "a`b", "--", "/*", "张三", "\N{GRINNING FACE}", "\0", "\ud800", "{0}"]
)
@pytest.mark.parametrize("character_set", ["utf8mb4", "utf8mb3", "latin1", "gbk", "ucs2", "tis620"])
def test_constants_stand_safely_in_any_character_set(value, character_set):
    """Every text becomes one plain literal, with ? for what its column cannot hold."""
    column = Column("x", 1, "varchar(11)", "varchar", character_set=character_set, collation=f"{character_set}_bin")
    sql = render(make_mask("constant", value=value), column, "x")
    plain, digits = re.fullmatch(
        r"CASE WHEN x IS NOT NULL THEN _utf8mb4(?:'([^']*)'| x'([0-9a-f]*)') ELSE x END", sql
    ).groups()
    text = plain if digits is None else bytes.fromhex(digits).decode()
    assert len(text) == len(value)
    assert all(found in (wanted, "?") for found, wanted in zip(text, value, strict=True))


PARTIAL = make_mask("partial", keep_first=1)


def test_a_char_that_comes_without_padding_is_not_trimmed():
    """Where the session's mode is known."""
    column = COLUMNS[[column.base_type for column in COLUMNS].index("char")]
    assert "RTRIM(x)" in render(PARTIAL, column, "x")
    assert "RTRIM" not in render(PARTIAL, column, "x", padded=False)
    assert "RTRIM(x)" in render_short(PARTIAL, column, "x")[0]
    short = "IF(CHAR_LENGTH(x) < 5, '****', INSERT(x, 2, CHAR_LENGTH(x) - 1, '****'))"
    assert render_short(PARTIAL, column, "x", padded=False) == (short, 15)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.type_name)
@pytest.mark.parametrize("mask", [*EXAMPLES.values(), PARTIAL], ids=[*EXAMPLES, "ends"])
def test_only_the_ends_of_a_text_of_some_length_are_shown_shortly(mask, column):
    """Of what is longer a server may change the type, and a pad as long as what it hides has more words."""
    fits = mask is PARTIAL and column.base_type in {"char", "varchar"}
    assert (render_short(mask, column, "x") is not None) == fits


def test_a_pad_that_character_sets_have_elsewhere_is_not_shown_shortly():
    """In some of them a byte of ASCII is another character."""
    column = Column("x", 1, "varchar(40)", "varchar", character_set="utf8mb4", collation="utf8mb4_bin")
    assert render_short(make_mask("partial", character="x"), column, "x") is not None
    assert render_short(make_mask("partial", character="~"), column, "x") is None


def test_a_key_is_needed_and_set_by_a_variable_of_its_own():
    """Without a key `hash` cannot be; the statement that gives it names the variable that the mask reads."""
    column = COLUMNS[0]
    with pytest.raises(MissingKeyError):
        render(make_mask("hash"), column, "x")
    with pytest.raises(KeyError):
        render(Mask("nope", ()), column, "x")
    assert key_statement(KEY) == f"SET @louver_key_0f = _ascii'{KEY.setting}'"
    assert "@louver_key_0f" in render(make_mask("hash"), column, "x", KEY)
