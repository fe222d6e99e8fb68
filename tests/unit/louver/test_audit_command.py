import csv
import io
import itertools
import json
import shlex
import stat
from pathlib import Path

import duckdb
import pytest
from rich.console import Console
from typer.testing import CliRunner

from audit import heads, record, segments, signing
from audit.writer import Trail
from louver import entries
from louver.commands import audit as command
from louver.commands import proof
from louver.secret import create_secret

HOSTILE = "SELECT '\x1b[2J' AS \"=1+1\"\n-- [red]x[/red] \u202e"


@pytest.fixture
def trail(tmp_path):
    """A closed trail: Tina's masked read, Bo's refused statement with hostile text, a refused login."""
    tina = record.Caller("s1", "tina", "10.0.0.7:1", "psql", "bank", "svc", {"role": "teller"})
    bo = record.Caller("s2", "=bo", "10.0.0.8:1", "x\x1b]0;owned\x07", "bank", "svc")
    use = record.ColumnUse("public.customers.phone", "phone", 3, "mask", "partial", "tellers [see]")
    masked = record.Judgement(
        ("SelectStmt",), "SELECT phone FROM customers", "SELECT ...", ("public.customers",), (use,), "rewrite", "p", 1
    )
    denied = record.Judgement(
        ("SelectStmt",), HOSTILE, None, ("hr.staff",), (), "deny", "p", 1, reason="staff is denied", sqlstate="42501"
    )
    log = Trail.open(tmp_path / "audit")
    for body in (
        record.session_opened(tina, tls=True, login="own", proof="password", origins={}),
        record.statement(record.statement_prefix(tina, masked), 1),
        record.statement(record.statement_prefix(bo, denied), 1),
        record.outcome(record.outcome_prefix(tina), 1, "ok", rows=b"2", bytes_=80, duration_us=1500),
        record.outcome(record.outcome_prefix(bo), 1, "denied", sqlstate="42501", duration_us=5),
        record.login_refused(bo, reason="wrong password", sqlstate="28P01"),
    ):
        log.append(body)
    log.flush()
    log.close()
    return tmp_path / "audit"


@pytest.fixture
def run(trail):
    """Run a subcommand on the trail, in a pipe."""

    def run(*arguments, directory=trail):
        where = ["--directory", str(directory)] if directory else []
        return CliRunner().invoke(command.audit_app, [arguments[0], *where, *arguments[1:]])

    return run


def test_a_pipe_gets_plain_lines(run):
    """In a pipe each entry is one line of tab-separated cells under a heading, without an escape sequence."""
    result = run("search")
    assert result.exit_code == 0
    heading, *lines = result.stdout.splitlines()
    assert heading.split("\t")[2] == "who"
    assert [line.split("\t")[3] for line in lines] == ["session_opened", "rewrite", "deny", "login_refused"]
    assert "\x1b" not in result.stdout
    assert "\\x1b[2J" in result.stdout


def test_json_is_one_object_a_line(run):
    """Programs get one JSON object for each entry, statements with their outcome."""
    result = run("search", "--user", "tina", "--event", "statement", "--format", "json")
    (entry,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert entry["outcome"]["rows"] == 2
    assert entry["columns"][0]["rule"] == "tellers [see]"


def test_csv_is_safe_for_spreadsheets(run):
    """CSV has a heading and one row for each entry; a name that is a formula is defused."""
    result = run("search", "--user", "=bo", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["event"] for row in rows] == ["statement", "login_refused"]
    assert {row["principal"] for row in rows} == {"'=bo"}
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("width", [80, 140])
def test_a_terminal_gets_colours_but_none_of_the_callers(run, monkeypatch, width):
    """On a terminal what a caller wrote is shown escaped, and markup in it is only text."""
    shown = io.StringIO()
    monkeypatch.setattr(entries, "out", Console(file=shown, force_terminal=True, width=width, soft_wrap=True))
    assert run("search").exit_code == 0
    text = shown.getvalue()
    assert "\x1b[2J" not in text
    assert "\x1b]0" not in text
    assert "\u202e" not in text
    assert "\x1b[1;31m" in text
    assert "[red]" in "".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "events"),
    [
        (["--treatment", "mask", "--column", "phone"], ["rewrite"]),
        (["--ruling", "deny"], ["deny"]),
        (["--errors"], ["deny", "login_refused"]),
        (["--since", "1h", "--until", "now", "--table", "customers"], ["rewrite"]),
        (["--regex", "PHONE.*customers"], ["rewrite"]),
        (["--event", "segment", "--event", "closed"], ["segment", "closed"]),
        (["--limit", "1"], ["login_refused"]),
        (["--limit", "0", "--user", "tina"], ["session_opened", "rewrite"]),
        (["--category", "phone", "--rule", "tellers"], ["rewrite"]),
    ],
)
def test_options_choose(run, arguments, events):
    """Each option reaches the search."""
    lines = run("search", *arguments).stdout.splitlines()[1:]
    assert [line.split("\t")[3] for line in lines] == events


def test_nothing_found_is_exit_code_one(run):
    """Like grep: nothing found ends with 1 and prints no row."""
    result = run("search", "--user", "nobody")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nothing found" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "--since", "soon"], "is no time"),
        (["search", "--regex", "("], "no regular expression"),
        (["search", "--event", "statment"], "there are started, stopped"),
        (["search", "--treatment", "masked"], "masked"),
        (["search", "--format", "xml"], "xml"),
        (["verify", "--anchor", "12"], "SEQ:HASH"),
        (["tail", "--lines=-1"], "--lines"),
    ],
)
def test_wrong_use_is_exit_code_two(run, arguments, message):
    """A value that cannot be understood ends with 2 and says what is possible."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("subcommand", ["search", "verify", "tail"])
def test_no_trail_is_exit_code_two(run, tmp_path, subcommand):
    """A directory without a trail is told, with its name."""
    result = run(subcommand, directory=tmp_path)
    assert result.exit_code == 2
    assert "no audit trail" in result.stderr


def test_the_settings_name_the_trail(run, trail, tmp_path, monkeypatch):
    """Without --directory the settings file says where the trail is; without any, what to give."""
    monkeypatch.chdir(tmp_path)
    result = run("verify", directory=None)
    assert result.exit_code == 2
    assert "--directory" in result.stderr
    (tmp_path / "policies.yaml").write_text("version: 1\n")
    (tmp_path / "users.yaml").write_text("")
    text = f"upstream: {{user: svc, password_env: HOME}}\npolicies: policies.yaml\nusers: users.yaml\naudit: {{directory: {trail}}}\n"
    (tmp_path / "louver.yaml").write_text(text)
    assert run("verify", directory=None).exit_code == 0, run("verify", directory=None).stderr
    assert run("verify", "--config", "louver.yaml", directory=None).exit_code == 0


def test_tail_shows_the_last(run):
    """Tail shows the last entries, without the book-keeping of the trail itself."""
    lines = run("tail", "-n", "2").stdout.splitlines()
    assert [line.split("\t")[3] for line in lines[1:]] == ["deny", "login_refused"]
    assert run("tail", "-n", "0").stdout.count("\n") == 1


def test_tail_follows_until_interrupted(run, trail, monkeypatch):
    """Following shows what comes, and Ctrl-C ends it in order."""
    log = Trail.open(trail)
    ticks = iter(range(10))

    def wait(_):
        if next(ticks) == 3:
            raise KeyboardInterrupt
        log.append(record.stopped(reason="drained"))
        log.flush()

    monkeypatch.setattr(command.time, "sleep", wait)
    result = run("tail", "-f", "-n", "1")
    log.close()
    assert result.exit_code == 0
    assert [line.split("\t")[3] for line in result.stdout.splitlines()[1:]] == ["login_refused", *["stopped"] * 3]


def test_verify_proves_an_untouched_trail(run):
    """A sound trail ends with 0 and gives the anchor, which a later verification takes."""
    result = run("verify")
    assert result.exit_code == 0
    assert result.stdout.startswith("intact: ")
    anchor = result.stdout.splitlines()[-1].removeprefix("anchor: ")
    assert run("verify", "--anchor", anchor).exit_code == 0
    seq, digest = anchor.split(":")
    assert run("verify", "--anchor", f"{seq}:{'0' * len(digest)}").exit_code == 1


def test_verify_names_the_damage(run, trail):
    """A changed record ends with 1 and is named with segment and line, in each format."""
    path = segments.segment_path(trail, 1)
    path.write_bytes(path.read_bytes().replace(b"tina", b"lisa", 1))
    result = run("verify")
    assert result.exit_code == 1
    assert "changed: segment 1 line 2: records 2 to 7 do not follow" in result.stdout
    report = json.loads(run("verify", "--format", "json").stdout)
    assert (report["intact"], report["damages"][0]["kind"]) == (False, "changed")
    rows = list(csv.DictReader(io.StringIO(run("verify", "--format", "csv").stdout)))
    assert [(row["kind"], row["line"]) for row in rows] == [("changed", "2")]


def test_verify_shows_its_progress_on_a_terminal(run, monkeypatch):
    """On a terminal a bar on standard error shows how far a verification is; the result stays on standard output."""
    bar = io.StringIO()
    monkeypatch.setattr(proof, "err", Console(file=bar, force_terminal=True, stderr=True))
    assert run("verify").stdout.startswith("intact: ")
    assert "verifying" in bar.getvalue()


@pytest.mark.parametrize("subcommand", ["tail", "search", "verify"])
def test_help_teaches_by_examples(subcommand):
    """The help of each subcommand shows examples and its exit codes."""
    text = " ".join(CliRunner().invoke(command.audit_app, [subcommand, "--help"]).stdout.split())
    assert f"louver audit {subcommand}" in text
    assert "Exit codes: 0" in text


def test_the_examples_of_the_documentation_are_commands_that_exist(run, trail, tmp_path):
    """Every `louver audit` line in docs/audit.md is understood by the command line."""
    page = Path(command.__file__).parents[2] / "docs" / "audit.md"
    lines = [line.strip() for line in page.read_text().splitlines() if line.startswith("louver audit ")]
    assert len(lines) >= 10
    create_secret(tmp_path / "secret")
    (tmp_path / "policies.yaml").write_text("version: 1\n")
    settings = "upstream: {user: a}\npolicies: policies.yaml\nlogin: relay\nsecret_file: secret\n"
    (tmp_path / "louver.yaml").write_text(settings)
    for line in lines:
        said = shlex.split(line, comments=True)[2:]
        arguments = list(itertools.takewhile(lambda word: word not in {"|", ">"}, said))
        if "-f" in arguments or "--follow" in arguments:
            continue
        while "--directory" in arguments:
            del arguments[arguments.index("--directory") : arguments.index("--directory") + 2]
        if "--anchor" in arguments:
            arguments[arguments.index("--anchor") + 1] = "1:" + "0" * 64
        own = {
            "audit-public.pem": tmp_path / "public.pem",
            "heads.jsonl": trail / heads.HEADS,
            "audit.pem": tmp_path / "key.pem",
            "may": tmp_path / "may",
            "louver.yaml": tmp_path / "louver.yaml",
            "auditor.pem": tmp_path / "auditor.pem",
        }
        arguments = [str(own.get(Path(argument).name, argument)) for argument in arguments]
        found = run(*arguments, directory=None if arguments[0] == "key" else trail)
        assert found.exit_code in {0, 1}, line
        if arguments[0] == "key":
            own["audit-public.pem"].write_text(found.stdout)


def test_heads_are_proved_by_their_key(run, tmp_path):
    """A key is made once; its public half proves what it signed, and finds what it did not; a copy of the heads is an anchor."""
    made = run("key", str(tmp_path / "audit.pem"), directory=None)
    assert made.exit_code == 0
    (tmp_path / "public.pem").write_text(made.stdout)
    assert run("key", str(tmp_path / "audit.pem"), directory=None).exit_code == 2
    log = Trail.open(tmp_path / "signed", signer=signing.Signer.read(tmp_path / "audit.pem"))
    log.append(record.stopped(reason="told to stop"))
    log.close()
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes((tmp_path / "signed" / heads.HEADS).read_bytes())
    proved = run("verify", "--key", str(tmp_path / "public.pem"), "--heads", str(copy), directory=tmp_path / "signed")
    assert (proved.exit_code, "note" in proved.stdout) == (0, False)
    assert "give the public key" in run("verify", directory=tmp_path / "signed").stdout
    forged = run("verify", "--key", str(tmp_path / "public.pem"))
    assert forged.exit_code == 1
    assert "not signed by a key that was given" in forged.stdout
    assert run("verify", "--heads", str(copy)).exit_code == 1
    assert run("verify", "--heads", str(tmp_path / "public.pem")).exit_code == 2
    assert run("verify", "--key", str(copy)).exit_code == 2


def test_entries_are_counted_by_what_they_are(run):
    """--by counts what was found, the most frequent first, in every format; an unknown kind is wrong use."""
    assert run("search", "--by", "user").stdout.splitlines()[1:] == [
        line for line in run("search", "--by", "user").stdout.splitlines() if line.startswith(("tina", "=bo"))
    ]
    (counted,) = [json.loads(line) for line in run("search", "--by", "column", "--format", "json").stdout.splitlines()]
    assert (counted["column"], counted["entries"], counted["rows"]) == ("public.customers.phone", 1, 2)
    rows = list(csv.DictReader(io.StringIO(run("search", "--by", "user", "--format", "csv").stdout)))
    assert {row["user"]: row["entries"] for row in rows} == {"tina": "2", "'=bo": "2"}
    assert run("search", "--by", "colour").exit_code == 2
    assert run("search", "--by", "column", "--user", "nobody").exit_code == 1


def test_the_trail_answers_sql(run):
    """A SELECT is answered in every format, safely on a terminal; all else, and what is wrong, is exit code 2."""
    asked = "SELECT principal, rows FROM statements WHERE status = 'ok'"
    assert run("sql", asked).stdout == "principal\trows\ntina\t2\n"
    assert json.loads(run("sql", asked, "--format", "json").stdout) == {"principal": "tina", "rows": 2}
    assert "\x1b" not in run("sql", "SELECT text FROM records").stdout
    for wrong in ("DROP VIEW records", "SELECT nonsense FROM records", "SELECT * FROM read_text('/etc/hosts')"):
        assert run("sql", wrong).exit_code == 2


def test_compacted_segments_answer_as_before(run, trail):
    """Compacting says what it saved; searches and verification give the same as before."""
    Trail.open(trail).close()  # a second segment, so that the first is not the last
    before = run("search", "--format", "json").stdout
    done = run("compact", "--days", "0")
    assert (done.exit_code, done.stdout.startswith("1 segments compacted: ")) == (0, True)
    assert run("compact", "--days", "0").stdout.startswith("0 segments compacted")
    assert segments.compacted_path(trail, 1).exists()
    assert run("search", "--format", "json").stdout == before
    assert run("verify").exit_code == 0
    segments.compacted_path(trail, 1).write_bytes(b"PAR1")
    assert run("verify").exit_code == 1
    assert "louver audit verify" in run("search").stderr


def test_answers_go_into_files(run, tmp_path):
    """--output writes any format, for its owner alone; Parquet holds entries typed, with how they ended, and answers of SQL."""
    file = tmp_path / "found.csv"
    assert run("search", "--user", "tina", "--format", "csv", "--output", str(file)).stdout == ""
    assert [row["principal"] for row in csv.DictReader(io.StringIO(file.read_text()))] == ["tina", "tina"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file = tmp_path / "o'brien.parquet"
    assert run("search", "--limit", "2", "--format", "parquet", "--output", str(file)).exit_code == 0
    asked = "SELECT seq, principal, ruling, status, rows FROM '{}' ORDER BY seq"
    quoted = str(file).replace("'", "''")
    found = duckdb.sql(asked.format(quoted)).fetchall()
    assert [row[1:] for row in found] == [("=bo", "deny", "denied", None), ("=bo", None, None, None)]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("sql", "SELECT 7 AS n -- )", "--format", "parquet", "--output", str(file)).exit_code == 0
    assert duckdb.sql(f"SELECT * FROM '{quoted}'").fetchall() == [(7,)]
    assert run("search", "--user", "nobody", "--format", "parquet", "--output", str(file)).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "--format", "parquet"], "needs --output"),
        (["search", "--by", "user", "--format", "parquet", "--output", "x.parquet"], "no Parquet file"),
        (["sql", "EXPLAIN SELECT 1", "--format", "parquet", "--output", "x.parquet"], "give one SELECT"),
        (["sql", "SELECT 1) TO 'y.csv' --", "--format", "parquet", "--output", "x.parquet"], "syntax error"),
        (["search", "--output", "no/such/file"], "cannot be written"),
        (["search", "--output", "link"], "cannot be written"),
    ],
)
def test_what_cannot_go_into_a_file(run, tmp_path, monkeypatch, arguments, message):
    """It is said why, with exit code 2; no other file is made or overwritten."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "link").symlink_to("kept")
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert (tmp_path / "kept").read_text() == "kept"
    assert not (tmp_path / "y.csv").exists()


def test_counts_can_be_ordered_by_rows(run):
    """--order says what comes first."""
    assert run("search", "--by", "user", "--order", "rows").stdout.splitlines()[1].startswith("tina")
    assert run("search", "--by", "user", "--order", "last").stdout.splitlines()[1].startswith("=bo")
