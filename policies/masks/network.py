"""`ip`: the network of an IP address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policies.masks.schema import Example, MaskSchema, Parameter, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell

LONGEST: Final = 45
"""Characters of an address: eight groups of which the last two stand as four decimal numbers (RFC 4291, 2.2)."""
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_GROUP = "[0-9A-Fa-f]{1,4}"
V4: Final = f"{_OCTET}([.]{_OCTET}){{3}}"
V6: Final = f"({_GROUP}:){{7}}{_GROUP}|({_GROUP}:){{6}}{V4}|({_GROUP}(:{_GROUP}){{0,6}})?::(({_GROUP}:){{0,6}}{_GROUP}|({_GROUP}:){{0,5}}{V4})?"


def _shown(cell: Cell) -> str | None:
    if not isinstance(cell.value, str):
        return None
    octets, groups = cell.number("v4_prefix") // 8, cell.number("v6_prefix") // 16
    text = cell.value
    if len(text) <= LONGEST and re.fullmatch(V4, text):
        return ".".join([*text.split(".")[:octets], *["0"] * (4 - octets)])
    if len(text) <= LONGEST and re.fullmatch(V6, text):
        shown = ":".join(text.split("::")[0].split(":")[:groups]) + "::"
        return shown if cell.length is None or len(shown) <= cell.length else cell.pad
    return cell.pad


SCHEMA: Final = MaskSchema(
    "ip",
    "shows the network of an IP address",
    parameters(
        v4_prefix=Parameter("choice", 16, "bits shown of an IPv4 address: 8, 16 or 24", choices=(8, 16, 24)),
        v6_prefix=Parameter("choice", 32, "bits shown of an IPv6 address: 16, 32, 48 or 64", choices=(16, 32, 48, 64)),
    ),
    lambda given: f"is shown as its network, /{given['v4_prefix']} of IPv4 and /{given['v6_prefix']} of IPv6",
    _shown,
    Example("192.168.17.5"),
    fits="text, inet, cidr, inet4, inet6",
)
