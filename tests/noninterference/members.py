"""The table `members` of all twins: a column for each mask that finds something to keep in a value.

Owns its rows in three worlds, the same on every server: `a` and `b` differ in what the masks of policies.yaml hide and agree in what
they keep, `m` holds what is seen. The values of `m` are written by hand; only those made with a key are computed.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from policies.masks import make_mask, show

if TYPE_CHECKING:
    from collections.abc import Sequence

Triple = tuple[Any, Any, Any]

COLUMNS = (
    "called", "mobile", "idno", "passport", "bank", "home", "host", "remark", "staff", "kept", "photo", "income",
    "joined", "birth",
)  # fmt: skip
"""Masked columns whose values are listed below, in the order of the lists."""

_NONE = (None, None, None)
_CALLED: Sequence[Triple] = [
    ("张伟明", "张三", "张**"),
    ("欧阳娜娜", "欧阳修", "欧阳**"),
    ("Alice SENTINEL", "Aq", "A**"),
    ("李", "", "****"),
    _NONE,
    ("诸葛SENTINELX", "诸葛亮", "诸葛**"),
    ("13 SENTINELNAME", "9", "****"),
    ("王小", "王五六七", "王**"),
]
_MOBILE: Sequence[Triple] = [
    ("138-1234-5678", "13899995678", "138****5678"),
    ("+8613912345602", "+86 139 0000 5602", "+86139****5602"),
    ("010-62345678", "010-2345678", "010****78"),
    ("+44 20 7946 0958", "+44-12345-0958", "+44****0958"),
    ("SENTINELPHONE", "12", "****"),
    _NONE,
    ("62345678", "2999978", "****78"),
    ("13812345678 and SENTINELS after it in a long text", "", "****"),
]
_IDNO: Sequence[Triple] = [
    ("110105194912310021", "110105200001019991", "110105****1"),
    ("11010519491231002X", "11010520000101999X", "110105****X"),
    ("110105491231001", "110105000101991", "110105****1"),
    ("SENTINELIDNO", "7", "****"),
    ("310101199002022346", "310101000101346", "310101****6"),
    ("", "44010119700303345 9x", "****"),
    _NONE,
    ("01010119900202234X", "abc", "****"),
]
_PASSPORT: Sequence[Triple] = [
    ("E12345678", "E9999978", "E****78"),
    ("EA1234567", "E00000067", "E****67"),
    ("SENTINELPASS", "x", "****"),
    _NONE,
    ("G 1234 5678", "G1111178", "G****78"),
    ("", "1234567", "****"),
    ("p1234567", "p00000067", "p****67"),
    ("E1234567护照", "护", "****"),
]
_BANK: Sequence[Triple] = [
    ("6222 0212 3456 7890", "6222029999999997890", "622202****7890"),
    ("378282246310005", "111111110005", "****0005"),
    ("4111-1111-1111-1111", "4111110000000001111", "411111****1111"),
    ("SENTINELBANK", "622202", "****"),
    ("", "6222021234567890123456", "****"),
    _NONE,
    ("6222026666666666", "6222027777776666", "622202****6666"),
    ("123456789012", "999999909012", "****9012"),
]
_HOME: Sequence[Triple] = [
    ("广东省深圳市南山区科技路1号", "广东省深圳市福田区", "广东省深圳市****"),
    ("北京市海淀区中关村", "北京市SENTINELHOME", "北京市****"),
    ("1 SENTINEL Street", "x", "****"),
    ("广东SENTINELHOME", "广东省白云区机场超市", "广东****"),
    _NONE,
    ("", "中关村", "****"),
    ("内蒙古SENTINELLE", "内蒙古", "内蒙古****"),
    ("上海市", "上海市徐汇区SENTINEL", "上海市****"),
]
_HOST: Sequence[Triple] = [
    ("192.168.17.5", "192.168.200.254", "192.168.0.0"),
    ("2001:db8::5", "2001:db8:ffff:1::1", "2001:db8::"),
    ("SENTINELHOST", "999.1.1.1", "****"),
    _NONE,
    ("10.0.255.255", "10.0.0.1", "10.0.0.0"),
    ("", "fe80::1%eth0", "****"),
    ("::5", "::ffff:1.2.3.4", "::"),
    ("10.1.2.3.4", "10.1", "****"),
]
_REMARK: Sequence[Triple] = [
    ("Call 138-1234-5678 now", "Call 9999999 now", "Call **** now"),
    ("mail li.SENTINEL@example.com ok", "mail q@b.c ok", "mail *** ok"),
    ("nothing", "nothing", "nothing"),
    ("卡号6222021234567890。", "卡号1234567。", "卡号****。"),
    _NONE,
    ("a K4711999 b x@SENTINELS.example", "a K0000000000 b yy@z", "a **** b ***"),
    ("7 days", "7 days", "7 days"),
    ("1" * 8001, "SENTINELMARK" * 700, "****"),
]
_STAFF: Sequence[Triple] = [
    ("K4711", "K0000", "K****"),
    ("SENTINELSTAFF", "zz", "****"),
    ("1234-5678x", "0000-1111x", "****-****x"),
    _NONE,
    ("", "K47", "****"),
    ("东12341", "东99991", "东****1"),
    ("no number here", "SENTINELNONE", "****"),
    ("K4712", "K9999", "K****"),
]
_KEPT: Sequence[Triple] = [
    ("SENTINELKEPT", "Sxxxxxxxxxxx", "S***********"),
    ("ab", "a0", "a*"),
    ("x", "y", "*"),
    ("", "z", "*"),
    _NONE,
    ("张三丰", "张无忌", "张**"),
    ("1234567", "1SENTIN", "1******"),
    ("q ", "q1", "q*"),
]
_PHOTO: Sequence[Triple] = [
    (b"\x89PNG" + bytes(range(20)), b"\x89PNG" + b"SENTINELPHOTO123", b"\x89PNG"),
    (b"SENTINELRAW", b"", b""),
    _NONE,
    (b"GIF8" + b"\xff" * 16, b"GIF8" + b"\0" * 30, b"GIF8"),
    (b"\xff" * 19, b"\0", b""),
    (b"PK\3\4" + b"SENTINELARCHIVE_", b"PK\3\4" + b"?" * 31, b"PK\3\4"),
    (b"\0" * 20, b"\0" * 30 + b"\1", b"\0" * 4),
    (b"", b"SENTINELSMALL", b""),
]
_INCOME: Sequence[Triple] = [
    ("4711.11", "1000.00", "1000.00"),
    ("-3.50", "999.99", "0.00"),
    ("5000.00", "99999999.99", "5000.00"),
    ("0.00", "500.01", "0.00"),
    _NONE,
    ("5000.01", "7777.77", "5000.00"),
    ("1234.56", "4999.99", "1000.00"),
    ("-99999.99", "0.01", "0.00"),
]
_JOINED: Sequence[Triple] = [
    ("2001-03-04", "2001-03-31", "2001-03-01"),
    ("1999-12-31", "1999-12-01", "1999-12-01"),
    ("2024-02-29", "2024-02-02", "2024-02-01"),
    _NONE,
    ("2001-03-05", "2001-03-01", "2001-03-01"),
    ("1970-01-31", "1970-01-02", "1970-01-01"),
    ("2010-07-07", "2010-07-17", "2010-07-01"),
    ("2011-08-08", "2011-08-28", "2011-08-01"),
]
_BIRTH: Sequence[Triple] = [
    ("1985-03-02", "1980-01-01", "1980-01-01"),
    ("1999-12-31", "1991-06-30", "1990-01-01"),
    ("1961-02-03", "1969-12-31", "1960-01-01"),
    ("1984-04-04", "1989-09-09", "1980-01-01"),
    _NONE,
    ("2000-01-01", "2009-12-31", "2000-01-01"),
    ("1970-01-01", "1975-05-05", "1970-01-01"),
    ("1985-03-03", "1986-01-01", "1980-01-01"),
]
_LISTS = (
    _CALLED, _MOBILE, _IDNO, _PASSPORT, _BANK, _HOME, _HOST, _REMARK, _STAFF, _KEPT, _PHOTO, _INCOME, _JOINED, _BIRTH,
)  # fmt: skip
PROFILES: Sequence[Triple] = [
    (
        {"n": i, "phone": f"SENTINELJSON{i}", "owner": {"name": f"SENTINELOWNER{i}", "age": i}},
        {"n": i, "phone": "7" * i, "owner": {"name": "", "age": i}},
        {"n": i, "phone": "****", "owner": {"name": "****", "age": i}},
    )
    for i in range(1, 5)
] + [
    ({"phone": 13812345678, "owner": "SENTINELJSON"}, {"phone": 2, "owner": "x"}, {"phone": 0, "owner": "****"}),
    (["SENTINELLIST", 1], "SENTINELTEXT", {}),
    (None, None, None),
    (
        {"owner": {"name": {"first": "SENTINELDEEP"}}, "phone": ["SENTINELJSON"]},
        {"owner": {"name": {}}, "phone": []},
        {"owner": {"name": {}}, "phone": []},
    ),
]
"""Documents, whose types stay where their members are hidden."""

_NUMBERS = ("13812345678", "6222 0212 3456 7890", "1234567", "13812345678", "11010519491231002", None, "9090917", "99")
_WORTHS = (100000, -4711, 99999, 0, 100000, None, 1234567, 50000)
COUNT = len(PROFILES)
"""Rows of the table."""


def members(secret: bytes, document: Any = lambda value: value) -> list[dict[str, Triple]]:
    """The rows; `document` makes of what a JSON column holds what a driver takes for it."""
    rows = []
    for place in range(COUNT):
        row: dict[str, Triple] = {"id": (place + 1,) * 3, "person": (place % 5 + 1,) * 3}
        row |= {name: triples[place] for name, triples in zip(COLUMNS, _LISTS, strict=True)}
        a, b, m = PROFILES[place]
        row["profile"] = (None,) * 3 if a is None else (document(a), document(b), document(m))
        row |= _keyed(place, secret)
        rows.append(row)
    return rows


def _keyed(place: int, secret: bytes) -> dict[str, Triple]:
    """What is made with a key: equal for equal values, so that the twins agree in it."""
    reference = f"R{place % 3}"
    digest = hmac.new(secret, b"\xfftoken\0care\0" + reference.encode(), hashlib.sha256).hexdigest()
    number, worth = _NUMBERS[place], _WORTHS[place]
    digits = show(make_mask("digits", keep_first=2), number, secret=secret)
    noise = show(make_mask("noise", percent=20), worth, secret=secret)
    twin = "SENTINELDIGITS" if number == "99" else number
    return {
        "pseudonym": (reference, reference, f"T-{digest[:12]}"),
        "digits": (number, twin, digits),
        "worth": (worth, worth, noise),
    }
