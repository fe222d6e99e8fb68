"""Reading the name and the comment of a column: which category it speaks of, and how clearly.

Owns the reading of names in English (snake_case, CamelCase, joined), Chinese and pinyin. May not do: look at values.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from policies.discovery.lexicon import (
    ALONE,
    CHINESE,
    ENGLISH,
    INITIALS,
    MEDIUM,
    NOT_CHINESE,
    NOT_WITHIN,
    PERSONS,
    PINYIN_ROLES,
    QUESTIONS,
    SILENT,
    STRONG,
    SYLLABLES,
    TURNING,
    WEAK,
    WITHIN,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CHINESE_RUN: Final = re.compile(r"[\u3400-\u9fff]")
_FIRST_PART: Final = re.compile("[^:\uff1a,\uff0c;\uff1b\u3002(\uff08\\[\u3010\n]*")
_COMMENT_WORDS: Final = 6
"""Words of a comment that is read like a name; a longer one is a sentence, in which any word may occur."""
_PINYIN_TABLE: Final = 0.3
"""Share of a table's columns named by initials of pinyin from which on weak initials are believed."""
_ALIKE: Final = 0.6
_ALIKE_COLUMNS: Final = 4
"""Share and number of a table's columns from which on their first word is the table's, not theirs."""
_AFTERTHOUGHT: Final = 0.5
"""What remains of a reading when a word follows that is neither known to leave it nor to turn it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a name says: a category, how clearly (0 to 1), and the word that says it, from the lexicon."""

    category: str
    strength: float
    word: str
    initials: bool = False  # read by the initials of pinyin


def words_of(name: str) -> tuple[str, ...]:
    """Split the Latin part of a name into words in lower case: `custFirstName2` gives cust, first, name, 2."""
    return tuple(word.lower() for word in _WORD.findall(name))


@lru_cache(maxsize=1)
def _phrases() -> dict[tuple[str, ...], list[Reading]]:
    """The English phrases as words, each also joined to one."""
    found: dict[tuple[str, ...], list[Reading]] = defaultdict(list)
    for category, strengths in ENGLISH.items():
        for strength, text in strengths.items():
            for phrase in filter(None, (each.strip() for each in text.split(","))):
                reading = Reading(category, strength, phrase)
                words = tuple(phrase.split())
                for spelling in {words, ("".join(words),)}:
                    found[spelling].append(reading)
    return dict(found)


@lru_cache(maxsize=8)
def _flat(kind: str) -> dict[str, Reading]:
    tables: Mapping[str, Mapping[str, Mapping[float, str]]] = {
        "chinese": CHINESE,
        "syllables": SYLLABLES,
        "initials": INITIALS,
    }
    return {
        word: Reading(category, strength, word, initials=kind == "initials")
        for category, strengths in tables[kind].items()
        for strength, text in strengths.items()
        for word in text.split()
    }


def persons_in(table: str, comment: str = "") -> bool:
    """Tell whether a table, by its name or comment, is one of people."""
    words = {*words_of(table)}
    singular = {word.removesuffix("s") for word in words}
    pinyin = any(part in "".join(words) for part in ("khxx", "kehu", "yonghu", "yuangong", "ygxx", "grxx"))
    return (
        bool((words | singular) & PERSONS)
        or pinyin
        or any(word in table + comment for word in ("客户", "用户", "人员", "员工", "会员", "个人"))
    )


def pinyin_share(names: Iterable[str]) -> float:
    """The share of names that initials of pinyin could be."""
    known = _flat("initials")
    columns = ["".join(words_of(name)) for name in names]
    return sum(_initials(column, known) is not None for column in columns) / max(1, len(columns))


def shared_prefix(names: Iterable[str]) -> str:
    """The first word that most columns of a table begin with (`c_name`, `c_phone`), or an empty one."""
    firsts = [words[0] for words in map(words_of, names) if len(words) > 1]
    word, count = max(Counter(firsts).items(), key=lambda each: each[1], default=("", 0))
    return word if count >= max(_ALIKE_COLUMNS, len(firsts) * _ALIKE) else ""


def read_name(name: str, *, people: bool, pinyin: float, prefix: str = "") -> tuple[Reading, ...]:
    """What a column's name says, at most one reading of each way to read it.

    `people`: its table is one of people. `pinyin`: what `pinyin_share` says of its table, `prefix` what `shared_prefix` does.
    """
    words = words_of(name)
    found = [_read_chinese(name), _read_english(words, people=people), _read_pinyin(name, pinyin)]
    if prefix and words[:1] == (prefix,):
        found.append(_read_english(words[1:], people=people))
    return tuple(reading for reading in found if reading is not None)


def read_comment(comment: str) -> tuple[Reading, ...]:
    """What a column's comment says: its first part, before what explains codes."""
    first = (_FIRST_PART.match(comment.strip()) or [""])[0]
    words = words_of(first)
    english = _read_english(words, people=False) if len(words) <= _COMMENT_WORDS else None
    return tuple(reading for reading in (_read_chinese(first), english) if reading is not None)


def _read_chinese(text: str) -> Reading | None:
    if not _CHINESE_RUN.search(text):
        return None
    text = text.lower().strip()
    known = _flat("chinese")
    hits = [(word, at) for word in known if (at := text.rfind(word)) >= 0]
    if not hits:
        return None
    # the longest of those that end last: what a Chinese name is about stands at its end
    word, at = max(hits, key=lambda hit: (hit[1] + len(hit[0]), len(hit[0])))
    rest = text[at + len(word) :]
    if any(turn in rest for turn in NOT_CHINESE) or text.startswith("是否"):
        return None
    if any(turn in text[:at] for turn in ("产品", "网点", "支行", "机构", "部门")) and known[word].category in {
        "name",
        "id_card",
    }:
        return None
    return known[word]


def _read_english(words: tuple[str, ...], *, people: bool) -> Reading | None:
    if not words or words[0] in QUESTIONS:
        return None
    best: Reading | None = None
    longest = 0
    for length in range(min(4, len(words)), 0, -1):
        for start in range(len(words) - length, -1, -1):
            for reading in _phrases().get(words[start : start + length], ()):
                strength = reading.strength * _after(words[start + length :])
                # the last words of a name say what it is; a longer phrase says more than a shorter one within it
                if strength > 0 and (best is None or (length >= longest and strength > best.strength)):
                    best, longest = Reading(reading.category, strength, reading.word), length
    others = (best, _a_name(words, people=people), _alone(words, people=people), None if best else _within(words))
    return max((each for each in others if each is not None), key=lambda each: each.strength, default=None)


def _alone(words: tuple[str, ...], *, people: bool) -> Reading | None:
    """A word that says enough where it is all there is, and the table is one of people."""
    category = ALONE.get(words[0]) if people and len(words) == 1 else None
    return Reading(category, MEDIUM, words[0]) if category else None


def _within(words: tuple[str, ...]) -> Reading | None:
    """A word written together with what stands before it."""
    for word in WITHIN:
        if words[-1].endswith(word) and words[-1] not in NOT_WITHIN:
            reading = _phrases()[(word,)][0]
            return Reading(reading.category, MEDIUM, word)
    return None


def _after(rest: tuple[str, ...]) -> float:
    """What remains of a reading for the words that follow it."""
    if any(word in TURNING for word in rest):
        return 0.0
    return _AFTERTHOUGHT if any(not word.isdigit() and word not in SILENT for word in rest) else 1.0


def _a_name(words: tuple[str, ...], *, people: bool) -> Reading | None:
    """`name`: of a person when the word before it is one, or when it stands alone in a table of people."""
    word = words[-1] if not words[-1].isdigit() else words[-2] if len(words) > 1 else ""
    if word != "name" and not (len(words) == 1 and words[0].endswith("name") and words[0][:-4] in PERSONS):
        return None
    owner = words[words.index(word) - 1] if word == "name" and words.index(word) else words[0].removesuffix("name")
    if owner in PERSONS:
        return Reading("name", STRONG, f"{owner} name")
    if owner in {"", "name"}:
        return Reading("name", MEDIUM if people else WEAK / 2, "name")
    return None


def _read_pinyin(name: str, share: float) -> Reading | None:
    joined = "".join(word for word in words_of(name) if not word.isdigit())
    spelt = _flat("syllables")
    for word in sorted(spelt, key=len, reverse=True):
        if joined == word or (len(word) >= 5 and joined.endswith(word)):
            return spelt[word]
    reading = _initials(joined, _flat("initials"))
    if reading is None:
        return None
    # one short word by chance is nothing; a table full of them is a table in pinyin
    if share >= _PINYIN_TABLE:
        return Reading(reading.category, min(STRONG, reading.strength + 0.25), reading.word, initials=True)
    return reading if reading.strength > WEAK else Reading(reading.category, WEAK / 2, reading.word, initials=True)


def _initials(joined: str, known: Mapping[str, Reading]) -> Reading | None:
    if joined in known:
        return known[joined]
    for role in PINYIN_ROLES:
        rest = joined.removeprefix(role)
        if rest != joined and rest in known and len(rest) > 1:
            reading = known[rest]
            return Reading(reading.category, max(reading.strength, MEDIUM), reading.word, initials=True)
    return None
