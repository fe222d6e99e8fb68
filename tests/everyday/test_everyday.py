"""What people and their tools send every day works, with the right answers, for callers from whom columns are hidden."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from noninterference.wire import SYNC, Answer, Wire, bind, describe, execute, parse, query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.bank_worlds import BankWorlds

FOLDER = Path(__file__).parent
CALLERS = ("analyst", "manager")
"""Masks of every kind, and rows clear by a condition; nothing is denied to them."""
_RECORD, _FIRST_USER_OID = 2249, 16384


def _cases(against: str) -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in [loaded] if isinstance(loaded, dict) else loaded:
            if group["against"] == against:
                found += [pytest.param(_case(each), id=f"{group['tool']}: {each}"[:90]) for each in group["statements"]]
    return found


def _case(each: str | dict[str, Any]) -> dict[str, Any]:
    return {"sql": each} if isinstance(each, str) else each


@pytest.fixture(scope="module")
def worlds(bank_worlds: BankWorlds) -> Iterator[BankWorlds]:
    """The bank, with what these statements have left in the sessions gone afterwards."""
    yield bank_worlds
    bank_worlds.close()


def steps(case: dict[str, Any]) -> list[list[bytes]]:
    """The messages of a case; those of several steps in a transaction that is rolled back."""
    if "values" in case:
        values = tuple(str(value).encode() for value in case["values"])
        return [[parse(case["sql"]), bind(values=values), describe("P"), execute(), SYNC]]
    if "steps" in case:
        return [
            [query("BEGIN")],
            *([query(text)] for text in case["steps"]),
            [query("ROLLBACK")],
            [query("DEALLOCATE ALL")],
        ]
    return [[query(case["sql"])]]


def tell(wire: Wire, case: dict[str, Any]) -> list[Answer]:
    """What a world answers."""
    return [wire.ask(*step) for step in steps(case)]


def shown(answers: list[Answer], *, types: bool = True) -> list[Any]:
    """What counts of answers: errors, columns, tags, rows in any order (they are checked sorted where SQL sorts them)."""
    found = []
    for answer in answers:
        columns = [(name, _RECORD if types and kind >= _FIRST_USER_OID else kind) for name, kind in answer.columns]
        found.append((answer.sqlstates, columns, answer.tags, sorted(answer.rows, key=repr)))
    return found


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("case", _cases("masked"))
def test_statements_answer_as_in_the_masked_world(worlds: BankWorlds, case: dict[str, Any], caller: str) -> None:
    """The answer is that of the database which holds what the caller may see, rows, columns, types, tags and errors."""
    mine, world = (tell(worlds.wire(which, caller), case) for which in "am")
    assert shown(mine) == shown(world)
    expected = case.get("fails")
    assert [s for answer in world for s in answer.sqlstates if s != "42703" or expected] == (
        [expected] if expected else []
    )


@pytest.mark.parametrize("case", _cases("catalog"))
def test_questions_to_the_catalogs_answer_as_direct(worlds: BankWorlds, case: dict[str, Any]) -> None:
    """What tools ask the catalogs is answered as without Louver."""
    mine, direct = (tell(worlds.wire(which, "analyst"), case) for which in "ar")
    assert shown(mine) == shown(direct)
    assert not any(answer.sqlstates for answer in direct)


@pytest.mark.parametrize("case", _cases("psql"))
def test_psql_commands_print_what_they_print(worlds: BankWorlds, case: dict[str, Any]) -> None:
    """psql's commands print through Louver what they print direct; those that read rows, what the masked world holds."""
    reads = any(word in case["sql"] for word in ("SELECT", "copy"))
    printed = [_psql(worlds, worlds.dsn(which, "analyst"), case["sql"]) for which in ("am" if reads else "ar")]
    assert printed[0] == printed[1]


def _psql(worlds: BankWorlds, dsn: str, command: str) -> str:
    done = subprocess.run(
        [worlds.server.bin / "psql", "-X", "-A", dsn],
        input=command + "\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    # the connection itself differs, and nothing else
    return "\n".join(line for line in done.stdout.splitlines() if "You are connected" not in line)


@pytest.mark.parametrize(
    "options", [("--schema-only",), ("--data-only", "-t", "notes"), ("-t", "branches", "--inserts")]
)
def test_pg_dump_of_definitions_and_open_tables(worlds: BankWorlds, options: tuple[str, ...]) -> None:
    """pg_dump writes what it writes direct; it is told to leave subscriptions out, for they hold passwords."""
    dumps = [
        subprocess.run(
            [worlds.server.bin / "pg_dump", "--no-subscriptions", "--no-sync", *options, worlds.dsn(which, "analyst")],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for which in "ar"
    ]
    # the key of psql's restricted mode is made up anew each time
    mine, direct = (re.sub(r"(?m)^(\\(?:un)?restrict) .*$", r"\1", dump) for dump in dumps)
    assert mine == direct
    assert len(mine) > 500


@pytest.mark.parametrize("before", ["SET search_path = public", "CREATE TABLE made_before (id int)", "SELECT 1"])
@pytest.mark.parametrize("begin", ["BEGIN", "START TRANSACTION READ ONLY"])
def test_set_transaction_comes_before_any_query(worlds: BankWorlds, before: str, begin: str) -> None:
    """Louver's own look-ups are no query of the client's transaction: its isolation can still be set."""
    wire = worlds.wire("a", "analyst")
    after = ["ROLLBACK", "DROP TABLE IF EXISTS made_before"]
    answers = [wire.query(text) for text in (before, begin, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", *after)]
    assert [state for answer in answers for state in answer.sqlstates] == []


def test_there_are_enough_of_them() -> None:
    """At least three hundred statements are tried."""
    assert sum(len(_cases(against)) for against in ("masked", "catalog", "psql")) >= 300
