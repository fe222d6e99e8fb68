"""`--text-key`: texts that are sealed for an auditor, opened where entries are shown.

Owns the option, and what is said of texts that stay sealed. The opening is audit.opening's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from louver.console import Exit, err, fail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from audit.opening import Opener, TextKey
    from audit.search import Entry

TextKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--text-key", metavar="FILE", help="The auditor's private key: shows texts that are encrypted for it."
    ),
]


def read_key(path: Path | None) -> TextKey | None:
    """Return the key in a file, None without one. Ends the command when it is none."""
    if path is None:
        return None
    from audit.opening import TextKey
    from audit.signing import KeyFileError

    try:
        return TextKey.read(path)
    except KeyFileError as error:
        fail([f"--text-key: {error}"], Exit.USAGE)


def opening_with(key: TextKey | None, find: Callable[[str], dict[str, Any] | None]) -> Opener | None:
    """Return what opens texts by a key, None without one; `find` gives the records of their data keys."""
    if key is None:
        return None
    from audit.opening import Opener

    return Opener(key, find)


def opened(entries: Iterable[Entry], opener: Opener | None) -> Iterable[Entry]:
    """Give entries, with their texts opened where there is a key."""
    return entries if opener is None else opener.entries(entries)


def opened_rows(
    heading: Sequence[str], rows: Iterable[Sequence[Any]], opener: Opener | None
) -> Iterable[Sequence[Any]]:
    """Give the rows of an answer, with what is sealed opened where there is a key. Ends the command when it cannot be told which."""
    if opener is None:
        return rows
    if _NEEDED - set(heading):
        fail(
            ["--text-key opens the column `sealed` of an answer with `session` and `statement`: select all three"],
            Exit.USAGE,
        )
    places = {name: heading.index(name) for name in heading}
    return (_opened_row(list(row), places, opener) for row in rows)


_NEEDED: Final = frozenset({"session", "statement", "sealed"})


def _opened_row(row: list[Any], places: Mapping[str, int], opener: Opener) -> list[Any]:
    from audit.opening import CannotOpen

    at = places["sealed"]
    if row[at]:
        try:
            row[at] = opener.text({name: row[places[name]] for name in _NEEDED})
        except CannotOpen as why:
            opener.unopened[str(why)] += 1
    return row


def tell_unopened(opener: Opener | None) -> None:
    """Say on standard error how many texts stay sealed, and why; each is told once."""
    if opener is None:
        return
    for why, count in opener.unopened.items():
        texts = "the text of 1 statement stays sealed" if count == 1 else f"the texts of {count} statements stay sealed"
        err.print(f"{texts}: {why}", style="bold red", markup=False)
    opener.unopened.clear()
