"""`louver discover` as a person and a CI job run it, on a PostgreSQL, a MySQL and a MariaDB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
import yaml
from fixtures.louver import running_louver

from louver.discovery.bounds import Bounds
from louver.discovery.look import look
from louver.discovery.target import from_url
from policies.discovery.standards import load_pack

if TYPE_CHECKING:
    from collections.abc import Callable

    from louver.demo.mysql import LocalMySQL
    from louver.demo.postgres import LocalPostgres

PEOPLE = [
    (n, f"138{n:08}", f"person{n}@example.com", f"note {n}: please ring 139{n:08} before noon, thanks")
    for n in range(1, 41)
]
NAMES = 'CREATE TABLE "客户 信息" ("手机号码" varchar(20), "We""ird.Näme*" varchar(40), "ID" int PRIMARY KEY)'
TABLES = """
CREATE TABLE people (id int PRIMARY KEY, phone varchar(20), email varchar(40), c7 text, seen timestamp);
CREATE VIEW callable AS SELECT phone FROM people;
CREATE TABLE products (id int PRIMARY KEY, title varchar(40), price numeric(8,2));
"""


def discover(*arguments: object, url: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command; the URL goes by the environment, as the help says."""
    return subprocess.run(
        [sys.executable, "-m", "louver", "discover", *map(str, arguments)],
        env={**os.environ, "LOUVER_DISCOVER_URL": url, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=cwd,
    )


@pytest.fixture
def bank(postgres: LocalPostgres, request: pytest.FixtureRequest) -> str:
    """Give the URL of a database with people in it."""
    name = f"d_{abs(hash(request.node.name)) % 10**9}"
    dsn = postgres.create_database(name)
    postgres.run_sql(TABLES + NAMES, name)
    with psycopg.connect(dsn, autocommit=True) as owner, owner.cursor() as cursor:
        cursor.executemany("INSERT INTO people VALUES (%s, %s, %s, %s, now())", PEOPLE)
        cursor.executemany('INSERT INTO "客户 信息" VALUES (%s, %s, %s)', [(p[1], "x", p[0]) for p in PEOPLE])
    return dsn


def statuses(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The status of each column, from plain output."""
    return {line.split("\t")[1]: line.split("\t")[0] for line in done.stdout.splitlines()}


def test_a_first_look_shows_what_is_sensitive_and_writes_nothing(bank: str, tmp_path: Path) -> None:
    """Phones, e-mail addresses and prose with numbers inside, in names of every script; no view, no product."""
    done = discover("--format", "plain", url=bank, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    database = bank.rpartition("/")[2]
    assert set(statuses(done)) == {
        f"{database}.public.{c}" for c in ("people.phone", "people.email", "people.c7", "客户 信息.手机号码")
    }
    assert "nothing is written" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_value_comes_out_in_any_format(bank: str, tmp_path: Path) -> None:
    """Neither in the file nor on the terminal, whichever the format."""
    told = ""
    for form in ("text", "plain", "json"):
        done = discover("--format", form, "--all", "--dictionary", tmp_path / "columns.yaml", url=bank)
        assert done.returncode == 0, done.stderr
        told += done.stdout + done.stderr
    told += (tmp_path / "columns.yaml").read_text(encoding="utf-8")
    assert "phone" in told
    for _, phone, email, note in PEOPLE:
        assert phone not in told
        assert email not in told
        assert note[9:] not in told


def test_a_file_is_kept_up_to_date_and_a_review_is_kept(bank: str, tmp_path: Path) -> None:
    """First written, then the same, then with what is new, gone and changed; what a person wrote stays."""
    path = tmp_path / "columns.yaml"
    assert discover("-D", path, "--check", url=bank).returncode == 3
    assert not path.exists()
    assert discover("-D", path, url=bank).returncode == 0
    assert discover("-D", path, "--check", url=bank).returncode == 0
    text = path.read_text(encoding="utf-8")
    reviewed = text.replace("state: proposed", "state: accepted\n    by: ada # yes", 1)
    path.write_text(reviewed, encoding="utf-8")
    with psycopg.connect(bank, autocommit=True) as owner:
        owner.execute("ALTER TABLE people ADD mobile_phone text, DROP email CASCADE, ALTER c7 TYPE varchar(200)")
    done = discover("-D", path, "--check", "-f", "plain", url=bank)
    assert done.returncode == 3
    found = {name.rpartition(".")[2]: status for name, status in statuses(done).items()}
    assert found == {"phone": "same", "email": "gone", "c7": "changed", "mobile_phone": "new", "手机号码": "same"}
    assert path.read_text(encoding="utf-8") == reviewed
    assert discover("-D", path, url=bank).returncode == 0
    after = path.read_text(encoding="utf-8")
    assert "by: ada # yes" in after
    assert "type: character varying(200)" in after
    entries = yaml.safe_load(after)["dictionary"]
    assert [e["column"].rpartition(".")[2] for e in entries] == [
        e["column"].rpartition(".")[2] for e in yaml.safe_load(text)["dictionary"]
    ] + ["mobile_phone"]


def test_the_report_for_programs_has_everything(bank: str, tmp_path: Path) -> None:
    """Tables with the rows that were read, columns with category, level, class and evidence."""
    done = discover("-f", "json", "-p", "jrt-0171", "-p", "gdpr", url=bank)
    report = json.loads(done.stdout)
    assert {t["table"]: t["rows_read"] for t in report["tables"]} == {"people": 40, "products": 0, "客户 信息": 40}
    (phone,) = [c for c in report["columns"] if c["name"][3] == "phone"]
    assert (phone["status"], phone["category"], phone["level"], phone["class"]) == (
        "new",
        "phone",
        3,
        "JR/T 0171-2020 C2 (clause 4)",
    )
    assert any("Chinese mobile numbers" in each for each in phone["evidence"])
    assert report["counts"]["new"] == 4


@pytest.mark.parametrize(
    ("arguments", "url", "code", "said"),
    [
        (["--format", "xml"], "postgresql://localhost/x", 2, "--format must be one of"),
        (["--check"], "postgresql://localhost/x", 2, "--check needs --dictionary"),
        ([], "oracle://localhost/x", 2, "a URL begins with"),
        ([], "postgresql://u:hidden@localhost/x?ssl=on", 2, "an option that is not known: ssl"),
        ([], "postgresql://u:hidden@localhost:port/x", 2, "cannot be read"),
        ([], "postgresql://u:hidden@localhost", 2, "names no database"),
        (["-p", "hipaa"], "postgresql://localhost/x", 1, "the pack cannot be read"),
        ([], "postgresql://u:hidden@127.0.0.1:1/x", 1, "cannot look at x at 127.0.0.1:1"),
        ([], "mysql://u:hidden@127.0.0.1:1/x", 1, "cannot look at x at 127.0.0.1:1"),
        ([], "", 1, "louver.yaml"),
    ],
)
def test_what_is_wrong_is_said_without_a_password(
    arguments: list[str], url: str, code: int, said: str, tmp_path: Path
) -> None:
    """Wrong calls end with 2, what cannot be reached or read with 1."""
    done = discover(*arguments, url=url, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "hidden" not in done.stderr


def test_nothing_but_reading_happens_within_bounds(postgres: LocalPostgres, tmp_path: Path) -> None:
    """Policies' functions, views and types of users do not run; what is locked, forbidden or slow is left out, and said."""
    dsn = postgres.create_database("discover_bounds")
    postgres.run_sql(
        """
        CREATE TABLE ran (what text);
        CREATE FUNCTION trap(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trap %', $1; END $$;
        CREATE TABLE guarded (phone text); INSERT INTO guarded SELECT '13812345678' FROM generate_series(1, 20);
        ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON guarded USING (trap(phone));
        CREATE VIEW looks AS SELECT phone FROM guarded WHERE trap(phone);
        CREATE TYPE pair AS (phone text); CREATE FUNCTION said(pair) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'cast'; END $$;
        CREATE CAST (pair AS text) WITH FUNCTION said(pair);
        CREATE TABLE typed (id int, contact pair, mobile text); INSERT INTO typed SELECT n, ROW('1')::pair, '139' || 10000000 + n FROM generate_series(1, 20) n;
        CREATE TABLE secret (phone text); CREATE TABLE held (phone text);
        CREATE TABLE huge (email text); INSERT INTO huge SELECT repeat('x', 100000) FROM generate_series(1, 3);
        CREATE ROLE looker LOGIN PASSWORD 'pw'; GRANT SELECT ON guarded, looks, typed, held, huge TO looker;
        """,
        "discover_bounds",
    )
    url = f"postgresql://looker:pw@{postgres.host}:{postgres.port}/discover_bounds"
    with psycopg.connect(dsn) as locker:
        locker.execute("LOCK TABLE held")
        begin = time.monotonic()
        done = discover("--all", "--timeout", "2", "-f", "plain", url=url)
    assert time.monotonic() - begin < 30
    assert done.returncode == 0, done.stderr
    assert "trap" not in done.stderr
    assert "13812345678" not in done.stderr + done.stdout
    for told in (
        "public.guarded: the account may not read it, or not all of its rows",
        "public.looks: a view: its tables are read",
        "public.secret: the account may not read it",
        "public.held: it",
    ):
        assert f"not sampled: {told}" in done.stderr
    lines = {line.split("\t")[1].removeprefix("discover_bounds.public."): line for line in done.stdout.splitlines()}
    assert "Chinese mobile numbers" in lines["typed.mobile"]
    assert lines["typed.contact"].split("\t")[2] in {"none", "name", "phone"}
    postgres.run_sql("DROP OWNED BY looker; DROP ROLE looker", "discover_bounds")


def test_names_cannot_steer_the_terminal(postgres: LocalPostgres) -> None:
    """Control characters and markup in names are shown, not obeyed."""
    dsn = postgres.create_database("discover_names")
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute('CREATE TABLE "\x1b]0;x\x07[red]t" (phone text)')
        owner.execute("CREATE FOREIGN DATA WRAPPER none; CREATE SERVER s FOREIGN DATA WRAPPER none")
        owner.execute('CREATE FOREIGN TABLE "\x1b[2Jf" (email text) SERVER s')
    done = discover("-f", "plain", url=dsn)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "discover_names.public.\\x1b]0;x\\x07[red]t.phone" in statuses(done)
    assert "public.\\x1b[2Jf: a foreign table" in done.stderr


def test_text_in_no_encoding_is_left_out(postgres: LocalPostgres) -> None:
    """A database of unknown encoding holds bytes that nobody can read; its columns go by their names."""
    postgres.run_sql("CREATE DATABASE discover_ascii TEMPLATE template0 ENCODING 'SQL_ASCII'")
    dsn = postgres.dsn("discover_ascii")
    postgres.run_sql(
        r"SET client_encoding = SQL_ASCII; CREATE TABLE old (phone text); INSERT INTO old VALUES (E'M\xfcller')",
        "discover_ascii",
    )
    done = discover("-f", "plain", url=dsn)
    assert done.returncode == 0, done.stderr
    assert "public.old: its text is in another encoding" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(statuses(done)) == ["discover_ascii.public.old.phone"]


def test_a_connection_that_is_lost_is_no_success(postgres: LocalPostgres, tmp_path: Path) -> None:
    """When the server ends the session half way, the command fails and writes nothing."""
    dsn = postgres.create_database("discover_lost")
    postgres.run_sql(
        "CREATE TABLE a (phone text); CREATE TABLE b (phone text); INSERT INTO a VALUES ('1')", "discover_lost"
    )
    path = tmp_path / "columns.yaml"
    command = [sys.executable, "-m", "louver", "discover", "--pause", "4", "-D", str(path)]
    environment = {**os.environ, "LOUVER_DISCOVER_URL": dsn}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'louver discover' AND query LIKE '%LIMIT%'"
        for _ in range(200):
            if "t" in postgres.run_sql(end):
                break
            time.sleep(0.1)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 1, err
    assert "cannot look at discover_lost" in err
    assert out == ""
    assert not path.exists()


async def test_a_large_table_is_read_here_and_there(postgres: LocalPostgres) -> None:
    """Of two hundred thousand rows some hundred are read, in little time, and the same ones each time."""
    dsn = postgres.create_database("discover_large")
    postgres.run_sql(
        "CREATE TABLE log (id bigint, who text); INSERT INTO log SELECT n, '138' || 10000000 + n FROM generate_series(1, 200000) n; ANALYZE log",
        "discover_large",
    )
    first, second = [await look(from_url(dsn), Bounds(rows=100), (load_pack("gdpr"),)) for _ in range(2)]
    assert first == second
    assert 50 <= first.tables[0].sampled <= 100
    assert {p.finding.category for p in first.proposals if p.finding} == {"phone"}
    only = await look(from_url(dsn), Bounds(catalogs_only=True), (load_pack("gdpr"),))
    assert (only.tables[0].sampled, only.tables[0].unread) == (0, "catalogs only")
    small = await look(from_url(dsn), Bounds(table_bytes=12_000), (load_pack("gdpr"),))
    assert small.tables[0].sampled <= 10


def test_mysql_and_mariadb(either: LocalMySQL, tmp_path: Path) -> None:
    """The same there: names as labels go by them, key ranges of a large table, words of an enumeration kept out, one schema or all."""
    schema = either.create_schema("discover_one")
    with either.connect(schema, charset="utf8mb4") as owner, owner.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE People (ID int PRIMARY KEY, Phone varchar(20), kind enum('vip','poor payer'), c7 text, email varchar(40) COMMENT '邮箱')"
        )
        cursor.executemany(
            "INSERT INTO People VALUES (%s, %s, 'vip', %s, %s)", [(p[0], p[1], p[3], p[2]) for p in PEOPLE]
        )
        cursor.execute("CREATE VIEW callable AS SELECT Phone FROM People")
        cursor.execute("CREATE TABLE `客户``x` (`手机号码` varchar(20), note varchar(9))")
        cursor.execute("CREATE TABLE log (id int AUTO_INCREMENT PRIMARY KEY, who varchar(20))")
        cursor.execute(
            "INSERT INTO log (who) VALUES ('13912345000'), ('13912345001'), ('13912345002'), ('13912345003')"
        )
        for _ in range(13):
            cursor.execute("INSERT INTO log (who) SELECT 13912345000 + id FROM log")
        cursor.execute("ANALYZE TABLE log")
        cursor.fetchall()
    url = f"mariadb://{either.user}:{either.password}@{either.host}:{either.port}"
    path = tmp_path / "columns.yaml"
    done = discover("-D", path, "-f", "json", "--rows", "100", url=f"{url}/{schema}?sslmode=disable")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    people = "People" if any(t["table"] == "People" for t in report["tables"]) else "people"
    assert {tuple(c["name"][2:]) for c in report["columns"]} == {
        (people, "phone"), (people, "c7"), (people, "email"), ("log", "who"), ("客户`x", "手机号码"),
    }  # fmt: skip
    (log,) = [t for t in report["tables"] if t["table"] == "log"]
    assert 80 <= log["rows_read"] <= 100
    text = path.read_text(encoding="utf-8")
    assert "poor payer" not in text + done.stdout
    assert all(each[1] not in text + done.stdout for each in PEOPLE)
    assert discover("-D", path, "--check", "--rows", "100", url=f"{url}/{schema}?sslmode=disable").returncode == 0
    everything = discover("-f", "plain", url=f"{url}?sslmode=disable")
    assert everything.returncode == 0, everything.stderr
    names = statuses(everything)
    assert f"{schema}.{schema}.{people}.phone" in names
    assert not any(name.startswith(("mysql.", "sys.", "information_schema.", "performance_schema.")) for name in names)


REVIEWED = """version: 1
dictionary:
  - {column: "*.*.people.id", category: none}
  - {column: "*.*.people.email", category: email, level: 3, state: rejected, by: ada}
  - {column: "*.*.people.phone", category: phone, level: 3, state: proposed}
"""


@pytest.mark.parametrize(
    ("unreviewed", "shown"),
    [
        ("mask", (1, "138****0001", "person1@example.com", PEOPLE[0][3])),
        ("show", (1, "13800000001", "person1@example.com", PEOPLE[0][3])),
        ("mask_all", (1, "138****0001", "person1@example.com", "****")),
    ],
)
def test_what_nobody_has_reviewed_is_masked_as_the_policies_say(
    bank: str, postgres: LocalPostgres, unreviewed: str, shown: tuple[Any, ...]
) -> None:
    """Through a proxy: a proposal masks by default, a rejected one never, and what stands nowhere with `mask_all`."""
    policies = f"version: 1\nunreviewed: {unreviewed}\n{REVIEWED.removeprefix('version: 1')}"
    database = bank.rpartition("/")[2]
    with (
        running_louver(postgres, users={"tina": {}}, policies=policies) as louver,
        psycopg.connect(louver.dsn("tina", database=database), autocommit=True) as tina,
    ):
        row = tina.execute("SELECT id, phone, email, c7 FROM people WHERE id = 1").fetchone()
        assert row == shown
        tina.execute("CREATE TABLE fresh (a text)")
        tina.execute("INSERT INTO fresh VALUES ('x')")
        expected = "****" if unreviewed == "mask_all" else "x"
        assert tina.execute("SELECT a FROM fresh").fetchone() == (expected,)
        (seen,) = tina.execute("SELECT phone FROM callable ORDER BY phone LIMIT 1").fetchone() or ("",)
        assert (seen == "13800000001") == (unreviewed == "show")
        assert tina.execute("SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'people'").fetchone() == (1,)


def test_mask_all_on_mysql_and_mariadb(either: LocalMySQL) -> None:
    """There, too: columns that stand nowhere are hidden until somebody has called them harmless."""
    schema = either.create_schema("discover_all")
    with either.connect(schema) as owner, owner.cursor() as cursor:
        cursor.execute("CREATE TABLE people (id int PRIMARY KEY, phone varchar(20), email varchar(40), c7 text)")
        cursor.execute("INSERT INTO people VALUES (1, '13800000001', 'person1@example.com', 'a long note')")
    policies = f"version: 1\nunreviewed: mask_all\n{REVIEWED.removeprefix('version: 1')}"
    with (
        running_louver(either, users={"tina": {}}, policies=policies, protocol="mysql") as louver,
        pymysql.connect(
            host="127.0.0.1", port=louver.port, user="tina", password=louver.passwords["tina"], database=schema
        ) as tina,
        tina.cursor() as cursor,
    ):
        cursor.execute("SELECT id, phone, email, c7 FROM people")
        assert cursor.fetchone() == (1, "138****0001", "person1@example.com", "****")


def test_the_file_that_is_written_is_what_the_proxy_takes(
    bank: str, louver_factory: Callable[..., Any], tmp_path: Path
) -> None:
    """From a first look to masked phones without a hand on the file; and the policies then know those columns."""
    database = bank.rpartition("/")[2]
    with louver_factory(users={"tina": {}}, policies="version: 1\n") as louver:
        config = louver.directory / "louver.yaml"
        done = discover("--config", config, "-d", database, "-D", louver.directory / "columns.yaml")
        assert done.returncode == 0, done.stderr
        (louver.directory / "policies.yaml").write_text(
            "version: 1\ndictionary_files: [columns.yaml]\n", encoding="utf-8"
        )
        louver.hang_up()
        louver.wait_for_log(lambda log: "policies" in log.rpartition("listening on")[2].partition("\n")[2])
        with psycopg.connect(louver.dsn("tina", database=database), autocommit=True) as tina:
            assert tina.execute("SELECT phone FROM people WHERE id = 1").fetchone() == ("138****0001",)
        again = discover("--config", config, "-d", database, "-f", "plain")
        assert set(statuses(again).values()) == {"known"}


def test_proposals_are_accepted_from_the_command_line(bank: str, tmp_path: Path) -> None:
    """What discovery has written is marked as reviewed, and discovery has nothing against it."""
    path = tmp_path / "columns.yaml"
    assert discover("-D", path, url=bank).returncode == 0
    text = path.read_text(encoding="utf-8")
    phones = [each["column"] for each in yaml.safe_load(text)["dictionary"] if each["category"] == "phone"]
    told = discover("accept", path, "--by", "mona", "--category", "phone", "--dry-run")
    assert (told.returncode, len(told.stdout.splitlines())) == (0, len(phones))
    assert path.read_text(encoding="utf-8") == text
    assert discover("accept", path, "--by", "mona", "--category", "phone").returncode == 0
    assert discover("accept", path, "--by", "mia", "--all", "--reject").returncode == 0
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["dictionary"]
    assert len(phones) < len(entries)
    for each in entries:
        reviewed = ("accepted", "mona") if each["column"] in phones else ("rejected", "mia")
        assert (each["state"], each["by"]) == reviewed
    assert discover("accept", path, "--by", "mia", "--all").stdout == ""
    assert discover("-D", path, "--check", url=bank).returncode == 0
    assert discover("accept", path, "--by", "mia").returncode == 2
    assert discover("accept", tmp_path / "none.yaml", "--by", "mia", "--all").returncode == 1
