"""What the tests of masks try on MySQL and MariaDB: every type with its odd values."""

from __future__ import annotations

from dataclasses import dataclass

from servers.mask_subjects import JSONS, LONG, TEXTS

SHORT = [text for text in TEXTS if text is not LONG]
UTF8 = "CHARACTER SET utf8mb4 COLLATE"


@dataclass(frozen=True)
class Kind:
    """A column type as CREATE TABLE writes it and the values to try. `postgres` is the same type there.

    `odd` are values that a mask may give back: its own constants, multiples of a step. `only`: one of the two servers.
    """

    definition: str
    values: tuple[object, ...]
    postgres: tuple[str, str] | None = None  # (type name, base type)
    odd: tuple[object, ...] = ()
    only: str | None = None
    null: bool = False  # a type that no mask knows: its values are shown as NULL


def kind(definition: str, *values: object, **given: object) -> Kind:
    return Kind(definition, values, **given)  # type: ignore[arg-type]


PG = "pg_catalog."
INTS = (-32768, 32767, -1, 1, 3, 499, 501, 999)
TINY = (-128, 127, -1, 1, 3, 49, 51)

KINDS = [
    kind(f"varchar(6000) {UTF8} utf8mb4_bin", *TEXTS, postgres=(PG + "varchar(6000)", "varchar")),
    kind(f"varchar(20) {UTF8} utf8mb4_unicode_ci", *(text[:20] for text in SHORT), postgres=(PG + "varchar(20)", "varchar")),
    kind(f"varchar(1) {UTF8} utf8mb4_general_ci", "a", "张", "", " ", postgres=(PG + "varchar(1)", "varchar")),
    kind(f"varchar(3) {UTF8} utf8mb4_general_ci", "a", "abc", "张三四", postgres=(PG + "varchar(3)", "varchar")),
    kind(f"varchar(8) {UTF8} utf8mb4_general_ci", "12345678", "a@b.com", "abc@x.yz", postgres=(PG + "varchar(8)", "varchar")),
    kind("varchar(30) CHARACTER SET latin1", "alice@example.com", "é" * 20, "Zoë Müller", "", "13812345678"),
    kind("varchar(30) CHARACTER SET latin1 COLLATE latin1_bin", "alice@example.com", "ab"),
    kind("varchar(30) CHARACTER SET gbk", "张三丰是武当派", "alice@example.com", "俌@x.co", "13812345678"),
    kind("varchar(30) CHARACTER SET ucs2", "alice@example.com", "张三丰是武当派", "13812345678", "a"),
    kind("varchar(30) CHARACTER SET utf8mb3", "alice@example.com", "张三丰是武当派", "13812345678"),
    kind("varchar(30) CHARACTER SET ascii", "alice@example.com", "13812345678"),
    kind(f"char(1) {UTF8} utf8mb4_general_ci", "a", "张", postgres=(PG + "bpchar(1)", "bpchar")),
    kind(f"char(12) {UTF8} utf8mb4_general_ci", "13812345678", "a", "", "张三", "abcdefghijkl"),
    kind(f"tinytext {UTF8} utf8mb4_general_ci", "13812345678", "a", "", "张三", "alice@example.com"),
    kind(f"text {UTF8} utf8mb4_unicode_ci", *TEXTS, postgres=(PG + "text", "text")),
    kind(f"mediumtext {UTF8} utf8mb4_bin", "13812345678", "a", "", LONG, postgres=(PG + "text", "text")),
    kind("longtext CHARACTER SET latin1", "13812345678", "a", "", "alice@example.com"),
    kind("tinyint", *TINY, odd=(0,)),
    kind("tinyint(1)", 1, odd=(0,)),
    kind("tinyint unsigned", 255, 1, 3, 49, 51, odd=(0,)),
    kind("smallint", *INTS, odd=(0,), postgres=(PG + "int2", "int2")),
    kind("smallint unsigned", 65535, 1, 501, odd=(0,)),
    kind("mediumint", -8388608, 8388607, *INTS, odd=(0, 1000)),
    kind("int", -2147483648, 2147483647, *INTS, odd=(0, 1000), postgres=(PG + "int4", "int4")),
    kind("int unsigned", 4294967295, 1, 499, 501, odd=(0, 1000)),
    kind("int(6) zerofill", 42, 501, odd=(0,)),
    kind("bigint", -9223372036854775808, 9223372036854775807, 13812345678, *INTS, postgres=(PG + "int8", "int8")),
    kind("bigint unsigned", 18446744073709551615, 18446744073709551000, 13812345678, 1),
    kind("decimal(10,2)", "99999999.99", "-99999999.99", "0.01", "500.00", odd=("0",), postgres=(PG + "numeric(10,2)", "numeric")),
    kind("decimal(5,2)", "999.99", "-999.99", "3.50", postgres=(PG + "numeric(5,2)", "numeric")),
    kind("decimal(5,2) unsigned", "999.99", "3.50"),
    kind("decimal(3,3)", "0.999", "-0.999", "0.001", postgres=(PG + "numeric(3,3)", "numeric")),
    kind("decimal(38,0)", "9" * 38, "-" + "9" * 38, "1", postgres=(PG + "numeric(38,0)", "numeric")),
    kind("decimal(65,30)", "9" * 35 + "." + "9" * 30, "-1.5", "499.5"),
    kind("float", 1.5, -1e-30, 3.4e38, -3.4e38, 499.5, postgres=(PG + "float4", "float4")),
    kind("double", 1.5, 5e-300, 1.7e308, -1.7e308, 123456.789, -3.5, postgres=(PG + "float8", "float8")),
    kind("double(10,2)", 1.5, 499.25),
    kind("date", "2020-02-29", "0001-12-31", "9999-12-31", "0050-05-05", postgres=(PG + "date", "date")),
    kind("date", "0000-00-00", "2020-00-00", "2020-02-00"),
    kind("datetime", "2020-02-29 12:34:56", "1000-01-01 00:00:01", "9999-12-31 23:59:59", postgres=(PG + "timestamp(0)", "timestamp")),
    kind("datetime(6)", "2020-02-29 12:34:56.789012", "0000-00-00 00:00:00", "2020-00-00 01:00:00"),
    kind("timestamp NULL", "2020-12-31 23:59:59", "1970-01-02 00:00:01", "2038-01-18 23:59:59", "0000-00-00 00:00:00"),
    kind("timestamp(3) NULL", "2020-02-29 12:34:56.789"),
    kind("time", "12:34:56", "-838:59:59"),
    kind("time(3)", "12:34:56.789"),
    kind("year", 2020, 1901, 2155),
    kind("binary(4)", b"\0\1\2\3", b"\xff\xff\xff\xff"),
    kind("varbinary(40)", b"\0", b"\xde\xad\xbe\xef", postgres=(PG + "bytea", "bytea")),
    kind("varbinary(8)", b"\0", b"\xde\xad\xbe\xef"),
    kind("blob", b"\0", b"\x89PNG" + b"x" * 16, b"\xff" + b"\0" * 500, postgres=(PG + "bytea", "bytea")),
    kind("bit(5)", b"\x15", odd=(b"\0",)),
    kind("bit(64)", b"\xff" * 8),
    kind("json", *JSONS, '{"phone": "1", "phone": "13812345678"}', '{"a": {"b": 1}, "a": {"b": "13812345678"}}',
         '{"phone": "1", "ph\\u006Fne": "13812345678"}', '{"\\u0061": {"b": "13812345678"}}', '{"n": "\\u00e9\\u5f20"}',
         '{"phone": 18446744073709551615, "a": {"b": -1.5e300}}', '{"a": ' + "[" * 25 + "]" * 25 + "}"),
    kind("enum('sad','it''s ok')", "sad", "it's ok", null=True),
    kind("set('x','y','z')", "x", "x,z", odd=("",)),
    kind("point", None, null=True),
    kind("uuid", "6f1c1c0e-4f0b-4b8e-9a43-5e3f6d9b0c11", "ffffffff-ffff-ffff-ffff-ffffffffffff", only="mariadb",
         postgres=(PG + "uuid", "uuid")),
    kind("inet6", "::1", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4", "2001:0:0:1::1", only="mariadb"),
    kind("inet4", "192.168.1.7", only="mariadb"),
]  # fmt: skip
