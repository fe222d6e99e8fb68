"""`louver test`: the tests of policies, as their authors write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from louver.console import Exit, FormatOption, err, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from louver.testing import Result


def run_tests(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Test files, or directories of *.test.yaml.")],
    *,
    config: Annotated[
        str,
        typer.Option("--config", "-c", envvar="LOUVER_CONFIG", metavar="FILE", help="Settings: where queries are run."),
    ] = "",
    database: Annotated[str, typer.Option("--database", "-d", metavar="NAME", help="Of which database.")] = "",
    form: FormatOption = "text",
) -> None:
    """Test policies: who gets what of which column, and what a statement answers.

    What is expected of columns is checked without a database. Tests with a `query` need --config and --database; they are run as
    `louver preview` runs them, reading only.

    [bold]Examples:[/bold]

    louver test policies/bank.test.yaml

    louver test policies --config louver.yaml -d bank
    """
    from louver.testing import run
    from policies.positions import DocumentError

    as_json = wants_json(form)
    found = [each for file in files for each in (sorted(file.glob("**/*.test.yaml")) if file.is_dir() else [file])]
    if not found:
        fail(["there is no *.test.yaml"], Exit.USAGE)
    results: list[Result] = []
    problems: list[str] = []
    for file in found:
        try:
            results += run(file, config, database)
        except DocumentError as error:
            problems += [str(problem) for problem in error.problems]
        except OSError as error:
            problems.append(f"{file}: cannot be read: {error.strerror}")
    if as_json:
        from dataclasses import asdict

        print_json(
            {
                "ok": not problems and all(r.passed for r in results),
                "tests": [asdict(r) for r in results],
                "problems": problems,
            }
        )
    else:
        _show(results, problems)
    if problems or any(not result.passed for result in results):
        raise typer.Exit(Exit.PROBLEMS)


def _show(results: Sequence[Result], problems: Sequence[str]) -> None:
    from rich.text import Text

    for result in results:
        if result.passed:
            out.print(Text.assemble(("passed", "green"), f"  {result.name}"))
            continue
        out.print(Text.assemble(("FAILED", "bold red"), f"  {result.name}  ", (f"{result.file}:{result.line}", "dim")))
        for failure in result.failures:
            out.print(Text(f"          {failure}"))
    for problem in problems:
        err.print(Text(problem, "red"))
    failed = sum(not result.passed for result in results)
    style = "bold red" if failed or problems else "bold green"
    left = sum(not result.asked for result in results)
    out.print(Text(f"{len(results)} tests, {failed} failed", style))
    if left:
        out.print(Text(f"{left} of their queries were not asked: that takes --config and --database", "yellow"))
