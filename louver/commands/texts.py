"""`--text-key`: texts that are sealed for an auditor, opened where entries are shown.

Owns the option, and what is said of texts that stay sealed. The opening is audit.opening's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from louver.console import Exit, err, fail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


def tell_unopened(opener: Opener | None) -> None:
    """Say on standard error how many texts stay sealed, and why; each is told once."""
    if opener is None:
        return
    for why, count in opener.unopened.items():
        texts = "the text of 1 statement stays sealed" if count == 1 else f"the texts of {count} statements stay sealed"
        err.print(f"{texts}: {why}", style="bold red", markup=False)
    opener.unopened.clear()
