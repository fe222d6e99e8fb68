"""The tour: the same statements for each person, what they must show and what they must hide.

Owns the scenes and the checking of the answers; a wrong answer is reported, never passed over. May not do: print.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from louver.demo.configuration import PEOPLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.bank import Bank, Row
    from louver.demo.stage import Stage

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the tour: a statement by `user` in psql, or `arguments` of louver.

    Every word of `shows` must be in what comes out, and none of `hides`, white space aside.
    """

    user: str = ""
    sql: str = ""
    arguments: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    succeeds: bool = True


@dataclass(frozen=True, slots=True)
class Scene:
    """Steps that tell one thing; `sql` is shown once when all steps run the same."""

    title: str
    story: str
    steps: tuple[Step, ...]
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came out of a step, and what is wrong with it (nothing, when all is well)."""

    step: Step
    command: str
    text: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Secrets:
    """The values of one customer and account that only some may see."""

    name: str
    phone: str
    id_card: str
    birth_date: str
    card_number: str
    balance: str

    @classmethod
    def of(cls, customer: Row, account: Row) -> _Secrets:
        """Take them from the rows."""
        picked = (customer[3], customer[4], customer[6], customer[7], account[2], account[4])
        return cls(*map(str, picked))

    def all(self) -> tuple[str, ...]:
        """Every value."""
        return (self.name, self.phone, self.id_card, self.birth_date, self.card_number, self.balance)


def scenes(bank: Bank) -> tuple[Scene, ...]:
    """Return the tour through this bank."""
    east = _Secrets.of(bank.customers[0], bank.accounts[0])
    salary = str(bank.employees[0][7])
    return (same_question(bank), _tricks(east, salary), _explanation(), _trail(east))


def same_question(bank: Bank) -> Scene:
    """Return the scene in which four people ask the same."""
    east, north = (_Secrets.of(bank.customers[i], bank.accounts[i]) for i in (0, 1))
    sql = (
        "SELECT c.region, c.name, c.phone, c.id_card, c.birth_date, a.card_number, a.balance\n"
        "FROM customers c JOIN accounts a ON a.customer_id = c.id\n"
        "WHERE a.id IN (1, 2) ORDER BY a.id"
    )
    hidden = (east.id_card, north.id_card, east.card_number, north.card_number)
    return Scene(
        "One question, four answers",
        "Two customers, one in the east, one in the north. The SQL is the same; the policy decides, column by column "
        "and row by row. The manager's region is the east.",
        (
            Step(
                "teller",
                sql,
                shows=(east.name, north.name, east.phone[:3] + "*", east.phone[-4:]),
                hides=(*hidden, east.phone, north.phone, east.birth_date, east.balance),
            ),
            Step(
                "manager",
                sql,
                shows=(east.name, east.phone, east.id_card, east.birth_date, east.balance, north.balance),
                hides=(north.name, north.phone, north.id_card, north.birth_date, east.card_number, north.card_number),
            ),
            Step("auditor", sql, shows=(*east.all(), *north.all())),
            Step(
                "bi",
                sql,
                shows=(east.birth_date[:4] + "-01-01",),
                hides=(*hidden, east.name, east.phone, north.name, north.phone, east.balance),
            ),
        ),
        sql,
    )


def _tricks(east: _Secrets, salary: str) -> Scene:
    return Scene(
        "Tricks",
        "The teller tries to get around the masks: a whole row as JSON, a search for a known number, SQL inside a "
        "string, a column that is denied.",
        (
            Step(
                "teller",
                "SELECT jsonb_pretty(to_jsonb(c)) AS customer FROM customers c WHERE c.id = 1",
                shows=(east.name, "phone"),
                hides=(east.phone, east.id_card, east.birth_date),
            ),
            Step(
                "teller",
                f"SELECT count(*) AS found FROM customers WHERE phone = '{east.phone}'",  # noqa: S608  our own bank
                shows=("found-------0",),
            ),
            Step(
                "teller",
                "SELECT query_to_xml('SELECT phone FROM customers', true, false, '')",
                shows=("ERROR",),
                hides=(east.phone,),
                succeeds=False,
            ),
            Step(
                "teller",
                "SELECT name, salary FROM employees WHERE id = 1",
                shows=("ERROR", "salary"),
                hides=(salary,),
                succeeds=False,
            ),
        ),
    )


def _explanation() -> Scene:
    return Scene(
        "Why?",
        "Anyone who runs Louver can ask what a person would get of a statement, by which rule, and what the database "
        "is sent in its place.",
        (
            Step(
                arguments=("explain", "--as", "teller", "-d", "bank", "SELECT name, phone FROM customers WHERE id = 1"),
                shows=("tellers recognise a phone number and a card",),
            ),
        ),
    )


def _trail(east: _Secrets) -> Scene:
    return Scene(
        "The trail",
        "Every statement left a record before it was sent, and another when it ended. The records are chained by "
        "their hashes, so that none can be changed or removed unseen.",
        (
            Step(
                arguments=("audit", "search", "--user", "teller", "--event", "statement", "--limit", "3"),
                shows=("teller", "customers"),
                hides=(east.phone,),
            ),
            Step(arguments=("audit", "verify")),
        ),
    )


def perform(stage: Stage, scene: Scene, *, width: int, colours: bool) -> Iterator[Answer]:
    """Run the steps of a scene one after the other; `width` in characters, for louver's own tables."""
    for step in scene.steps:
        if step.user:
            command = [str(stage.postgres.bin / "psql"), "-X", "-d", stage.url(step.user), "-c", step.sql]
            for option in ("pager=off", "footer=off", "expanded=auto", f"columns={width}"):
                command += ["-P", option]
            shown = f"psql as {step.user}"
        else:
            command = [sys.executable, "-m", "louver", *_with_config(stage, step.arguments)]
            shown = "louver " + " ".join(step.arguments)
        try:
            done = subprocess.run(  # noqa: S603  our own arguments, no shell
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                check=False,
                timeout=_SECONDS,
                env=_environment(width, colours=colours and not step.user),
            )
        except subprocess.TimeoutExpired:
            yield Answer(step, shown, "", (f"{shown}: no answer within {_SECONDS:.0f} s",))
            continue
        text = done.stdout.decode("utf-8", "replace").strip("\n")
        yield Answer(step, shown, text, tuple(faults(step, text, done.returncode)))


def _with_config(stage: Stage, arguments: tuple[str, ...]) -> list[str]:
    """Put the stage's settings file behind the command's name (two words for `audit ...`)."""
    split = 2 if arguments[0] == "audit" else 1
    return [*arguments[:split], "--config", str(stage.config), *arguments[split:]]


def _environment(width: int, *, colours: bool) -> dict[str, str]:
    """Return an environment without settings of the visitor's own that would change what psql does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PSQL"))}
    kept |= {"PGCLIENTENCODING": "UTF8", "COLUMNS": str(width), "PYTHONIOENCODING": "utf-8"}
    return kept | ({"FORCE_COLOR": "1", "TTY_INTERACTIVE": "0"} if colours else {"NO_COLOR": "1"})


def faults(step: Step, text: str, status: int) -> Iterator[str]:
    """Compare what came out with what should."""
    who = step.user or "louver"
    if (status == 0) is not step.succeeds:
        yield f"{who}: the command {'failed' if step.succeeds else 'should have failed'} (status {status})"
    seen = _bare(text)
    for word in step.shows:
        if _bare(word) not in seen:
            yield f"{who}: `{word}` should be shown"
    for word in step.hides:
        if _bare(word) in seen:
            yield f"{who}: `{word}` should be hidden, and was shown"


def _bare(text: str) -> str:
    """Return the text without colours and white space, for a table may break a value over two lines."""
    return "".join(_COLOUR.sub("", text).split())


def describe(user: str) -> str:
    """Say who a person is, in a few words."""
    return ", ".join(f"{key}: {value}" for key, value in PEOPLE[user].items())
