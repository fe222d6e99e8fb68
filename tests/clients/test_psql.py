"""psql through Louver: scripts, and a person at a terminal."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pexpect
import pytest
from fixtures.waiting import until_runs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def script(shop: Any, person: Any) -> Any:
    """Give a function that runs a psql script for each of the two and returns all it prints, or for somebody by name."""

    def run(text: str, dsn: str = person.dsn, *options: str) -> str:
        done = subprocess.run(
            [f"{shop.bin}/psql", "-X", "-A", "-t", *options, dsn],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=shop.environment,
            timeout=60,
            check=False,
        )
        return done.stdout

    return run


class Terminal:
    """psql on a terminal."""

    def __init__(self, shop: Any, dsn: str) -> None:
        command = ["-X", "--set=PROMPT1=shop%x%# ", "--set=PROMPT2=more> ", "-P", "pager=off", dsn]
        environment = {**shop.environment, "INPUTRC": "/dev/null"}
        self.child = pexpect.spawn(
            f"{shop.bin}/psql", command, env=environment, encoding="utf-8", timeout=60, dimensions=(50, 200)
        )
        self.child.delaybeforesend = None
        self.wait()

    def wait(self) -> str:
        """Wait for the prompt; what was printed before it."""
        self.child.expect(r"shop[*!?]?[#>] ")
        return str(self.child.before).replace("\r", "")

    def type(self, line: str) -> str:
        """Type a line; what it prints."""
        self.child.send(f"{line}\n")
        return self.wait()

    def end(self) -> None:
        """Leave by \\q."""
        self.child.sendline("\\q")
        self.child.expect(pexpect.EOF)
        self.child.close()
        assert self.child.exitstatus == 0


@pytest.fixture
def terminal(shop: Any, person: Any) -> Iterator[Terminal]:
    """A terminal of each of the two."""
    terminal = Terminal(shop, person.dsn)
    yield terminal
    terminal.end()


DESCRIPTIONS = r"""
\d
\d people
\d+ people
\d notes
\d directory
\d+ directory
\d people_pkey
\dt+ people
\dv
\di
\ds
\dn+
\df
\df+ twice
\dT+
\dC
\do =
\dp
\ddp
\du
\dg
\drds
\dx
\db
\dL
\dF
\dy
\dD
\l
\dconfig search_path
\sf twice
\sv directory
\z people
"""


def test_descriptions_are_those_of_the_database(script: Any, shop: Any) -> None:
    """Every command that describes prints through Louver what it prints direct, for the clerk, too."""
    assert script(DESCRIPTIONS) == script(DESCRIPTIONS, shop.direct)


def test_ways_of_sending(script: Any, person: Any) -> None:
    """Simple, extended, described, collected, executed and watched statements."""
    seen = person.phone(7)
    assert script("SELECT phone FROM people WHERE id = 7;") == f"{seen}\n"
    assert script(r"SELECT phone FROM people WHERE id = $1 \bind 7 \g") == f"{seen}\n"
    assert script(r"SELECT phone, salary FROM people \gdesc") == ("phone|character varying(20)\nsalary|numeric(10,2)\n")
    assert script("SELECT phone AS seen FROM people WHERE id = 7 \\gset\n\\echo :seen") == f"{seen}\n"
    assert script(r"SELECT format('SELECT phone FROM people WHERE id = %s', 7) \gexec") == f"{seen}\n"
    assert script(r"SELECT phone FROM people WHERE id = 7 \watch c=2 i=0.01").count(seen) == 2
    assert script(r"SELECT 'x' AS c, phone, 1 AS one FROM people WHERE id = 7 \crosstabview") == "x|1\n"
    assert script("\\set FETCH_COUNT 10\nSELECT phone FROM people ORDER BY id;").splitlines() == [
        person.phone(number) for number in range(1, 501)
    ]
    assert script("SELECT 1\\; SELECT phone FROM people WHERE id = 7;") == f"1\n{seen}\n"
    assert script("TABLE people LIMIT 1;").split("|")[2] == person.phone(1)


def test_copy(script: Any, person: Any, tmp_path: Any) -> None:
    r"""\copy to a file, from a file, and from the lines that follow; a bad line is an error."""
    out, back = tmp_path / "out", tmp_path / "in"
    assert script(rf"\copy (SELECT id, phone FROM people WHERE id < 9) TO '{out}' (FORMAT csv)") == "COPY 8\n"
    assert out.read_text().splitlines()[6] == f"7,{person.phone(7)}"
    body = f"psql of {person.name}"
    back.write_text(f"7\t{body}\n" * 2)
    assert script(rf"\copy notes (person, body) FROM '{back}'") == "COPY 2\n"
    assert script(f"COPY notes (person, body) FROM STDIN;\n8\t{body}\n\\.\n") == "COPY 1\n"
    broken = script("COPY notes (person, body) FROM STDIN;\nx\tbroken\n\\.\nSELECT 'goes on';")
    assert 'invalid input syntax for type integer: "x"' in broken
    assert broken.endswith("goes on\n")
    assert script(f"DELETE FROM notes WHERE body = '{body}';") == "DELETE 3\n"


def test_errors(script: Any, shop: Any) -> None:
    """Errors come with their position and fields, as they do direct."""
    text = "\\set VERBOSITY verbose\nSELECT nothing FROM notes;\nSELECT 1/0;\n\\errverbose\n"
    assert script(text) == script(text, shop.direct)


def test_batches(script: Any, person: Any, shop: Any) -> None:
    """-c with several statements, --single-transaction with an error, ON_ERROR_STOP and ON_ERROR_ROLLBACK."""
    assert script("", person.dsn, "-c", "SELECT 1; SELECT phone FROM people WHERE id = 7") == f"1\n{person.phone(7)}\n"
    failing = "CREATE TABLE never (id int);\nSELECT 1/0;\nSELECT 'unreached';\n"
    for options in (("-1",), ("-1", "-v", "ON_ERROR_STOP=1")):
        assert "unreached" not in script(failing, person.dsn, *options)
        assert script("SELECT to_regclass('never');") == "\n"
    rolled = "\\set ON_ERROR_ROLLBACK on\nBEGIN;\nSELECT 1/0;\nSELECT phone FROM people WHERE id = 7;\nCOMMIT;\n"
    assert person.phone(7) in script(rolled)
    assert script("\\conninfo").startswith(f'You are connected to database "boutique" as user "{person.name}"')


def test_a_refusal_points_at_the_place(shop: Any, script: Any) -> None:
    """A refusal is printed like an error of the server: message, the line with its mark, hint."""
    heard = script("SELECT lo_get(1);\nSELECT 'goes on';\n", shop.clerk.dsn)
    assert heard.splitlines()[:3] == [
        "ERROR:  function lo_get() is not allowed",
        "LINE 1: SELECT lo_get(1);",
        "               ^",
    ]
    assert "HINT:" in heard
    assert heard.endswith("goes on\n")


def test_a_person_at_the_terminal(terminal: Terminal, person: Any) -> None:
    """Lines are typed, transactions show in the prompt, completion finds tables and columns."""
    assert person.phone(7) in terminal.type("SELECT phone FROM people WHERE id = 7;")
    terminal.type("BEGIN;")
    terminal.type("SELECT 1/0;")
    assert terminal.child.after.startswith("shop!")
    terminal.type("ROLLBACK;")
    terminal.child.send("SELECT count(*) FROM peo\t")
    terminal.child.expect("people ")
    terminal.child.send("WHERE pho\t")
    terminal.child.expect("phone ")
    assert "500" in terminal.type("IS NOT NULL;")
    assert "people_pkey" in terminal.type("\\d people")


def test_interrupt(shop: Any, terminal: Terminal, person: Any) -> None:
    """Ctrl-C cancels the running statement and nothing else."""
    terminal.child.send("SELECT pg_sleep(61), count(*) FROM people;\n")
    terminal.child.expect("people;")
    until_runs(shop.direct, "pg_sleep(61)")
    terminal.child.sendintr()
    assert re.search("canceling statement due to user request", terminal.wait())
    assert person.phone(7) in terminal.type("SELECT phone FROM people WHERE id = 7;")


def test_a_connection_that_is_lost(shop: Any) -> None:
    """When the server ends the session psql says so, and connects again through Louver."""
    terminal = Terminal(shop, shop.owner.dsn)
    heard = terminal.type("SELECT pg_terminate_backend(pg_backend_pid());")
    assert "terminating connection due to administrator command" in heard
    assert "The connection to the server was lost. Attempting reset: Succeeded." in heard
    assert "13800000007" in terminal.type("SELECT phone FROM people WHERE id = 7;")
    terminal.end()
