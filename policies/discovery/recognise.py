"""Recognition: from a table's names, types, comments and sampled values to what each column holds.

Owns the weighing of evidence. Independent signs add up (the probability that all of them err), a type or values that cannot be what
the name says take away. Pure: the same input gives the same findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.discovery.contents import ENOUGH, Content, Sample, contradicted, read_values
from policies.discovery.model import Finding, ScannedColumn, ScannedTable
from policies.discovery.naming import Reading, persons_in, pinyin_share, read_comment, read_name, shared_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping

THRESHOLD: Final = 0.5
"""Confidence from which on a category is proposed."""

_COMMENT: Final = 0.95
"""A comment is written once and forgotten; it weighs a little less than the name."""
_CONTRADICTED: Final = 0.65
"""What remains of a name's reading when the values do not look like it: a clear name is still proposed, for a person to look."""

_TEXTUAL: Final = frozenset({"text", "other"})
_NUMBERS: Final = frozenset({"integer", "number"})
_KINDS: Final[dict[str, frozenset[str]]] = {
    "name": _TEXTUAL,
    "user_name": _TEXTUAL,
    "email": _TEXTUAL,
    "address": _TEXTUAL,
    "phone": _TEXTUAL | _NUMBERS,
    "location": _TEXTUAL | {"number", "point"},
    "birth_date": _TEXTUAL | {"date", "timestamp", "integer"},
    "gender": _TEXTUAL | {"integer", "boolean"},
    "marital_status": _TEXTUAL | {"integer", "boolean"},
    "ethnicity": _TEXTUAL | {"integer"},
    "religion": _TEXTUAL | {"integer"},
    "education": _TEXTUAL | {"integer"},
    "occupation": _TEXTUAL | {"integer"},
    "nationality": _TEXTUAL | {"integer"},
    "health": _TEXTUAL | _NUMBERS | {"json", "boolean"},
    "biometric": _TEXTUAL | {"binary", "json"},
    "photo": _TEXTUAL | {"binary"},
    "id_card": _TEXTUAL | _NUMBERS,
    "passport": _TEXTUAL,
    "bank_card": _TEXTUAL | _NUMBERS,
    "card_expiry": _TEXTUAL | {"date", "integer"},
    "card_code": _TEXTUAL | {"integer"},
    "card_track": _TEXTUAL | {"binary"},
    "pin": _TEXTUAL | {"integer", "binary"},
    "account_number": _TEXTUAL | _NUMBERS,
    "secret": _TEXTUAL | {"binary", "integer"},
    "balance": _NUMBERS | _TEXTUAL,
    "amount": _NUMBERS | _TEXTUAL,
    "salary": _NUMBERS | _TEXTUAL,
    "credit": _NUMBERS | _TEXTUAL,
    "ip_address": _TEXTUAL | {"address", "integer"},
    "free_text": _TEXTUAL | {"json"},
}
"""The kinds of types that a category can have; of others, any but dates and booleans."""
_ANY: Final = _TEXTUAL | _NUMBERS | {"binary", "json"}

_IN_CARDS: Final = ("card", "yhk", "卡", "payment", "credit")
"""Tables of payment cards, in which `expires_on` and the like are about the card."""


def recognise(table: ScannedTable, samples: Mapping[str, Sample]) -> tuple[Finding, ...]:
    """Give what is proposed for the columns of a table, in their order; `samples` by column name, as far as there are any."""
    people = persons_in(table.name, table.comment)
    names = [column.name[3] for column in table.columns]
    pinyin, prefix = pinyin_share(names), shared_prefix(names)
    cards = any(word in table.name.lower() for word in _IN_CARDS)
    found = []
    for column in table.columns:
        readings = [*read_name(column.name[3], people=people, pinyin=pinyin, prefix=prefix)]
        said = [Reading(r.category, r.strength * _COMMENT, r.word) for r in read_comment(column.comment)]
        finding = _weigh(column, readings, said, samples.get(column.name[3]), cards=cards)
        if finding is not None:
            found.append(finding)
    return tuple(found)


def _weigh(
    column: ScannedColumn, names: list[Reading], comments: list[Reading], sample: Sample | None, *, cards: bool
) -> Finding | None:
    contents = read_values(sample) if sample is not None and _readable(column) else ()
    signs: tuple[Reading | Content, ...] = (*names, *comments, *contents)
    candidates = dict.fromkeys(each.category for each in signs)
    best: Finding | None = None
    for category in candidates:
        if not _fits(column, category):
            continue
        by_name = _strongest(names, category)
        by_comment = _strongest(comments, category)
        by_content = next((each for each in contents if each.category == category), None)
        doubted = by_content is None and sample is not None and contradicted(category, sample)
        confidence = _confidence(
            by_name, by_comment, by_content, doubted=doubted, cards=cards and category == "card_expiry"
        )
        if confidence >= THRESHOLD and (best is None or confidence > best.confidence):
            best = Finding(
                column,
                category,
                round(confidence, 2),
                _evidence(by_name, by_comment, by_content, sample, doubted=doubted),
            )
    return best


def _confidence(
    by_name: Reading | None, by_comment: Reading | None, by_content: Content | None, *, doubted: bool, cards: bool
) -> float:
    """The probability that not all signs err, taken as independent."""
    wrong = 1.0
    for reading in (by_name, by_comment):
        if reading is not None:
            wrong *= 1 - reading.strength * (_CONTRADICTED if doubted else 1) - (0.3 if cards else 0)
    if by_content is not None:
        wrong *= 1 - by_content.strength * min(1.0, by_content.share + 0.1)
    return 1 - max(0.01, wrong)


def _strongest(readings: list[Reading], category: str) -> Reading | None:
    return max((each for each in readings if each.category == category), key=lambda each: each.strength, default=None)


def _readable(column: ScannedColumn) -> bool:
    """Whether values say something: integer keys are counters, in which every length of number occurs."""
    return column.kind in {"text", "json", "address", "other"} or (column.kind in _NUMBERS and not column.key)


def _fits(column: ScannedColumn, category: str) -> bool:
    if column.key and column.kind == "integer" and category not in {"id_card", "bank_card", "account_number", "phone"}:
        return False
    return column.kind in _KINDS.get(category, _ANY)


def _evidence(
    by_name: Reading | None,
    by_comment: Reading | None,
    by_content: Content | None,
    sample: Sample | None,
    *,
    doubted: bool,
) -> tuple[str, ...]:
    """Why, in words of ours: a catalog's names and a database's values stay out."""
    said = []
    if by_name is not None:
        how = "as initials of pinyin " if by_name.initials else ""
        said.append(f"the name reads {how}`{by_name.word}`")
    if by_comment is not None:
        said.append(f"the comment speaks of `{by_comment.word}`")
    if by_content is not None and sample is not None:
        count = len(sample.distinct)
        said.append(f"{by_content.share:.0%} of {count} different values are {by_content.words}")
    elif doubted:
        said.append("its values do not look like it")
    elif sample is not None and len(sample.distinct) < ENOUGH:
        said.append("too few values to tell")
    return tuple(said)
