"""Take the `options` startup parameter apart as the server would.

Owns the reading of `-c name=value` and `--name=value` (PostgreSQL manual, "Startup Message" and postgres reference
page). May not do: judge which parameters are allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.postgres.wire.dialogue import DialogueError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACES = " \t\n\v\f\r"
_NOT_PARAMETERS = ("user", "database", "replication", "options")  # startup keywords that no run-time parameter has


def parse_options(options: str) -> list[tuple[str, str]]:
    """The run-time parameters in their order; raises DialogueError for any other switch."""
    words = iter(split_words(options))
    found = []
    for word in words:
        if word == "-c":
            setting = next(words, "")
        elif word.startswith(("-c", "--")):
            setting = word[2:]
        else:
            raise _refused(word)
        name, equals, value = setting.partition("=")
        name = name.replace("-", "_")
        if not equals or not name or name in _NOT_PARAMETERS or name.startswith("_pq_."):
            raise _refused(word)
        found.append((name, value))
    return found


def split_words(options: str) -> Iterator[str]:
    """Words between white space; a backslash takes the next character as it is."""
    word: list[str] = []
    started = False
    characters = iter(options)
    for character in characters:
        if character in _SPACES:
            if started:
                yield "".join(word)
            word, started = [], False
        else:
            started = True
            word.append(next(characters, "") if character == "\\" else character)
    if started:
        yield "".join(word)


def _refused(word: str) -> DialogueError:
    return DialogueError(
        "0A000",
        f"louver: the startup option {word!r} is not let through",
        hint="Write settings as -c name=value.",
    )
