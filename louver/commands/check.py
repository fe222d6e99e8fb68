"""`louver check`: find every mistake of a configuration before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from louver.console import ConfigOption, Exit, FormatOption, err, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from louver.asking import Answer
    from policies.decide import PolicySet
    from policies.positions import Problem


def check(
    config: ConfigOption = "louver.yaml",
    policies: Annotated[
        Path | None, typer.Option("--policies", metavar="FILE", help="Check this policy file alone.")
    ] = None,
    ask: Annotated[
        str | None,
        typer.Option("--ask", metavar="NAME", help="Ask each source of attributes for somebody, and show its answer."),
    ] = None,
    form: FormatOption = "text",
) -> None:
    """Read the settings and every file they name; report all mistakes with file, line and column.

    Nothing is connected to, but for the sources of attributes with --ask.

    [bold]Examples:[/bold]

    louver check --config louver.yaml

    louver check --policies policies.yaml --format json

    louver check --ask tina
    """
    from rich.text import Text

    as_json = wants_json(form)
    mistakes: Sequence[Problem | str] = ()
    summary = ""
    warnings: list[str] = []
    answers: Sequence[Answer] = ()
    if policies is not None:
        from policies.loader import PolicyError, load_policies

        try:
            loaded = load_policies(policies)
            summary, warnings = _summary(loaded), _odd(loaded, str(policies))
        except PolicyError as error:
            mistakes = error.problems
    else:
        from louver import descriptors
        from louver.asking import ask_sources
        from louver.configuration import ConfigurationError, load

        try:
            parts = load(config)
            users = len(parts.people.users.names())
            summary = f"{_summary(parts.policies)}; {users} users; login: {parts.settings.login}"
            shortage = descriptors.shortage(parts.settings.limits.connections)
            answers = ask_sources(parts, ask) if ask is not None else ()
            mistakes = [f"{each.source} has no answer: {each.failure}" for each in answers if each.failure is not None]
            warnings = [*([shortage] if shortage else []), *_odd(parts.policies, str(parts.settings.policies))]
        except ConfigurationError as error:
            mistakes = error.mistakes
    if as_json:
        problems = [_fields(mistake) for mistake in mistakes]
        known = [each.fields() for each in answers]
        print_json(
            {"ok": not mistakes, "summary": summary, "problems": problems, "warnings": warnings, "answers": known}
        )
    else:
        for warning in warnings:
            err.print(Text.assemble(("warning: ", "bold yellow"), warning))
        for each in answers:
            if each.failure is None:
                out.print(Text(f"{each.source}: {each.told()}"))
        _show(mistakes, summary)
    if mistakes:
        raise typer.Exit(Exit.PROBLEMS)


def _summary(policies: PolicySet) -> str:
    entries, rules = len(policies.dictionary.entries), len(policies.rules)
    return f"{entries} dictionary entries, {rules} rules, revision {policies.revision}"


def _odd(policies: PolicySet, file: str) -> list[str]:
    """Return what is odd about the rules, which may be meant."""
    from policies.review import review

    return [f"{file}:{found.line}: `{found.rule}`: {found.message}" for found in review(policies)]


def _fields(mistake: Problem | str) -> dict[str, object]:
    """Return a mistake for programs."""
    from dataclasses import asdict

    return {"message": mistake} if isinstance(mistake, str) else asdict(mistake)


def _show(mistakes: Sequence[Problem | str], summary: str) -> None:
    """Print each mistake, or that all is well."""
    from rich.text import Text

    if not mistakes:
        out.print(Text.assemble(("all is well", "bold green"), f": {summary}"))
        return
    for mistake in mistakes:
        if isinstance(mistake, str):
            err.print(Text(mistake))
            continue
        place = f"{mistake.file}:{mistake.line}:{mistake.column}"
        err.print(Text.assemble((place, "bold"), ": ", (mistake.message, "red")))
        if mistake.hint:
            err.print(Text(f"    {mistake.hint}", "dim"))
    count = len(mistakes)
    fail([f"{count} mistake{'s' if count > 1 else ''}"])
