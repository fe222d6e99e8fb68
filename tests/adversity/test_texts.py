"""What the audit says of the texts of statements, through the wire: their shape, at which proxy they were asked, and what was sealed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from fixtures.mysql_house import mysql_house_of
from fixtures.waiting import recorded
from typer.testing import CliRunner

from louver.commands.audit import audit_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.louver import RunningLouver

    from louver.demo.mysql import LocalMySQL


@pytest.fixture(scope="module")
def texts(louver_factory: Callable[..., RunningLouver], stage: Any) -> Iterator[RunningLouver]:
    """A proxy with a name, before PostgreSQL."""
    with louver_factory(users={"bob": {"role": "boss"}}, policies=stage.policies, name="branch 7") as louver:
        yield louver


class Auditor:
    """Who has the private key; `settings` are those of a proxy that seals for him, `other` is a key of somebody else."""

    def __init__(self, directory: Path) -> None:
        self.key, self.other = directory / "auditor.pem", directory / "other.pem"
        public = directory / "public.pem"
        for path in (self.key, self.other):
            made = CliRunner().invoke(audit_app, ["key", "--for", "texts", str(path)])
            assert made.exit_code == 0, made.output
            if path == self.key:
                public.write_text(made.stdout)
        self.settings = {"statement_text": "encrypted", "text_key": str(public)}


@pytest.fixture(scope="module")
def auditor(tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    """An auditor with a key."""
    return Auditor(tmp_path_factory.mktemp("auditor"))


def search(louver: RunningLouver, *arguments: str) -> list[str]:
    """The lines that a search prints."""
    found = CliRunner().invoke(audit_app, ["search", "--directory", str(louver.audit_directory), *arguments])
    assert found.exit_code == 0, found.output
    return found.stdout.splitlines()


def fingerprints(louver: RunningLouver, kinds: list[str]) -> list[str]:
    """The fingerprints of the statements of a kind, in their order."""
    return [each["fingerprint"] for each in recorded(louver, "statement", lambda each: each["kinds"] == kinds)]


def test_statements_of_a_shape_have_one_fingerprint(texts: RunningLouver, stage: Any) -> None:
    """Simple and prepared, whatever their values; a search finds them by it, and counts by it."""
    with psycopg.connect(texts.dsn("bob", database=stage.database), autocommit=True) as client:
        client.execute("select id from people where id in (1, 2)")
        client.execute("SELECT id FROM people -- of today\nWHERE id IN (%s)", [3])
        client.execute("select id from people where id > 1")
    one, again, other = fingerprints(texts, ["SelectStmt"])
    assert one == again
    assert one != other
    assert len(search(texts, "--fingerprint", one)) == 3  # with the heading
    assert f"{one}\t2" in "\n".join(search(texts, "--by", "fingerprint"))


def test_the_proxy_is_named_where_it_starts_and_in_each_session(texts: RunningLouver, stage: Any) -> None:
    """So that trails of several can be told apart."""
    with psycopg.connect(texts.dsn("bob", database=stage.database)):
        assert {each["proxy"] for each in recorded(texts, "session_opened")} == {"branch 7"}
    assert [each["proxy"] for each in recorded(texts, "started")] == ["branch 7"]


def test_double_quotes_hold_values_on_mysql(either: LocalMySQL) -> None:
    """They are neither kept nor part of the shape there, and `#` begins a comment."""
    with mysql_house_of(either) as house:
        with house.connect("tina") as client, client.cursor() as cursor:
            cursor.execute('SELECT id FROM customers WHERE name = "alice whispers" # bob listens\n')
            cursor.execute("select id FROM customers where name = 'O\"x' -- carol repeats")
            cursor.execute("select id FROM customers where phone = 'x'")
        one, again, other = fingerprints(house.louver, ["SELECT"])[-3:]
        assert one == again
        assert one != other
        trail = b"".join(path.read_bytes() for path in house.louver.audit_directory.glob("*.jsonl"))
        assert not any(word in trail for word in (b"whispers", b"listens", b"repeats"))


WHISPERED = "whispered by nobody"
NUMBER = 471108154711
"""Of twelve digits: four of them turn up among the digits of some hash, one run in seventy."""


def assert_sealed(louver: RunningLouver) -> None:
    """Nothing of the texts stands in the trail or the log."""
    files = [path.read_bytes() for path in louver.audit_directory.iterdir() if path.is_file()]
    assert any(b'"sealed"' in data for data in files)
    for data in (*files, louver.log.encode()):
        assert b"whispered" not in data
        assert str(NUMBER).encode() not in data


def read_by(louver: RunningLouver, key: Path, command: str = "search") -> tuple[list[dict[str, Any]], str]:
    """The statements that a command shows with a key, and what it says on standard error."""
    arguments = [command, "--directory", str(louver.audit_directory), "--text-key", str(key), "--format", "json"]
    found = CliRunner().invoke(audit_app, arguments)
    assert found.exit_code == 0, found.output
    entries = [json.loads(line) for line in found.stdout.splitlines()]
    return [entry for entry in entries if entry["event"] == "statement"], " ".join(found.stderr.split())


def test_the_auditor_alone_reads_texts_on_postgresql(
    louver_factory: Callable[..., RunningLouver], stage: Any, auditor: Auditor
) -> None:
    """What is rewritten, prepared, in a pipeline, refused or wrong: all of it is there for his key, and for no other."""
    users = {"bob": {"role": "boss"}, "tina": {"role": "teller"}}
    texts = [
        f"select phone from people where name = '{WHISPERED}' and id = {number}" for number in (NUMBER, 4712, NUMBER)
    ]
    wrong = [f"selec '{WHISPERED}'", f"select pg_read_file('{WHISPERED}')", f"select '{WHISPERED}'::int"]
    with louver_factory(users=users, policies=stage.policies, audit=auditor.settings) as louver:
        for user in users:
            with psycopg.connect(louver.dsn(user, database=stage.database), autocommit=True) as client:
                for text in texts:
                    client.execute(text)
                with client.pipeline():
                    client.execute(texts[0], prepare=True)
                for text in wrong:
                    with pytest.raises(psycopg.Error):
                        client.execute(text)
        recorded(louver, "session_closed", count=2)
        louver.stop()
        assert_sealed(louver)
        for command in ("search", "tail"):
            shown, said = read_by(louver, auditor.key, command)
            asked = [each["text"] for each in shown if WHISPERED in each["text"]]
            assert asked == 2 * [*texts, texts[0], *wrong]
            assert {each["scrubbed"] for each in shown if each["text"] in texts} == {
                "select phone from people where name = ? and id = ?"
            }
            assert said == ""
            shown, said = read_by(louver, auditor.other, command)
            assert WHISPERED not in json.dumps(shown)
            assert f"the texts of {len(shown)} statements stay sealed: it is sealed for key" in said
        verified = CliRunner().invoke(audit_app, ["verify", "--directory", str(louver.audit_directory)])
        assert verified.exit_code == 0, verified.output


def test_the_auditor_alone_reads_texts_on_mysql(either: LocalMySQL, auditor: Auditor) -> None:
    """Statements, prepared ones, and what is refused."""
    with mysql_house_of(either, audit=auditor.settings) as house:
        text = f'SELECT phone FROM customers WHERE name = "{WHISPERED}" AND id = {NUMBER}'
        with house.connect("tina") as client, client.cursor() as cursor:
            cursor.execute(text)
            cursor.execute(f"SET @q = '{WHISPERED}'")
            with pytest.raises(pymysql.MySQLError):
                cursor.execute(f"SELEC '{WHISPERED}'")
        recorded(house.louver, "session_closed")
        house.louver.stop()
        assert_sealed(house.louver)
        shown, said = read_by(house.louver, auditor.key)
        asked = [each["text"] for each in shown if WHISPERED in each["text"]]
        assert asked == [text, f"SET @q = '{WHISPERED}'", f"SELEC '{WHISPERED}'"]
        assert said == ""


def test_several_auditors_read_it(
    louver_factory: Callable[..., RunningLouver], stage: Any, auditor: Auditor, tmp_path: Path
) -> None:
    """Each by a key of his own, in searches and in SQL; nobody else."""
    other = Auditor(tmp_path)
    audit = {"statement_text": "encrypted", "text_key": [each.settings["text_key"] for each in (auditor, other)]}
    with louver_factory(users={"bob": {"role": "boss"}}, policies=stage.policies, audit=audit) as louver:
        with psycopg.connect(louver.dsn("bob", database=stage.database), autocommit=True) as client:
            client.execute(f"select phone from people where name = '{WHISPERED}'")
        recorded(louver, "session_closed")
        louver.stop()
    assert_sealed(louver)
    where = ["--directory", str(louver.audit_directory)]
    query = "SELECT statement, sealed, session FROM statements WHERE len(columns) > 0"
    for key in (auditor.key, other.key):
        shown, said = read_by(louver, key)
        assert ([each["text"] for each in shown if WHISPERED in each["text"]] != [], said) == (True, "")
        asked = CliRunner().invoke(audit_app, ["sql", query, *where, "--text-key", str(key), "--format", "json"])
        assert [json.loads(line)["sealed"] for line in asked.stdout.splitlines()] == [
            f"select phone from people where name = '{WHISPERED}'"
        ], asked.output
    asked = CliRunner().invoke(audit_app, ["sql", query, *where, "--text-key", str(other.other), "--format", "json"])
    assert WHISPERED not in asked.stdout
    assert "the text of 1 statement stays sealed: it is sealed for key" in " ".join(asked.stderr.split())
    for bad, said in (
        (["SELECT sealed FROM statements"], "select all three"),
        ([query, "--format", "parquet", "--output", str(tmp_path / "x.parquet")], "not in a Parquet file"),
    ):
        asked = CliRunner().invoke(audit_app, ["sql", *bad, *where, "--text-key", str(auditor.key)])
        assert (asked.exit_code, said in " ".join(asked.stderr.split())) == (2, True)


def test_a_key_is_named_once(auditor: Auditor, louver_factory: Callable[..., RunningLouver], stage: Any) -> None:
    """One that is named twice is a mistake of the settings."""
    twice = {"statement_text": "encrypted", "text_key": [auditor.settings["text_key"]] * 2}
    with (
        pytest.raises(AssertionError, match="has already: name each auditor's once"),
        louver_factory(users={"bob": {}}, policies=stage.policies, audit=twice),
    ):
        pass


def test_what_a_search_says_of_keys(texts: RunningLouver, auditor: Auditor, tmp_path: Path) -> None:
    """A file that is no key, a public half, and what cannot be shown together, each in words."""
    where = ["--directory", str(texts.audit_directory)]
    for more, said in (
        (["--text-key", str(tmp_path / "none.pem")], "is not a private key in PEM"),
        (["--text-key", str(auditor.settings["text_key"])], "is not a private key in PEM"),
        (["--text-key", str(auditor.key), "--by", "user"], "--text-key shows statements"),
    ):
        found = CliRunner().invoke(audit_app, ["search", *where, *more])
        assert found.exit_code == 2
        assert said in " ".join(found.stderr.split())
    made = CliRunner().invoke(audit_app, ["key", "--for", "texts", str(auditor.key)])
    assert made.exit_code == 2
    assert "cannot be made" in made.stderr
