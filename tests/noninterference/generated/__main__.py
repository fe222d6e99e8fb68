"""`python -m noninterference.generated` (with tests/ on the path): the long run of `make fuzz`.

Owns the servers, the terminal and the exit code: 1 when a statement differs.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
from pathlib import Path

from fixtures.louver import running_louver
from noninterference.generated import long
from noninterference.generated.check import Caller
from noninterference.generated.worlds import CALLERS, DATABASE, make_worlds, policies, users
from noninterference.wire import Wire
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from louver.demo.postgres import LocalPostgres
from louver.secret import load_secret

console = Console(soft_wrap=True)


def main() -> int:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--number", type=int, default=2000, help="how many statements, those of an earlier run included")
    parser.add_argument("--seed", type=int, help="which statements (default: others each time)")
    parser.add_argument("--build", type=Path, default=Path("build/fuzz"), help="where states and differences are kept")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    options.build.mkdir(parents=True, exist_ok=True)
    path = options.build / f"{seed}.json"
    state = long.State.load(path, seed)
    if state.done >= options.number:
        state = long.State(seed)
    if state.done:
        console.print(f"going on after {state.done} statements of seed {seed}")
    with contextlib.ExitStack() as stack:
        callers = _callers(stack)
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
        for _ in long.run(state, options.number, callers, path):
            progress.update(task, completed=state.done, description=f"seed {seed}, {state.counts['differs']} differ")
    _tell(state)
    return 1 if state.differences else 0


def _callers(stack: contextlib.ExitStack) -> dict[str, Caller]:
    """Start the server with all worlds, and Louver before it."""
    server = stack.enter_context(LocalPostgres.start(settings={"statement_timeout": "2s", "max_connections": "60"}))
    louver = stack.enter_context(running_louver(server, policies=policies(), users=users()))
    make_worlds(server, load_secret(louver.directory / "secret"))

    def open_wire(world: str, name: str) -> Wire:
        if world == "m":
            return Wire(server.dsn(f"bank_m_{name}"))
        return Wire(louver.dsn(name, database=DATABASE if world == "a" else f"bank_b_{name}"))

    callers = {name: Caller(name, open_wire) for name in CALLERS}
    for caller in callers.values():
        stack.callback(caller.close)
    return callers


def _tell(state: long.State) -> None:
    for said, (count, statement) in sorted(state.refusals.items(), key=lambda item: -int(item[1][0])):
        console.print(f"refused {count} times: {said}\n    {statement}", markup=False)
    for difference in state.differences:
        lines = [f"DIFFERS {difference['number']} as {difference['caller']}:", difference["statement"], difference["said"]]
        console.print("\n".join(lines), markup=False)
    console.print(state.last_line, markup=False)


sys.exit(main())
