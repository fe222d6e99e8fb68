"""`address`: the province, or the city, of an address in China; what does not begin with a province is hidden entirely."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policies.masks.schema import CHARACTER, PAD, Example, MaskSchema, Parameter, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell

_PROVINCES = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|"
    "台湾|广西|西藏|宁夏|新疆|香港|澳门|黑龙江|内蒙古"
)
PROVINCE: Final = f"(?:{_PROVINCES})"
"""The 34 at the head of GB/T 2260."""
CITY: Final = (
    f"{PROVINCE}(?:市|(?:省|(?:壮族|回族|维吾尔)?自治区)?"
    "[^\x01-\u33ff\ud7ff-\uffff市省区县旗镇乡街道路巷弄村组号楼栋室]{2,8}市)"
)
"""Up to the first 市 behind it, when nothing smaller is named before."""

LOOKED_AT: Final = 24
"""Characters: the longest province and city together have fewer."""


def _shown(cell: Cell) -> str | None:
    if not isinstance(cell.value, str):
        return None
    beginning = cell.value[:LOOKED_AT]
    found = re.match(CITY, beginning) if cell.parameters["keep"] == "city" else None
    found = found or re.match(PROVINCE, beginning)
    if found is None or (cell.length is not None and len(found[0]) >= cell.length):
        return cell.pad
    return found[0] + cell.character * (PAD if cell.length is None else min(PAD, cell.length - len(found[0])))


SCHEMA: Final = MaskSchema(
    "address",
    "shows the province, or the city, of an address in China",
    parameters(
        keep=Parameter("choice", "province", "how much is shown: `province` or `city`", choices=("province", "city")),
        character=CHARACTER,
    ),
    lambda given: f"is shown as an address with its {'province and city' if given['keep'] == 'city' else 'province'}",
    _shown,
    Example("广东省深圳市南山区科技路1号", {"keep": "city"}),
)
