"""`chinese_name`: the surname of a Chinese name, the first letter of any other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policies.masks.schema import CHARACTER, Example, MaskSchema, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell

LONGEST: Final = 64
"""Characters of a name that is looked at."""
PAD: Final = 2
"""Characters that stand for the rest, however long it is."""
_SURNAMES = (
    "欧阳|太史|端木|上官|司马|东方|独孤|南宫|万俟|闻人|夏侯|诸葛|尉迟|公羊|赫连|澹台|皇甫|宗政|濮阳|公冶|太叔|申屠|公孙|"
    "慕容|仲孙|钟离|长孙|宇文|司徒|鲜于|司空|闾丘|子车|亓官|司寇|巫马|公西|颛孙|壤驷|公良|漆雕|乐正|宰父|谷梁|拓跋|夹谷|"
    "轩辕|令狐|段干|百里|呼延|东郭|南门|羊舌|微生|梁丘|左丘|东门|西门|第五|歐陽|司馬|東方|諸葛|尉遲|公孫|長孫|鮮于|軒轅"
)
SURNAMES: Final = f"(?:{_SURNAMES})[^·•‧・]+"
"""Names with a surname of two characters and at least one more; one with a dot is not Chinese, though it may begin so."""
LETTER: Final = "[A-Za-zÀ-ÖØ-öø-\u1fffぁ-\ud7a3\U00020000-\U000323af]"
"""Names that begin with a letter: the Latin, Greek, Cyrillic and eastern scripts."""


def _shown(cell: Cell) -> str | None:
    if not isinstance(cell.value, str):
        return None
    name = cell.value
    if not 1 < len(name) <= LONGEST or not re.match(LETTER, name):
        return cell.pad
    kept = 2 if re.fullmatch(SURNAMES, name) else 1
    return name[:kept] + cell.character * pad_after(kept, cell.length)


def pad_after(kept: int, length: int | None) -> int:
    """Give the pad characters behind those kept, in a column of `length` characters."""
    return PAD if length is None else max(1, min(PAD, length - kept))


SCHEMA: Final = MaskSchema(
    "chinese_name",
    "shows the surname of a Chinese name, the first letter of any other",
    parameters(character=CHARACTER),
    lambda _: "is shown with the surname, or the first letter of a name that is not Chinese",
    _shown,
    Example("欧阳娜娜"),
)
