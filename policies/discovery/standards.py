"""Standards: which category has which level under JR/T 0171, JR/T 0197, GDPR, PCI DSS or a house's own pack.

Owns the files of packs/ and their reading. A category that a standard does not speak of is none of its business: it gets no level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from policies.discovery.lexicon import ENGLISH
from policies.entries import MAX_LEVEL
from policies.positions import Checker, DocumentError, Problem, compose

PACKS: Final = Path(__file__).parents[1] / "packs"
"""Where the packs are that come with Louver."""

_KEYS: Final = ("version", "title", "categories")
_CATEGORY: Final = ("level", "class", "source")


class PackError(DocumentError):
    """A pack that cannot be used."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What a standard says of a category: the level from 1 to 5, the standard's own class, and where it says so."""

    level: int
    standard: str
    class_: str
    source: str

    def __str__(self) -> str:
        return f"{self.standard} {self.class_} ({self.source})" if self.source else f"{self.standard} {self.class_}"


@dataclass(frozen=True, slots=True)
class Pack:
    """A standard by its title: grades by category."""

    title: str
    grades: Mapping[str, Grade]


def pack_names() -> tuple[str, ...]:
    """Name the packs that come with Louver."""
    return tuple(sorted(path.stem for path in PACKS.glob("*.yaml")))


def load_pack(name: str) -> Pack:
    """Read a pack of Louver's by name, or one of a house by its path. Raises PackError with every problem."""
    path = PACKS / f"{name}.yaml" if name in pack_names() else Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        known = f"packs are {', '.join(pack_names())}, or a file"
        raise PackError((Problem(name, 1, 1, f"the pack cannot be read: {why}", known),)) from None
    root, problems = compose(text, name)
    if root is None:
        raise PackError(problems or (Problem(name, 1, 1, "the file is empty", "begin with `version: 1`"),))
    checker = Checker(problems)
    fields = checker.fields(root, "a pack", _KEYS, _KEYS)
    if "version" in fields and fields["version"].value != 1:
        checker.problem(fields["version"], "`version` must be 1", "this is the only version there is")
    title = (checker.text(fields["title"], "`title`") if "title" in fields else None) or name
    grades: dict[str, Grade] = {}
    for category, entry in (
        checker.mapping(fields["categories"], "`categories`") if "categories" in fields else {}
    ).items():
        if category not in ENGLISH:
            checker.problem(
                entry.key, f"discovery knows no category `{category}`", f"it knows {', '.join(sorted(ENGLISH))}"
            )
            continue
        said = checker.fields(entry.value, f"`{category}`", _CATEGORY, ("level",))
        level = checker.integer(said["level"], "`level`", 1, MAX_LEVEL) if "level" in said else None
        class_, source = (
            (checker.text(said[key], f"`{key}`") or "") if key in said else "" for key in ("class", "source")
        )
        if level is not None:
            grades[category] = Grade(level, title, class_ or f"level {level}", source)
    if checker.problems:
        raise PackError(checker.problems)
    return Pack(title, grades)


def grade(category: str, packs: tuple[Pack, ...]) -> Grade | None:
    """Give the highest level that any of the packs gives a category, of equals the first; None when none speaks of it."""
    found = [pack.grades[category] for pack in packs if category in pack.grades]
    return max(found, key=lambda each: each.level, default=None)
