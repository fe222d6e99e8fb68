"""What the commands print: results on standard output, everything else on standard error.

Owns the two consoles and the exit codes. Colours and tables come on a terminal only; a pipe gets plain text.
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


class Exit(IntEnum):
    """What the commands end with."""

    OK = 0
    PROBLEMS = 1  # the command ran and found something wrong
    USAGE = 2  # the command was called wrongly
    CHANGED = 3  # the command ran well, and what it looked at is not as it was


ConfigOption = Annotated[
    str,
    typer.Option("--config", "-c", envvar="LOUVER_CONFIG", metavar="FILE", help="The settings file."),
]
FormatOption = Annotated[
    str,
    typer.Option("--format", "-f", metavar="text|json", help="For people or for programs."),
]


def fail(messages: Iterable[object], code: Exit = Exit.PROBLEMS) -> NoReturn:
    """Print each message as an error and end the command."""
    for message in messages:
        err.print(Text.assemble(("error: ", "bold red"), str(message)))
    raise typer.Exit(code)


def wants_json(chosen: str) -> bool:
    """Tell whether `--format` says json; end the command when it says neither."""
    if chosen not in {"text", "json"}:
        fail([f"--format must be text or json, not {chosen}"], Exit.USAGE)
    return chosen == "json"


def print_json(value: object) -> None:
    """Print a value as JSON, readable by people too, non-ASCII as it is."""
    out.print(json.dumps(value, ensure_ascii=False, indent=2, default=str), markup=False)
