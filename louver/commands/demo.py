"""`louver demo`: a bank behind Louver, four people, the same query."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from louver.console import Exit, fail, out

if TYPE_CHECKING:
    from types import FrameType

    from louver.demo.annex import Annex
    from louver.demo.bank import Bank
    from louver.demo.stage import Stage
    from louver.demo.tour import Answer, Scene

_WIDTH = 120  # characters for tables when the output is no terminal


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the tour.")] = False,
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="Where Louver listens; 0 is any.")] = 0,
) -> None:
    """Start a bank's database and Louver in front of it, show a tour, then stay for you to try.

    PostgreSQL comes from a Python package, runs on loopback without rights, and is gone at the end. Where a
    MySQL or MariaDB server is installed, the same bank is shown on a throw-away one of it, too.
    The tour checks itself: exit code 1 means that somebody saw what they should not have, or did not see
    what they should have.
    """
    import pymysql

    from louver.demo.host import ServerUnavailable
    from louver.demo.stage import StageError, open_stage

    signal.signal(signal.SIGTERM, _end)
    began = time.monotonic()
    out.print("Starting a PostgreSQL with a small bank in it, and Louver in front of it ...")
    try:
        with contextlib.ExitStack() as stack:
            stage = stack.enter_context(open_stage(port))
            out.print(f"Ready after {time.monotonic() - began:.1f} s.")
            faults = _tour(stage)
            annex = _open_annex(stack, stage.bank)
            if annex is not None:
                faults += _tour_of(annex, stage.bank)
            if faults:
                fail(faults)
            out.print("\nThe tour's answers are all as they should be.")
            if not once:
                _stay(stage, annex)
    except (ServerUnavailable, StageError, pymysql.MySQLError) as error:
        fail([error])
    except KeyboardInterrupt:
        out.print("\nGone, with everything that was made.")


def _end(_number: int, _frame: FrameType | None) -> None:
    """Leave by the same way as Ctrl-C, so that what was started is stopped."""
    raise KeyboardInterrupt


def _tour(stage: Stage) -> list[str]:
    """Show every scene; return what was wrong."""
    from louver.demo.tour import perform, scenes

    faults: list[str] = []
    width = min(out.width, 160) - 4 if out.is_terminal else _WIDTH
    for number, scene in enumerate(scenes(stage.bank), 1):
        _announce(number, scene)
        for answer in perform(stage, scene, width=width, colours=out.is_terminal):
            _show(answer, scene)
            faults += answer.faults
    return faults


def _open_annex(stack: contextlib.ExitStack, bank: Bank) -> Annex | None:
    """Start the same bank on a MySQL or MariaDB of this machine, or say how to get one."""
    from louver.demo.annex import installed, open_annex

    server = installed()
    if server is None:
        out.print("\nWith a MySQL or MariaDB on this machine the demo shows the same there: apt install mariadb-server")
        return None
    return stack.enter_context(open_annex(bank, *server))


def _tour_of(annex: Annex, bank: Bank) -> list[str]:
    """Show the annex's scene; return what was wrong."""
    from louver.demo.annex import perform, scene
    from louver.demo.tour import scenes

    shown = scene(bank, annex)
    _announce(len(scenes(bank)) + 1, shown)
    faults: list[str] = []
    for answer in perform(annex, shown):
        _show(answer, shown)
        faults += answer.faults
    return faults


def _announce(number: int, scene: Scene) -> None:
    """Show a scene's title, what it is about and its statement."""
    from rich.markdown import Markdown
    from rich.padding import Padding
    from rich.rule import Rule
    from rich.syntax import Syntax

    out.print()
    if not out.is_terminal:
        out.print(f"== {number}. {scene.title}\n\n{scene.story}\n", markup=False)
        if scene.sql:
            out.print(scene.sql + "\n", markup=False)
        return
    out.print(Rule(f"[bold]{number}. {scene.title}[/bold]", style="yellow"), soft_wrap=False)
    out.print(Padding(Markdown(scene.story), (1, 2)), soft_wrap=False)
    if scene.sql:
        out.print(Padding(Syntax(scene.sql, "postgresql", background_color="default"), (0, 2, 1, 2)))


def _show(answer: Answer, scene: Scene) -> None:
    """Show one answer: a panel on a terminal, plain lines in a pipe."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.syntax import Syntax
    from rich.text import Text

    from louver.demo.tour import describe

    step = answer.step
    title = f"{answer.command} ({describe(step.user)})" if step.user else answer.command
    sql = "" if scene.sql else step.sql
    if not out.is_terminal:
        shown = [f"-- {title}", *([sql] if sql else []), answer.text, ""]
        out.print("\n".join(shown), markup=False, highlight=False)
        return
    style = "red" if answer.faults else "yellow" if not step.succeeds else "green" if step.user else "blue"
    body = Text.from_ansi(answer.text, overflow="fold")
    statement = [Syntax(sql, "postgresql", background_color="default", word_wrap=True)] if sql else []
    out.print(
        Panel(Group(*statement, body), title=Text(title), title_align="left", border_style=style), soft_wrap=False
    )


def _stay(stage: Stage, annex: Annex | None) -> None:
    """Print how to come in, and wait for Ctrl-C or for the proxy's end."""
    from louver.demo import supervise
    from louver.demo.configuration import PEOPLE

    psql = stage.postgres.bin / "psql"
    out.print("\nLouver is running. Try it yourself:\n", style="bold")
    for user in PEOPLE:
        out.print(f"  {psql} '{stage.url(user)}'", markup=False)
    if annex is not None:
        for user in PEOPLE:
            out.print(f"  {annex.command(user)}", markup=False)
    out.print(f"\n  louver audit tail -f --config {stage.config}", markup=False)
    out.print(f"  louver explain --config {stage.config} --as bi -d bank 'TABLE customers'", markup=False)
    out.print(f"\nThe policies are in {stage.directory / 'policies.yaml'}. Ctrl-C ends it all.", markup=False)
    sys.stdout.flush()
    while stage.process.poll() is None:
        time.sleep(0.2)
    fail([f"louver serve ended:\n{supervise.tail(stage.log)}"], Exit.PROBLEMS)
