"""The functions that a statement calls, found in its tokens: a name in front of a parenthesis that is nothing else.

Owns the lists of built-in functions and of keywords that a parenthesis may follow. What is on none of them and no stored function
is refused elsewhere. Source: MySQL manual, chapter 14 and 11.3 Keywords; MariaDB Knowledge Base, Function Reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rewriter.mysql.lexer import Token
    from rewriter.mysql.reading import Statement
    from rewriter.mysql.scopes import Findings

KEYWORDS: Final = frozenset(
    {
        *("ALL", "AND", "ANALYZE", "ANY", "AS", "BETWEEN", "BINARY", "BIT", "BY", "CHARACTER", "CHARSET", "CHECK"),
        *(
            "CROSS",
            "CUBE",
            "DATETIME",
            "DECIMAL",
            "DEC",
            "DISTINCT",
            "DISTINCTROW",
            "DIV",
            "DO",
            "DOUBLE",
            "DUAL",
            "ELSE",
            "ENUM",
        ),
        *("ESCAPE", "EXCEPT", "EXISTS", "EXPLAIN", "FIXED", "FLOAT", "FOR", "FROM", "GROUPING_SETS", "HAVING"),
        *("IGNORE", "IN", "INDEX", "INNER", "INTEGER", "INTERSECT", "INTO", "IS", "JOIN", "KEY", "KEYS", "LATERAL"),
        *("LEADING", "LIKE", "LIMIT", "MATERIALIZED", "MEMBER", "MINUS", "NATURAL", "NOT", "NUMERIC", "OF"),
        *("OFFSET", "ON", "OR", "ORDER", "OUTER", "OVER", "PARTITION", "PRECISION", "PRIMARY", "QUALIFY", "REAL"),
        *("RECURSIVE", "REFERENCES", "REGEXP", "RETURNING", "RLIKE", "ROLLUP", "ROW", "ROWS", "SELECT"),
        *("SEPARATOR", "SET", "SETS", "SIGNED", "SOME", "STRAIGHT_JOIN", "SYMMETRIC", "TABLE", "THEN", "TRAILING"),
        *("UNION", "UNIQUE", "UNSIGNED", "UPDATE", "USE", "USING", "VALUE", "VALUES", "VARBINARY", "VARCHAR"),
        *("VARYING", "WHEN", "WHERE", "WITH", "XOR", "AGAINST", "COLUMNS", "NESTED", "EXTRACT", "CAST", "INT"),
        *("BIGINT", "SMALLINT", "TINYINT", "MEDIUMINT", "NCHAR", "NVARCHAR", "TEXT", "BLOB", "CONSTRAINT"),
        *("FOREIGN", "FULLTEXT", "SPATIAL", "DEFAULT", "LESS", "THAN", "RANGE", "LIST", "HASH", "LINEAR"),
        *("GENERATED", "ALWAYS", "INCLUDE", "CASE", "RETURN", "OVERLAPS", "BOTH", "PATH", "EMPTY"),
        *("HIGH_PRIORITY", "SQL_BIG_RESULT", "SQL_BUFFER_RESULT", "SQL_CACHE", "SQL_CALC_FOUND_ROWS", "SQL_NO_CACHE"),
        "SQL_SMALL_RESULT",
    }
)
"""Words that may stand before a parenthesis without calling a function."""

_NUMBERS = frozenset(
    {
        *("abs", "acos", "asin", "atan", "atan2", "bin", "bit_count", "ceil", "ceiling", "conv", "cos", "cot"),
        *("crc32", "crc32c", "degrees", "exp", "floor", "format", "hex", "int", "interval", "ln", "log", "log10"),
        *("log2", "mod", "oct", "pi", "pow", "power", "radians", "rand", "random_bytes", "round", "sign", "sin"),
        *("sqrt", "tan", "to_number", "truncate", "unhex"),
    }
)
_TEXTS = frozenset(
    {
        *("ascii", "bit_length", "char", "char_length", "character_length", "charset", "chr", "coercibility"),
        *("collation", "concat", "concat_ws", "concat_operator_oracle", "elt", "export_set", "field"),
        *("find_in_set", "from_base64", "insert", "instr", "lcase", "left", "length", "lengthb", "locate", "lower"),
        *("lpad", "lpad_oracle", "ltrim", "ltrim_oracle", "make_set", "mid", "natural_sort_key", "octet_length"),
        *("ord", "position", "quote", "regexp_instr", "regexp_like", "regexp_replace", "regexp_substr", "repeat"),
        *("replace", "replace_oracle", "reverse", "right", "rpad", "rpad_oracle", "rtrim", "rtrim_oracle"),
        *("sformat", "soundex", "space", "strcmp", "substr", "substr_oracle", "substring", "substring_index"),
        *("to_base64", "to_char", "trim", "trim_oracle", "ucase", "upper", "weight_string", "extractvalue"),
        *("updatexml", "match"),
    }
)
_TIMES = frozenset(
    {
        *("add_months", "adddate", "addtime", "convert_tz", "curdate", "current_date", "current_time"),
        *("current_timestamp", "curtime", "date", "date_add", "date_format", "date_sub", "datediff", "day"),
        *("dayname", "dayofmonth", "dayofweek", "dayofyear", "from_days", "from_unixtime", "get_format", "hour"),
        *("last_day", "localtime", "localtimestamp", "makedate", "maketime", "microsecond", "minute", "month"),
        *("monthname", "months_between", "now", "period_add", "period_diff", "quarter", "sec_to_time", "second"),
        *("str_to_date", "subdate", "subtime", "sysdate", "time", "time_format", "time_to_sec", "timediff"),
        *("timestamp", "timestampadd", "timestampdiff", "to_days", "to_seconds", "trunc", "unix_timestamp"),
        *("utc_date", "utc_time", "utc_timestamp", "week", "weekday", "weekofyear", "year", "yearweek"),
    }
)
_AGGREGATES = frozenset(
    {
        *("any_value", "avg", "bit_and", "bit_or", "bit_xor", "count", "group_concat", "grouping", "json_arrayagg"),
        *("json_objectagg", "max", "median", "min", "percentile_cont", "percentile_disc", "std", "stddev"),
        *("stddev_pop", "stddev_samp", "sum", "var_pop", "var_samp", "variance", "st_collect"),
    }
)
_HASHES = frozenset(
    {
        *("aes_decrypt", "aes_encrypt", "compress", "des_decrypt", "des_encrypt", "encode", "encrypt", "kdf"),
        *("md5", "old_password", "password", "sha", "sha1", "sha2", "statement_digest", "statement_digest_text"),
        *("uncompress", "uncompressed_length", "validate_password_strength"),
    }
)
_SESSION = frozenset(
    {
        *("benchmark", "connection_id", "current_role", "current_user", "database", "found_rows", "get_lock"),
        *("icu_version", "is_free_lock", "is_used_lock", "last_insert_id", "lastval", "name_const", "nextval"),
        *("ps_current_thread_id", "ps_thread_id", "release_all_locks", "release_lock", "roles_graphml"),
        *("row_count", "schema", "schemas", "session_user", "setval", "sleep", "sys_guid", "system_user", "user"),
        *("uuid", "uuid_short", "uuid_to_bin", "uuid_v4", "uuid_v7", "bin_to_uuid", "is_uuid", "version"),
        *("format_bytes", "format_pico_time", "gtid_subset", "gtid_subtract", "wait_for_executed_gtid_set"),
        *("wait_until_sql_thread_after_gtids", "master_pos_wait", "source_pos_wait", "master_gtid_wait"),
        *("binlog_gtid_pos",),
    }
)
_NETWORKS = frozenset(
    {
        *("inet6_aton", "inet6_ntoa", "inet_aton", "inet_ntoa", "is_ipv4", "is_ipv4_compat", "is_ipv4_mapped"),
        *("is_ipv6",),
    }
)
_DOCUMENTS = frozenset(
    {
        *("column_add", "column_check", "column_create", "column_delete", "column_exists", "column_get"),
        *("column_json", "column_list", "json_table", "xmltable", "member"),
    }
)
_SHAPES = frozenset(
    {
        *("geometrycollection", "geomcollection", "linestring", "multilinestring", "multipoint", "multipolygon"),
        *("point", "polygon", "asbinary", "astext", "aswkb", "aswkt", "area", "boundary", "buffer", "centroid"),
        *("contains", "convexhull", "crosses", "dimension", "disjoint", "endpoint", "envelope", "equals"),
        *("exteriorring", "geometryn", "geometrytype", "geomfromtext", "geomfromwkb", "glength", "interiorringn"),
        *("intersects", "isclosed", "isempty", "isring", "issimple", "linefromtext", "numgeometries"),
        *("numinteriorrings", "numpoints", "overlaps", "pointfromtext", "pointn", "pointonsurface", "polyfromtext"),
        *("srid", "startpoint", "touches", "within", "x", "y"),
    }
)
_CHOICES = frozenset(
    {
        *(
            "coalesce",
            "convert",
            "decode",
            "decode_oracle",
            "greatest",
            "if",
            "ifnull",
            "isnull",
            "least",
            "nullif",
            "nvl",
            "nvl2",
        ),
        *("values", "value", "default"),
    }
)
_WINDOWS = frozenset(
    {
        *(
            "cume_dist",
            "dense_rank",
            "first_value",
            "lag",
            "last_value",
            "lead",
            "nth_value",
            "ntile",
            "percent_rank",
            "rank",
        ),
        "row_number",
    }
)
BUILT_IN: Final = frozenset[str]().union(
    *(_CHOICES, _WINDOWS, _NUMBERS, _TEXTS, _TIMES, _AGGREGATES, _HASHES, _SESSION, _NETWORKS, _DOCUMENTS, _SHAPES)
)
"""Functions of the servers that see nothing but their arguments, the session and the clock, in lower case."""
_FAMILIES: Final = ("json_", "st_", "mbr", "vec_", "string_to_vector", "vector_to_string", "distance")
"""Families of such functions, by how their names begin."""
_FILES: Final = frozenset({"load_file"})


@dataclass(frozen=True, slots=True)
class Call:
    """What may call a stored function. `built_in`: it does so only if there is one of that name, and is harmless otherwise.

    `position` is its 1-based character.
    """

    schema: str | None
    name: str
    built_in: bool
    position: int


def is_built_in(name: str) -> bool:
    """Whether a name, in lower case, is that of a harmless function of the server."""
    return name in BUILT_IN or (name.startswith(_FAMILIES) and name not in _FILES)


def calls_in(statement: Statement, text: str, found: Findings | None, first: int = 0) -> Iterator[Call]:
    """The calls of stored or unknown functions in a statement of `text`, and of built-in ones that a stored one could take the place of.

    It is looked at from its token `first` on. Without `found`, what the parser took for names of tables and columns is not known, and counts as calls.
    """
    tokens = statement.tokens
    for index in range(first, len(tokens) - 1):
        token, after = tokens[index], tokens[index + 1]
        if after.kind != "operator" or after.text != "(" or not token.named:
            continue
        if found is not None and token.start in found.defined:
            continue
        qualified = index > 1 and statement.word(index - 1) == "." and tokens[index - 2].named
        if qualified:
            yield Call(_written(tokens[index - 2], text), token.text.lower(), built_in=False, position=token.start + 1)
        elif token.kind == "word" and token.text in KEYWORDS:
            yield Call(None, token.text.lower(), built_in=True, position=token.start + 1)
        elif not is_built_in(token.text.lower()):
            yield Call(None, token.text.lower(), built_in=False, position=token.start + 1)
        elif after.start > token.end:
            yield Call(None, token.text.lower(), built_in=True, position=token.start + 1)


def _written(token: Token, text: str) -> str:
    return token.text if token.kind == "quoted" else text[token.start : token.end]
