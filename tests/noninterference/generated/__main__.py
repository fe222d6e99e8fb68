"""`python -m noninterference.generated` (with tests/ on the path): the long run of `make fuzz`.

Owns the servers, the terminal and the exit code: 1 when a statement differs.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from brought.__main__ import PLACE
from fixtures.louver import running_louver
from noninterference.generated import long, smith
from noninterference.generated.check import make_callers
from noninterference.generated.mysql.statements import draw as draw_mysql
from noninterference.generated.mysql.worlds import worlds as mysql_worlds
from noninterference.generated.statements import draw as draw_postgres
from noninterference.generated.worlds import DATABASE, SETTINGS, make_worlds, policies, users
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from louver.demo.mysql import TITLES, Flavour, find
from louver.demo.postgres import LocalPostgres
from louver.secret import load_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

console = Console(soft_wrap=True)


SOURCES = ("generator", "sqlsmith", "mysql", "mysql-prepared", "mariadb", "mariadb-prepared")
"""Where statements come from: our grammar or sqlsmith for PostgreSQL, our grammar for the others, by texts or prepared."""


def main() -> int:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--number", type=int, default=2000, help="how many statements, those of an earlier run included"
    )
    parser.add_argument("--seed", type=int, help="which statements (default: others each time)")
    parser.add_argument("--build", type=Path, default=Path("build/fuzz"), help="where states and differences are kept")
    parser.add_argument(
        "--source", choices=SOURCES, default="generator", help="who makes the statements, and for which server"
    )
    options = parser.parse_args()
    if options.source == "sqlsmith" and not smith.installed():
        parser.error(smith.MISSING)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    options.build.mkdir(parents=True, exist_ok=True)
    path = options.build / f"{options.source}-{seed}.json"
    state = long.State.load(path, seed)
    if state.done >= options.number:
        state = long.State(seed)
    if state.done:
        console.print(f"going on after {state.done} statements of seed {seed}")
    with contextlib.ExitStack() as stack:
        draw, statements, callers = _source(options.source, stack, seed, state.done)
        progress = stack.enter_context(
            Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=console,
                disable=not console.is_terminal,
            )
        )
        task = progress.add_task(f"seed {seed}", total=options.number, completed=state.done)
        for _ in long.run(state, options.number, statements, draw, callers, path):
            progress.update(task, completed=state.done, description=f"seed {seed}, {state.counts['differs']} differ")
    _tell(state)
    return 1 if state.differences else 0


def _source(
    name: str, stack: contextlib.ExitStack, seed: int, done: int
) -> tuple[long.Draw, Iterator[long.Drawn], Mapping[str, long.Caller]]:
    """Start a server with all worlds and Louver before it; (what makes statements, those of the seed, the callers)."""
    flavour, _, way = name.partition("-")
    if flavour in TITLES:
        return _mysql(flavour, stack, seed, done, prepared=way == "prepared")
    server = stack.enter_context(LocalPostgres.start(settings=SETTINGS))
    louver = stack.enter_context(running_louver(server, policies=policies(), users=users()))
    make_worlds(server, load_secret(louver.directory / "secret"))
    callers = make_callers(server, louver)
    for caller in callers.values():
        stack.callback(caller.close)
    statements = long.generated(draw_postgres, seed, done)
    if name == "sqlsmith":
        made = stack.enter_context(contextlib.closing(smith.statements(server, DATABASE, seed)))
        statements = ((statement, ()) for statement in itertools.islice(made, done, None))
    return draw_postgres, statements, callers


def _mysql(
    flavour: Flavour, stack: contextlib.ExitStack, seed: int, done: int, *, prepared: bool
) -> tuple[long.Draw, Iterator[long.Drawn], Mapping[str, long.Caller]]:
    program = find(flavour, PLACE)
    if program is None:
        sys.exit(f"no {TITLES[flavour]} server found; `make servers` fetches one")
    draw: long.Draw = functools.partial(draw_mysql, flavour=flavour, prepared=prepared)
    caller = stack.enter_context(mysql_worlds(flavour, program))
    return draw, long.generated(draw, seed, done), {caller.name: caller}


def _tell(state: long.State) -> None:
    for said, (count, statement) in sorted(state.refusals.items(), key=lambda item: -int(item[1][0])):
        console.print(f"refused {count} times: {said}\n    {statement}", markup=False)
    for difference in state.differences:
        lines = [
            f"DIFFERS {difference['number']} as {difference['caller']}:",
            difference["statement"],
            difference["said"],
        ]
        console.print("\n".join(lines), markup=False)
    console.print(state.last_line, markup=False)


sys.exit(main())
