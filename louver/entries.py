"""What the audit commands show: entries, and rows of answers; as a table for people, tab-separated in a pipe, JSON, CSV.

Owns the look; what an entry says is audit.present's, which makes it safe to show. May not do: read the trail.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from contextlib import contextmanager, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from audit import present
from louver.console import Exit, fail, out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from audit.search import Entry

Format = Literal["table", "json", "csv"]
FileFormat = Literal["table", "json", "csv", "parquet"]
FormatOption = Annotated[
    Format, typer.Option("--format", help="A table for people (tab-separated in a pipe), JSON lines, or CSV.")
]
FileFormatOption = Annotated[
    FileFormat,
    typer.Option(
        "--format",
        help="A table for people (tab-separated in a pipe or file), JSON lines, CSV, or Parquet, which needs --output.",
    ),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, readable for its owner alone.")
]

_TABLE_WIDTH = 100  # below, the text of a statement would stand in a strip of a few letters
_STYLES = {
    "deny": "bold red", "denied": "bold red", "error": "red", "lost": "red", "skipped": "yellow", "login_refused": "bold red",
    "denial": "bold red", "rewrite": "yellow", "cancelled": "yellow", "pass": "green", "recovered": "magenta",
}  # fmt: skip


def parquet_path(form: FileFormat, output: Path | None) -> Path | None:
    """Return the Parquet file to be written, made so that its owner alone reads it; None when it is to be none. Ends the command when that cannot be."""
    if form != "parquet":
        return None
    if output is None:
        fail(["--format parquet needs --output FILE"], Exit.USAGE)
    with written_to(output):
        return output


@contextmanager
def written_to(output: Path | None) -> Iterator[None]:
    """Let what is shown go into a file, made so that its owner alone reads it; None leaves it where it goes. Ends the command when that cannot be."""
    if output is None:
        yield
        return
    try:
        made = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        fail([f"{output} cannot be written: {error.strerror}"], Exit.USAGE)
    with os.fdopen(made, "w", encoding="utf-8", newline="") as file, redirect_stdout(file):
        yield


def show_rows(heading: Sequence[str], rows: Iterable[Sequence[object]], form: FileFormat) -> None:
    """Show rows of an answer."""
    if form == "json":
        for row in rows:
            line(json.dumps(dict(zip(heading, map(_plain, row), strict=True)), ensure_ascii=False, default=str))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(heading)
        writer.writerows([present.cell(_plain(value)) for value in row] for row in rows)
    elif out.is_terminal:
        table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
        for name in heading:
            table.add_column(Text(name))
        for row in rows:
            table.add_row(*(Text(_cell(value)) for value in row))
        out.print(table, soft_wrap=False)
    else:
        line("\t".join(heading))
        for row in rows:
            line("\t".join(map(_cell, row)))


def _plain(value: object) -> object:
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value


def _cell(value: object) -> str:
    """Return a value for eyes, to whom seconds are enough."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return present.safe("" if value is None else str(value))


def show(entries: Iterable[Entry], form: FileFormat) -> None:
    """Show entries all at once: a table on a terminal that is wide enough, else line by line."""
    if form == "table" and out.is_terminal and out.width >= _TABLE_WIDTH:
        table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
        for name in present.TABLE_COLUMNS[:-2]:
            table.add_column(name, no_wrap=name not in {"who", "ruling", "end"}, overflow="fold")
        table.add_column("what, and the sensitive columns it reads", overflow="fold", ratio=1)
        for entry in entries:
            *cells, uses, what = present.table_row(entry)
            cells[1] = cells[1][:19]  # the second is enough for eyes
            table.add_row(*map(_styled, cells), Text(what) + Text("\n" + uses if uses else "", style="cyan"))
        out.print(table, soft_wrap=False)
        return
    show_one = one_by_one(form)
    for entry in entries:
        show_one(entry)


def _styled(part: str) -> Text:
    return Text(part, style=_STYLES.get(part.partition(" ")[0], ""))


def one_by_one(form: FileFormat) -> Callable[[Entry], None]:
    """Return what shows one entry, after showing a heading where the format has one."""
    if form == "json":
        return lambda entry: line(present.json_line(entry))
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(present.CSV_COLUMNS)

        def show_csv(entry: Entry) -> None:
            writer.writerow(present.csv_row(entry))
            sys.stdout.flush()

        return show_csv
    if not out.is_terminal:
        line("\t".join(present.TABLE_COLUMNS))
        return lambda entry: line(present.plain_row(entry))

    def show_coloured(entry: Entry) -> None:
        parts = [_styled(" ".join(part.split())) for part in present.table_row(entry)]
        out.print(Text("  ").join(part for part in parts if part), soft_wrap=True)

    return show_coloured


def line(text: str) -> None:
    """Print a line as it is, at once: rich would wrap it and look for markup."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
