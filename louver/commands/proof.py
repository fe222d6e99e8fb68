"""`louver audit verify`, `key`, `compact`: is the trail whole, who signs it, and how it is kept small.

Owns their options and reports; the work is audit.reader's, audit.heads' and audit.compaction's.
"""

from __future__ import annotations

import csv
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from louver.commands.trail import ConfigOption, DirectoryOption, find_trail
from louver.console import Exit, err, fail, out, print_json
from louver.entries import Format, FormatOption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit.findings import Report


def verify(  # noqa: PLR0913  the options of a command
    *,
    anchor: Annotated[
        list[str] | None,
        typer.Option("--anchor", metavar="SEQ:HASH", help="A record noted elsewhere earlier; may be repeated."),
    ] = None,
    noted: Annotated[
        Path | None,
        typer.Option("--heads", metavar="FILE", help="A copy of heads.jsonl that was taken elsewhere earlier."),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key", metavar="FILE", help="A key that signed heads, its public half is enough; may be repeated."
        ),
    ] = None,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    form: FormatOption = "table",
) -> None:
    """Prove that no record was changed, removed, inserted or moved, or say where.

    At the end stands the anchor of the last record. Note it where nobody who can write the trail can write, and give
    it to a later verification: then not even a trail written anew as a whole goes unnoticed. A copy of heads.jsonl is an
    anchor for each segment. With --key, or audit.signing_key in the settings, the heads' signatures are proved, too.

    [bold]Examples:[/bold]

    louver audit verify

    louver audit verify --key audit-public.pem --heads /mnt/write-once/heads.jsonl

    louver audit verify --directory /var/lib/louver/audit --anchor 4711:9f86d081884c7d65...

    Exit codes: 0 complete and untouched, 1 damage found, 2 called wrongly or no trail there.
    """
    from audit.heads import read
    from audit.reader import NoTrail, existing, verified
    from audit.signing import KeyFileError, Verifier

    where, signing = find_trail(directory, config)
    anchors = dict(_anchor(text) for text in anchor or ())
    try:
        keys = [Verifier.read(path) for path in key or ([signing] if signing else ())]
        elsewhere = read(noted).found if noted else []
    except (KeyFileError, OSError) as error:
        fail([error], Exit.USAGE)
    if noted and not elsewhere:
        fail([f"--heads: there is no head in {noted}; give a copy of the trail's heads.jsonl"], Exit.USAGE)
    anchors.update({head.last: head.hash for head in elsewhere})
    try:
        total = sum(path.stat().st_size for _, path in existing(where))
        with progress_bar(total) as progress:
            report = verified(where, anchors, keys, progress)
    except NoTrail as error:
        fail([error], Exit.USAGE)
    _show_report(report, where, form)
    if not report.intact:
        raise typer.Exit(Exit.PROBLEMS)


def make_key(
    file: Annotated[Path, typer.Argument(help="The file to be written; it must not be there yet.")],
    *,
    purpose: Annotated[
        Literal["heads", "texts"], typer.Option("--for", help="To sign heads, or to read texts that are encrypted.")
    ] = "heads",
) -> None:
    """Make a key, and print its public half.

    One that signs the heads of segments is named by audit.signing_key in the settings, where only Louver can read it; give the
    public half to whoever verifies. One for texts stays with the auditor, and its public half is named by audit.text_key:
    without the private key nobody reads the texts again.

    [bold]Examples:[/bold]

    louver audit key /etc/louver/audit.pem > audit-public.pem

    louver audit key --for texts auditor.pem > auditor-public.pem

    Exit codes: 0 made, 2 it could not be written.
    """
    from audit.opening import TextKey
    from audit.signing import Signer

    try:
        if purpose == "texts":
            text_key = TextKey.create(file)
            name, public = text_key.id, text_key.public
        else:
            signer = Signer.create(file)
            name, public = signer.verifier.id, signer.verifier.pem
    except OSError as error:
        fail([f"{file} cannot be made: {error.strerror or error}"], Exit.USAGE)
    sys.stdout.write(public)
    err.print(f"made key {name} in {file}", style="dim")


def compact(
    *,
    days: Annotated[float, typer.Option(min=0, help="Only segments that were closed so many days ago.")] = 1,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Keep closed segments as Parquet: a sixth of the room, and searched without being read whole.

    Every line is kept byte for byte and read back before the written form goes, so the trail verifies as before. Runs beside
    the proxy; once a day is usual. With `audit.compact_days` the proxy does it by itself.

    [bold]Examples:[/bold]

    louver audit compact

    louver audit compact --days 0 --directory /var/lib/louver/audit

    Exit codes: 0 done (also when there was nothing to do), 1 a segment could not be compacted, 2 called wrongly or no trail there.
    """
    from datetime import UTC, datetime, timedelta

    from audit import compaction
    from audit.reader import NoTrail, existing
    from audit.search import written
    from audit.signing import KeyFileError, Signer

    where, signing = find_trail(directory, config)
    try:
        existing(where)
        signer = Signer.read(signing) if signing else None
    except (NoTrail, KeyFileError) as error:
        fail([error], Exit.USAGE)
    before = written(datetime.now(UTC) - timedelta(days=days))
    try:
        count = len(compaction.candidates(where, before))
        with compaction.alone(where), progress_bar(count, "compacting") as progress:
            done, failed = compaction.compact_all(where, before, signer, progress=lambda at, _: progress(at))
    except (OSError, compaction.CompactionError) as error:
        fail([error])
    out.print(f"{len(done)} segments compacted: {sum(b for b, _ in done)} bytes are {sum(a for _, a in done)} now")
    if failed:
        fail(failed)


def _anchor(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text.strip())
    if found is None:
        fail([f"--anchor takes SEQ:HASH as verify prints it, not {text}"], Exit.USAGE)
    return int(found[1]), found[2]


@contextmanager
def progress_bar(total: int, what: str = "verifying") -> Iterator[Callable[[int], object]]:
    """Show a bar on standard error when that is a terminal."""
    if not err.is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=err, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _show_report(report: Report, where: Path, form: Format) -> None:
    from dataclasses import asdict

    from audit.present import cell, safe

    anchor = f"{report.head[0]}:{report.head[1]}"
    if form == "json":
        print_json({**asdict(report), "intact": report.intact, "anchor": anchor, "directory": str(where)})
        return
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("kind", "segment", "line", "first", "last", "message"))
        writer.writerows([cell(value) for value in asdict(damage).values()] for damage in report.damages)
        return
    for note in report.notes:
        out.print(Text.assemble(("note: ", "cyan"), safe(note)))
    for damage in report.damages:
        place = f"segment {damage.segment} line {damage.line}: "
        out.print(Text.assemble((f"{damage.kind}: ", "bold red"), place, safe(damage.message)))
    if report.more:
        out.print(f"and {report.more} more damages")
    size = f"{report.records} lines in {report.segments} segments"
    if report.intact:
        end = "closed" if report.closed else "open: the proxy is running, or ended without closing it"
        out.print(Text.assemble(("intact: ", "bold green"), f"{size}; {end}"))
        out.print(f"anchor: {anchor}")
    else:
        out.print(Text.assemble(("damaged: ", "bold red"), f"{len(report.damages) + report.more} damages in {size}"))
