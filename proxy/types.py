"""The types of parameters by name, for the audit: what was bound, beside the hash of its value.

Owns the names of the types that both protocols have numbers for, and their form in a record. Sources: PostgreSQL's pg_type.dat, whose
numbers never change; MySQL's developer documentation, "Column types", and field_types.h. May not do: read messages, look types up.
"""

from __future__ import annotations

import struct
from typing import Final

from audit.values import MOST

_NAMES: Final = {
    16: "boolean", 17: "bytea", 18: '"char"', 19: "name", 20: "bigint", 21: "smallint", 23: "integer", 25: "text", 26: "oid",
    114: "json", 142: "xml", 600: "point", 650: "cidr", 700: "real", 701: "double precision", 790: "money", 829: "macaddr",
    869: "inet", 1042: "character", 1043: "character varying", 1082: "date", 1083: "time", 1114: "timestamp",
    1184: "timestamp with time zone", 1186: "interval", 1266: "time with time zone", 1560: "bit", 1562: "bit varying",
    1700: "numeric", 2205: "regclass", 2249: "record", 2275: "cstring", 2278: "void", 2950: "uuid", 3802: "jsonb", 3904: "int4range",
    3906: "numrange", 3908: "tsrange", 3910: "tstzrange", 3912: "daterange", 3926: "int8range", 4072: "jsonpath",
}  # fmt: skip
_ARRAYS: Final = {
    199: 114, 143: 142, 651: 650, 791: 790, 1000: 16, 1001: 17, 1002: 18, 1003: 19, 1005: 21, 1007: 23, 1009: 25, 1014: 1042,
    1015: 1043, 1016: 20, 1017: 600, 1021: 700, 1022: 701, 1028: 26, 1040: 829, 1041: 869, 1115: 1114, 1182: 1082, 1183: 1083,
    1185: 1184, 1187: 1186, 1231: 1700, 1270: 1266, 1561: 1560, 1563: 1562, 2951: 2950, 3807: 3802,
}  # fmt: skip
_UNKNOWN: Final = "unknown"
"""What has no type of its own as far as anybody has said: the server finds one by where it stands."""

_MYSQL: Final = {
    0: "decimal", 1: "tinyint", 2: "smallint", 3: "int", 4: "float", 5: "double", 6: "null", 7: "timestamp", 8: "bigint",
    9: "mediumint", 10: "date", 11: "time", 12: "datetime", 13: "year", 15: "varchar", 16: "bit", 245: "json", 246: "decimal",
    247: "enum", 248: "set", 249: "tinyblob", 250: "mediumblob", 251: "longblob", 252: "blob", 253: "varchar", 254: "char",
    255: "geometry",
}  # fmt: skip

KNOWN: Final = 2 + 4 * MOST
"""Bytes of a list of types that are looked at: its count, and the first MOST of them."""

_rendered: dict[tuple[bytes, int], bytes] = {}
_LISTS: Final = 1024
"""Lists of types that are remembered as they stand in a record, of some hundred bytes each."""


def of_postgres(types: bytes, count: int) -> bytes:
    """The first MOST of `count` parameters as members of a list in JSON; `types` as in Parse and ParameterDescription: count and OIDs."""
    key = (types[:KNOWN], min(count, MOST))
    found = _rendered.get(key)
    if found is None:
        known, most = key
        oids = struct.unpack_from(f"!{len(known) // 4}I", known, len(known) % 4)
        named = [_of_oid(oid) for oid in oids[:most]]
        found = _keep(key, named + [_UNKNOWN] * (most - len(named)))
    return found


def of_mysql(types: list[tuple[int, bool]]) -> bytes:
    """The same of an execution's: the number of each, and whether it is unsigned."""
    key = (bytes(each for kind, unsigned in types[:MOST] for each in (kind, unsigned)), -1)
    found = _rendered.get(key)
    if found is None:
        found = _keep(key, [_of_number(kind, unsigned=unsigned) for kind, unsigned in types[:MOST]])
    return found


def _keep(key: tuple[bytes, int], named: list[str]) -> bytes:
    found = ",".join('"' + name.replace('"', '\\"') + '"' for name in named).encode()
    if len(_rendered) >= _LISTS:
        _rendered.clear()
    _rendered[key] = found
    return found


def _of_oid(oid: int) -> str:
    if not oid:
        return _UNKNOWN
    element = _ARRAYS.get(oid)
    if element is not None:
        return f"{_NAMES[element]}[]"
    return _NAMES.get(oid) or f"oid {oid}"


def _of_number(kind: int, *, unsigned: bool) -> str:
    name = _MYSQL.get(kind) or f"type {kind}"
    return f"{name} unsigned" if unsigned and kind in {1, 2, 3, 8, 9} else name
