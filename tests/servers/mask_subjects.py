"""What the tests of masks try: every mask with its parameters, on every type with its odd values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

import psycopg

from policies.masks import Value, make_mask, show
from policies.model import Mask
from rewriter.postgres.catalog import Column
from rewriter.postgres.masks import key_material, render

SECRET = b"a secret of thirty-two bytes....."
KEY = key_material(SECRET)

MASKS = {
    "full": make_mask("full"),
    "full #": make_mask("full", character="#"),
    "null": make_mask("null"),
    "partial 3 4": make_mask("partial", keep_first=3, keep_last=4),
    "partial 1 keep_length": make_mask("partial", keep_first=1, hide_at_least=1, keep_length=True),
    "partial 0 64": make_mask("partial", keep_last=64, hide_at_least=1),
    "email": make_mask("email"),
    "email 0 no domain": make_mask("email", keep_first=0, keep_domain=False),
    "chinese_name": make_mask("chinese_name"),
    "phone": make_mask("phone"),
    "phone 0": make_mask("phone", keep_last=0, character="#"),
    "id_card": make_mask("id_card"),
    "id_card 6 1": make_mask("id_card", keep_first=6, keep_last=1),
    "passport": make_mask("passport"),
    "bank_card": make_mask("bank_card"),
    "bank_card bin": make_mask("bank_card", keep_bin=True),
    "address": make_mask("address"),
    "address city": make_mask("address", keep="city"),
    "ip": make_mask("ip"),
    "ip 24 64": make_mask("ip", v4_prefix=24, v6_prefix=64),
    "free_text": make_mask("free_text"),
    "replace": make_mask("replace", pattern="[0-9]{4}"),
    "replace ends": make_mask("replace", pattern=r"^[^@\s]+@\w{2}", by="[x]", otherwise="keep"),
    "replace end": make_mask("replace", pattern=r"[A-Z]?\d*\W{1,3}$", by=""),
    "json": make_mask("json", paths="phone\na.b\na.c.d"),
    "binary": make_mask("binary"),
    "hash": make_mask("hash"),
    "hash scope": make_mask("hash", scope="care"),
    "token": make_mask("token"),
    "token T-": make_mask("token", prefix="T-", length=12, scope="care"),
    "digits": make_mask("digits"),
    "digits 6 4": make_mask("digits", keep_first=6, keep_last=4, scope="care"),
    "round 7": make_mask("round", step=7),
    "round 1000": make_mask("round", step=1000),
    "round 10**15": make_mask("round", step=10**15),
    "bucket": make_mask("bucket", bounds="-5,0,100,1000"),
    "noise": make_mask("noise"),
    "noise 100": make_mask("noise", percent=100, scope="care"),
    "year": make_mask("year"),
    "month": make_mask("month"),
    "age_band 10": make_mask("age_band"),
    "age_band 7": make_mask("age_band", years=7),
    "constant text": make_mask("constant", value="it's \\ hidden {} 中文"),
    "constant number": make_mask("constant", value="42"),
    "constant date": make_mask("constant", value="2001-02-03"),
    "constant true": make_mask("constant", value=True),
}

JSONS = [
    '{"a": 1}',
    "null",
    '"s"',
    "[1, 2]",
    '{"phone": "13812345678", "n": 1.5}',
    '{"phone": 138}',
    '{"phone": true, "a": null}',
    '{"phone": ["13812345678"], "a": {"b": {"x": 1}, "c": {"d": "s", "e": 2}}}',
    '{"a": {"b": null, "c": [{"d": "s"}]}}',
    '{"a": "text", "phone": {"x": 1}}',
    '{"a": [{"b": "13812345678"}]}',
    '{"x": {"phone": 1}, "": 2}',
    '{"a": {"c": 7}}',
    '{"ph\\u006fne": "13812345678"}',
    '{"PHONE": 1, "é": "张"}',
]
LONG = "长" * 5000
TEXTS = ["", " ", "a", "ab", "张三", "欧阳娜娜", "13812345678", "alice@example.com", "a@b", "@", "a@@b.co", "x y@z.co",
         "e\u0301\u200d👩‍👩‍👧", "\u202edrow", "'; DROP TABLE t; --", "\\", "\\x41", "\\\\", "line\nbreak\ttab", "$1", "%s", LONG,
         "abcdefghij@" + "d" * 250 + ".com", "é" * 20,
         "司马相如", "司马义·艾买提", "欧阳", "慕容\n", "Zoë", "Ólafur", "Иван", "13", "𠀀𠀁", "諸葛亮", "A\nB",
         "138-1234 5678", "+8613812345678", "0086 138 1234 5678", "010-62345678", "(0571)8765432", "62345678", "+44 20 7946 0958",
         "+15551234567", "+8521234567", "+85212345678", "13812345678 ", "\uff11\uff13\uff18\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18", "+86", "13812345678\n",
         "11010519491231002X", "110105491231002", "11010519491231002x", "E12345678", "EA1234567", "G1234567",
         "6222 0212 3456 7890 123", "4111-1111-1111-1111", "378282246310005", "6222021234567890123456", "1234567", "12345678",
         "广东省深圳市南山区科技路1号", "北京市海淀区中关村", "北京海淀", "新疆维吾尔自治区乌鲁木齐市天山区", "广东省白云区机场超市",
         "内蒙古呼和浩特市", "黑龙江", "上海市", "广东\n市", "1 Main St", "192.168.1.7", "10.0.0.255", "256.1.1.1", "1.2.3", "01.2.3.4",
         "2001:db8::5", "2001:0DB8:0:0:1::", "::1", "::", "fe80::1%eth0", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::8", "::ffff:1.2.3.4", "1::2::3",
         "Li: 138-1234-5678, li.ming@example.com; 李 身份证11010519491231002X。", "a@b", "1.2.3.4.5.6.7.8", "12 34 56", "x@", "@x", "a.b@c@d.e",
         "订单12345678号", "E12345678 (护照)", "\uff11" * 9, "a" * 8001, "1" * 8000, "ab " * 2600, "K4711", "k4711\n",
         "aa:bb:cc:dd:ee:ff", "a:b"]  # fmt: skip
INTS = ["-32768", "32767", "-1", "1", "3", "499", "501", "999"]


@dataclass(frozen=True)
class Kind:
    """A column type: its cast, its base type for the catalog, the values to try (as text)."""

    type_name: str
    base_type: str
    values: tuple[str, ...]
    odd: tuple[str, ...] = ()  # values that a mask may give back: its own constants, multiples of a step


def kind(type_name: str, base_type: str, *values: str, odd: tuple[str, ...] = ()) -> Kind:
    return Kind(type_name, base_type, values, odd)


PG = "pg_catalog."
KINDS = [
    kind(PG + "text", "text", *TEXTS),
    kind(PG + "varchar", "varchar", *TEXTS),
    kind(PG + "varchar(20)", "varchar", *(text[:20] for text in TEXTS)),
    kind(PG + "varchar(1)", "varchar", "a", "张", "", " "),
    kind(PG + "varchar(3)", "varchar", "a", "abc", "张三四"),
    kind(PG + "varchar(8)", "varchar", "12345678", "a@b.com", "abc@x.yz"),
    kind(PG + "bpchar(1)", "bpchar", "a", "张"),
    kind(PG + "bpchar(12)", "bpchar", "13812345678", "a", "", "张三", "abcdefghijkl"),
    kind(PG + "bpchar", "bpchar", "13812345678", "a", "trailing  "),
    kind(PG + "name", "name", "13812345678", "a", "x" * 63),
    kind(PG + '"char"', "char", "a", "z"),
    kind(PG + "int2", "int2", *INTS, odd=("0",)),
    kind(PG + "int4", "int4", "-2147483648", "2147483647", *INTS, odd=("0", "1000")),
    kind(PG + "int8", "int8", "-9223372036854775808", "9223372036854775807", "13812345678", *INTS),
    kind(PG + "oid", "oid", "1", "4294967295"),
    kind(PG + "numeric", "numeric", "0.5", "-1.25", "NaN", "Infinity", "-Infinity", "1e1500", "-1e1500", "1e-1500",
         "9" * 130000, "123456789.123456789", "499.9999", "1e20000"),
    kind(PG + "numeric(10,2)", "numeric", "99999999.99", "-99999999.99", "0.01", "500.00", "NaN", odd=("0",)),
    kind(PG + "numeric(5,2)", "numeric", "999.99", "-999.99", "3.50", "NaN"),
    kind(PG + "numeric(3,3)", "numeric", "0.999", "-0.999", "0.001"),
    kind(PG + "numeric(2,-3)", "numeric", "99000", "-99000", "NaN"),
    kind(PG + "numeric(3,5)", "numeric", "0.00999", "-0.00001"),
    kind(PG + "numeric(38,0)", "numeric", "9" * 38, "-" + "9" * 38, "1"),
    kind(PG + "float4", "float4", "1.5", "-1e-40", "3.4028235e38", "-3.4028235e38", "NaN", "Infinity", "-Infinity", "499.5"),
    kind(PG + "float8", "float8", "1.5", "5e-324", "1.7976931348623157e308", "-1.7976931348623157e308", "NaN",
         "Infinity", "-Infinity", "123456.789"),
    kind(PG + "money", "money", "1.5", "-92233720368547758.08", "92233720368547758.07"),
    kind(PG + "bool", "bool", "true", odd=("false",)),
    kind(PG + "date", "date", "2020-02-29", "4714-11-24 BC", "5874897-12-31", "infinity", "-infinity", "0001-12-31 BC",
         "294277-05-05"),
    kind(PG + "timestamp", "timestamp", "2020-02-29 12:34:56.789", "4714-11-24 00:00:00 BC", "294276-12-31 23:59:59",
         "infinity", "-infinity"),
    kind(PG + "timestamp(0)", "timestamp", "2020-02-29 12:34:56", "294276-12-31 23:59:59"),
    kind(PG + "timestamptz", "timestamptz", "2020-12-31 23:59:59+00", "4714-11-24 00:00:00+00 BC",
         "294276-12-31 23:59:59+00", "infinity", "-infinity"),
    kind(PG + "timestamptz(3)", "timestamptz", "2020-02-29 12:34:56.789+08"),
    kind(PG + "time", "time", "12:34:56", "24:00:00"),
    kind(PG + "time(0)", "time", "12:34:56"),
    kind(PG + "timetz", "timetz", "12:34:56+08", "24:00:00-15:59"),
    kind(PG + "interval", "interval", "1 year 2 days", "infinity", "-infinity", "-178000000 years"),
    kind(PG + "bytea", "bytea", "\\x00", "\\xdeadbeef", "\\xff" + "00" * 500),
    kind(PG + "uuid", "uuid", "6f1c1c0e-4f0b-4b8e-9a43-5e3f6d9b0c11", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    kind(PG + "json", "json", *JSONS, '{"phone": "1", "phone": "13812345678"}', '{"a": {"b": 1}, "a": {"b": "13812345678"}}',
         '{"phone": "\\u0000"}', '{"phone": "\\ud83d"}', '{"n": 1e99999, "phone": 1e400000}'),
    kind(PG + "jsonb", "jsonb", *JSONS, '{"a": {"b": "13812345678"}}', "1e400"),
    kind(PG + "jsonpath", "jsonpath", "$.a"),
    kind(PG + "inet", "inet", "192.168.1.7/24", "::1", "10.1.2.3", "2001:db8:1:2:3::4", "0.0.0.1/0"),
    kind(PG + "cidr", "cidr", "192.168.1.0/24", "::/0", "10.0.0.0/8", "2001:db8::/32"),
    kind(PG + "macaddr", "macaddr", "08:00:2b:01:02:03"),
    kind(PG + "macaddr8", "macaddr8", "08:00:2b:01:02:03:04:05"),
    kind(PG + "bit(5)", "bit", "10101"),
    kind(PG + '"bit"(70)', "bit", "1" * 70),
    kind(PG + "varbit", "varbit", "10101"),
    kind(PG + "varbit(3)", "varbit", "101"),
    kind(PG + "xml", "xml", "<a>1</a>", "text"),
    kind(PG + "tsvector", "tsvector", "'a':1 'b':2"),
    kind(PG + "tsquery", "tsquery", "'a' & 'b'"),
    kind(PG + "point", "point", "(1,2)", "(NaN,Infinity)"),
    kind(PG + "line", "line", "{1,2,3}"),
    kind(PG + "lseg", "lseg", "[(1,2),(3,4)]"),
    kind(PG + "box", "box", "(3,4),(1,2)"),
    kind(PG + "path", "path", "[(1,2),(3,4)]"),
    kind(PG + "polygon", "polygon", "((1,2),(3,4),(5,6))"),
    kind(PG + "circle", "circle", "<(1,2),3>"),
    kind(PG + "pg_lsn", "pg_lsn", "16/B374D848"),
    kind(PG + "int4range", "int4range", "[1,5)", "(,)"),
    kind(PG + "int8range", "int8range", "[1,5)"),
    kind(PG + "numrange", "numrange", "[1.5,5)"),
    kind(PG + "tsrange", "tsrange", "[2020-01-01,2021-01-01)"),
    kind(PG + "tstzrange", "tstzrange", "[2020-01-01,infinity)"),
    kind(PG + "daterange", "daterange", "[2020-01-01,2021-01-01)"),
    kind(PG + "int4multirange", "int4multirange", "{[1,5),[8,9)}"),
    kind(PG + "int8multirange", "int8multirange", "{[1,5)}"),
    kind(PG + "nummultirange", "nummultirange", "{[1,5)}"),
    kind(PG + "tsmultirange", "tsmultirange", "{[2020-01-01,2021-01-01)}"),
    kind(PG + "tstzmultirange", "tstzmultirange", "{[2020-01-01,2021-01-01)}"),
    kind(PG + "datemultirange", "datemultirange", "{[2020-01-01,2021-01-01)}"),
    kind(PG + "int4[]", "_int4", "{1,2,NULL}", "{{1,2},{3,4}}"),
    kind(PG + "text[]", "_text", "{a,NULL}", '{"13812345678"}', '{{13812345678,a@b.co},{NULL,"x, \\"y\\""}}', "[5:6]={13812345678,b}", "{{{a}},{{b}}}", "{'',張三}"),
    kind(PG + "int8[]", "_int8", "{1,2,NULL,13812345678}", "{{501,-2},{NULL,999}}"),
    kind(PG + "date[]", "_date", "{2020-02-29,NULL}"),
    kind(PG + "uuid[]", "_uuid", "{0b6b1a40-0000-4000-8000-000000000001}"),
    kind(PG + "jsonb[]", "_jsonb", '{"{\\"phone\\": \\"138\\"}"}'),
    kind(PG + "inet[]", "_inet", "{192.168.1.7}"),
    kind(PG + "_int4", "_int4", "{1,2,NULL}"),
    kind(PG + "_varchar(5)", "_varchar", "{abcde}"),
    kind(PG + "_char", "_char", "{a}"),
    kind(PG + '"interval"(32767,3)', "interval", "1 year 2 days"),
    kind(PG + '"interval"(4)', "interval", "1 year"),
    kind(PG + "varchar(5)[]", "_varchar", "{abcde}"),
    kind(PG + "numeric(5,2)[]", "_numeric", "{1.50}"),
    kind(PG + "regclass", "regclass", "pg_class"),
    kind(PG + "txid_snapshot", "txid_snapshot", "10:20:10,14,15"),
    kind(PG + "tid", "tid", "(0,1)"),
    kind(PG + "xid", "xid", "7"),
    kind("public.mood", "public.mood", "sad", "happy"),
    kind("public.pair", "public.pair", "(1,2)", "(,)"),
    kind("public._mood", "public._mood", "{sad}"),
    kind("public.feeling", "public.mood", "sad"),
    kind('public."Odd ""type"', 'public.Odd "type', "sad"),
    kind('public."Odd.domain"', 'public.Odd "type', "sad"),
    kind("public.textrange", "public.textrange", "[a,b)"),
    kind("public.phone", "varchar", "13812345678", "19912345678"),
    kind("public.amount", "numeric", "12.50", "7.00"),
    kind("public.born", "date", "1999-09-09"),
    kind("public.tags", "_text", "{a}"),
]  # fmt: skip
NULL_TYPES = {
    "public.mood",
    "public._mood",
    "public.pair",
    "public.textrange",
    "public.feeling",
    'public."Odd ""type"',
    'public."Odd.domain"',
} | {f"{PG}{name}" for name in ("regclass", "txid_snapshot", "tid", "xid")}
"""Types that no mask knows: their values are shown as NULL."""
COARSE = ("bucket", "ip", "free_text", "replace")
"""Masks that show a value as it is when it is as coarse as what they show, or has nothing in it that they hide."""
PLACED = ("inet", "cidr")  # types whose networks Python's reference does not know


def stays(mask: Mask, value: Value, base: str = "") -> bool:
    """Tell whether a value may be its own image under a mask, as Python has it; noise moves no end of a type, and small numbers little."""
    if mask.name == "round":
        return Decimal(value) % Decimal(dict(mask.parameters)["step"]) == 0
    if mask.name in ("noise", "constant") or (mask.name == "ip" and base in PLACED):
        return True
    if mask.name == "json":
        return json.loads(str(show(mask, value))) == json.loads(str(value))
    return mask.name in COARSE and show(mask, value, secret=SECRET) == value


def shown(connection: psycopg.Connection, mask: Mask, kind: Kind, values: list[str | None]) -> list[tuple]:
    """Give (value as text, masked as text) of each value."""
    expression = render(mask, Column("x", 1, kind.type_name, kind.base_type), "t.x", KEY)
    source = "SELECT unnest(%s::text[]) AS v, generate_subscripts(%s::text[], 1) AS n"
    query = f"SELECT x::text, ({expression})::text FROM (SELECT n, v::{kind.type_name} AS x FROM ({source}) s OFFSET 0) t ORDER BY n"
    return connection.execute(query, (values, values)).fetchall()
