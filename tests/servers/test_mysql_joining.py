"""The hash that joins compare, on real servers: it is equal where the server takes two texts for equal, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pymysql
import pytest

from rewriter.keys import key_material
from rewriter.mysql.catalog import Column
from rewriter.mysql.masks import join_hash, key_statement

if TYPE_CHECKING:
    from louver.demo.mysql import LocalMySQL

KEY = key_material(b"a secret of thirty-two bytes.....", "louver.key_c0ffee")
TEXTS = ["", " ", "a", "A", "a ", "a  ", " a", "á", "ä", "ae", "æ", "ß", "ss", "s", "ch", "c", "z", "\t", "a\t", "a\0", "\0", "\u200b", "a\u200b", "\u00ad", "\u0131", "i", "I", "İ", "😀", "😁", "王", "x" * 200 + "a", "x" * 200 + "b", "1", "01", "\uff11", "a\u0301", "ﬁ", "fi", "Å", "lj", "ǉ", "-", "a-b", "ab", "y", "ü"]  # fmt: skip
SETS = ("utf8mb4", "utf8mb3", "latin1", "latin2", "ascii", "cp1250", "gbk", "utf16")


@pytest.mark.parametrize("kind", ["varchar(220)", "char(220)", "text"])
def test_the_hash_is_equal_where_texts_are(either: LocalMySQL, kind: str) -> None:
    """Every collation of some character sets, with case, accents, blanks, contractions and what it passes over."""
    either.create_schema("hashed")
    with either.connect("hashed") as connection, connection.cursor() as cursor:
        cursor.execute(key_statement(KEY))
        cursor.execute(f"SHOW COLLATION WHERE charset IN {SETS}")
        collations = [(row[0], row[1]) for row in cursor.fetchall() if row[1]]
        assert len(collations) > 80
        cursor.execute("SET autocommit = 0")  # one transaction for all rows of a table
        for collation, character_set in collations:
            cursor.execute("DROP TABLE IF EXISTS t")
            cursor.execute(f"CREATE TABLE t (v {kind} CHARACTER SET {character_set} COLLATE {collation})")
            known = []
            for text in TEXTS:
                try:
                    text.encode("ascii" if character_set == "ascii" else "utf-8")
                    cursor.execute("INSERT INTO t VALUES (%s)", (text,))
                    known.append(text)
                except (UnicodeEncodeError, pymysql.MySQLError):  # the character set has not got it
                    continue
            assert len(known) > 20
            column = Column("v", 1, kind, kind.partition("(")[0], character_set=character_set, collation=collation)
            # LIMIT: not merged, so that a hash is made once for each text and not for each pair of them
            shown = f"SELECT t.v, {join_hash(column, 't.v', KEY)} AS h FROM t LIMIT 100"
            cursor.execute(
                f"SELECT a.v, b.v FROM ({shown}) a JOIN ({shown}) b WHERE (a.v = b.v) <> (a.h = b.h) OR a.h IS NULL"
            )
            assert cursor.fetchall() == (), collation
        cursor.execute("DROP DATABASE hashed")


@pytest.mark.parametrize("kind", ["bigint unsigned", "int", "smallint(5) unsigned zerofill"])
def test_whole_numbers_of_any_size_have_one_hash(either: LocalMySQL, kind: str) -> None:
    """What is equal as numbers has the same hash in columns of any integer type; decimals of any scale do, too."""
    either.create_schema("hashed")
    with either.connect("hashed") as connection, connection.cursor() as cursor:
        cursor.execute(key_statement(KEY))
        cursor.execute(f"CREATE TABLE t (v {kind}, w tinyint, d decimal(9,3), e decimal(20,1))")
        cursor.execute(
            "INSERT INTO t VALUES (0, 0, 1.5, 1.5), (7, 7, 0, 0), (100, 100, 100, 100.0), (9, 9, -0.1, -0.1)"
        )
        pairs = (("v", kind), ("w", "tinyint")), (("d", "decimal(9,3)"), ("e", "decimal(20,1)"))
        for pair in pairs:
            one, other = (
                join_hash(Column(name, 1, type_name, type_name.split()[0].split("(")[0]), f"t.{name}", KEY)
                for name, type_name in pair
            )
            cursor.execute(f"SELECT COUNT(*), SUM({one} = {other}), COUNT(DISTINCT {one}) FROM t")
            assert cursor.fetchone() == (4, 4, 4)
        cursor.execute("DROP DATABASE hashed")
