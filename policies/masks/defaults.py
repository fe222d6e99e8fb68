"""The mask of each category that neither a rule nor the policy names one for."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policies.masks.registry import make_mask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.model import Mask

DEFAULT_MASK: Final = make_mask("full")
"""The mask of a category that neither the policy nor `CATEGORY_DEFAULTS` names."""

DERIVED: Final = "derived"
"""The category of columns that a statement has computed from labelled ones: nothing of them shows by default."""

CATEGORY_DEFAULTS: Final[Mapping[str, Mask]] = MappingProxyType(
    {
        "phone": make_mask("partial", keep_first=3, keep_last=4),
        "email": make_mask("email"),
        "id_card": make_mask("partial", keep_last=4),
        "chinese_name": make_mask("chinese_name"),
        "passport": make_mask("partial", keep_last=2),
        "bank_card": make_mask("partial", keep_last=4),
        "account_number": make_mask("partial", keep_last=4),
        "name": make_mask("partial", keep_first=1, hide_at_least=1),
        "birth_date": make_mask("year"),
        "address": DEFAULT_MASK,
        "salary": DEFAULT_MASK,
        "amount": DEFAULT_MASK,
        DERIVED: DEFAULT_MASK,
        "balance": DEFAULT_MASK,
        "ip_address": DEFAULT_MASK,
        "secret": make_mask("null"),
    }
)
"""What a caller sees of a category when no rule matches and the policy names no mask for it."""
