"""sysbench over MySQL or MariaDB: direct, through HAProxy when it is installed, through a bare relay, and through Louver, allowing all and masking.

Owns that stage, sysbench's command line and the section `sysbench` of the results. Loopback only, without TLS on any leg.
HAProxy passes bytes on and reads nothing; it is the cheapest thing that can stand there. A relay on Louver's event loop that
reads nothing either says how much of the rest is Python's and the loop's. And HAProxy once more with the statement that the
masking Louver sends on, written by hand: what masks cost the database, whoever asks for them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pymysql
from rich.table import Table

from benchmarks.processes import processor_seconds, settle
from benchmarks.stage import COMPILED, BenchError, is_compiled, private_directory, wait_for
from louver.demo import supervise
from louver.demo.host import free_port
from louver.demo.mysql import TITLES, LocalMySQL, find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from louver.demo.mysql import Flavour

MODES: Mapping[str, tuple[str, ...]] = {
    "point": ("oltp_point_select", "--db-ps-mode=disable"),
    "read_only": ("oltp_read_only", "--db-ps-mode=disable", "--range-selects=off", "--skip-trx=on"),
    "prepared": ("oltp_point_select", "--db-ps-mode=auto"),
}
"""What is run, by name: the script of sysbench with its options."""

BY_HAND: Mapping[str, tuple[str, ...]] = {
    "point": ("--point-selects=1", "--db-ps-mode=disable"),
    "read_only": ("--db-ps-mode=disable",),
    "prepared": ("--point-selects=1", "--db-ps-mode=auto"),
}
"""The same with a statement of one's own, which the script beside this file takes."""

CLIENTS = (1, 8, 32)
GOALS = {"allow_all_vs_haproxy": 0.75, "masked_vs_haproxy": 0.70}
NOT_INSTALLED = "sysbench or a MySQL or MariaDB server is not installed, so neither was measured; apt install sysbench mariadb-server"

_BROUGHT = Path(__file__).parents[1] / "build" / "servers"  # what `make servers` brings
_SCHEMA = "sbtest"
_USER = "bench"
_ROWS = 100_000
_SLACK_SECONDS = 60
_SCRIPT = Path(__file__).with_name("masked.lua")
_POINT = "SELECT c FROM sbtest1 WHERE id="
_QUERIES = re.compile(r"queries:\s+(\d+)\s+\(([0-9.]+) per sec\.\)")
_ERRORS = re.compile(r"ignored errors:\s+(\d+)")
_POLICIES = """\
version: 1
dictionary:
  - {{column: "*.{schema}.sbtest1.c", category: text, level: 3}}
rules:
  - name: {name}
    columns: {{category: text}}
    treatment: {treatment}
"""
_LOUVER = """\
protocol: mysql
listen: {{host: 127.0.0.1, port: {port}}}
upstream: {{host: {host}, port: {upstream}, user: {user}, password_file: password, tls: {{mode: disable}}}}
login: relay
policies: policies.yaml
drain_seconds: 1
"""
_HAPROXY = """\
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen mysql
    bind 127.0.0.1:{port}
    server one {host}:{upstream}
"""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the database. `pid` is the proxy's supervisor, None on the direct way. `statement` is sent instead of sysbench's own."""

    name: str
    title: str
    port: int
    pid: int | None = None
    trail: Path | None = None
    statement: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: queries a second, and the proxy's processor time for a query in microseconds, None without one."""

    way: str
    mode: str
    clients: int
    qps: float
    cpu_us: float | None


@dataclass(frozen=True, slots=True)
class MySQLStage:
    """The running whole. `title` is the server's name and version."""

    sysbench: Path
    server: LocalMySQL
    password: str
    ways: tuple[Way, ...]

    @property
    def title(self) -> str:
        """The server's name and version."""
        return f"{TITLES[self.server.flavour]} {'.'.join(map(str, self.server.version))}"


@contextlib.contextmanager
def open_stage() -> Iterator[MySQLStage | None]:
    """Start everything and fill the table; None when a program is missing. Raises BenchError and ServerUnavailable."""
    sysbench = shutil.which("sysbench")
    flavours: tuple[Flavour, ...] = ("mariadb", "mysql")
    found = {flavour: find(flavour, _BROUGHT) for flavour in flavours}
    flavour, program = next(((f, p) for f, p in found.items() if p is not None), (None, None))
    if sysbench is None or flavour is None or program is None:
        yield None
        return
    with contextlib.ExitStack() as stack:
        settings = {"innodb-buffer-pool-size": "256M"}
        server = stack.enter_context(LocalMySQL.start(flavour, program, settings=settings))
        password = secrets.token_urlsafe(16)
        server.create_schema(_SCHEMA)
        with server.connect(_SCHEMA) as connection, connection.cursor() as cursor:
            method = "mysql_native_password" if flavour == "mariadb" else "caching_sha2_password"
            way = f"IDENTIFIED VIA {method} USING PASSWORD('{password}')"
            way = way if flavour == "mariadb" else f"IDENTIFIED WITH {method} BY '{password}'"
            cursor.execute(f"CREATE USER {_USER}@'%' {way}")
            cursor.execute(f"GRANT ALL ON *.* TO {_USER}@'%'")
        ways = [Way("direct", "direct", server.port)]
        _sysbench(Path(sysbench), ways[0], password, "oltp_point_select", [f"--table-size={_ROWS}"], "prepare")
        haproxy = shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
        if haproxy is not None:
            ways.append(stack.enter_context(_open_haproxy(Path(haproxy), server)))
        ways.append(stack.enter_context(_open_relay(server)))
        ways += [stack.enter_context(_open_louver(server, password, masked=masked)) for masked in (False, True)]
        if ways[1].name == "haproxy":
            masked = _sent_on(server, ways[-1], password)
            ways.append(replace(ways[1], name="by_hand", title="HAProxy, masked by hand", statement=masked))
        yield MySQLStage(Path(sysbench), server, password, tuple(ways))


@contextlib.contextmanager
def _open_haproxy(program: Path, server: LocalMySQL) -> Iterator[Way]:
    port = free_port()
    with private_directory(None) as directory, tempfile.TemporaryFile() as log:
        path = directory / "haproxy.cfg"
        path.write_text(_HAPROXY.format(port=port, host=server.host, upstream=server.port), encoding="utf-8")
        process = supervise.start(
            [program, "-db", "-f", path], stop_signal="TERM", directory=directory, remove_directory=False, log=log
        )
        try:
            wait_for("haproxy", process, port, log)
            yield Way("haproxy", "HAProxy", port, process.pid)
        finally:
            supervise.end(process)


@contextlib.contextmanager
def _open_relay(server: LocalMySQL) -> Iterator[Way]:
    port = free_port()
    with private_directory(None) as directory, tempfile.TemporaryFile() as log:
        process = supervise.start(
            [sys.executable, "-m", "benchmarks.relay", str(port), server.host, str(server.port)],
            stop_signal="TERM",
            directory=directory,
            remove_directory=False,
            log=log,
            environment={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        try:
            wait_for("the relay", process, port, log)
            yield Way("relay", "relay", port, process.pid)
        finally:
            supervise.end(process)


@contextlib.contextmanager
def _open_louver(server: LocalMySQL, password: str, *, masked: bool) -> Iterator[Way]:
    name = "masked" if masked else "allow_all"
    treatment = "{mask: partial, keep_first: 3, keep_last: 4}" if masked else "clear"
    port = free_port()
    with private_directory(None) as directory, tempfile.TemporaryFile() as log:
        policies = _POLICIES.format(schema=_SCHEMA, name=name.replace("_", " "), treatment=treatment)
        (directory / "policies.yaml").write_text(policies, encoding="utf-8")
        (directory / "password").write_text(password + "\n", encoding="ascii")
        settings = _LOUVER.format(port=port, host=server.host, upstream=server.port, user=_USER)
        (directory / "louver.yaml").write_text(settings, encoding="utf-8")
        process = supervise.start(
            [
                sys.executable,
                *(["-P"] if is_compiled() else []),
                "-m",
                "louver",
                "serve",
                "--config",
                directory / "louver.yaml",
            ],
            stop_signal="TERM",
            directory=directory,
            remove_directory=False,
            log=log,
            environment={**os.environ, "PYTHONPATH": str(COMPILED)} if is_compiled() else None,
        )
        try:
            wait_for("louver serve", process, port, log)
            title = "Louver, masked" if masked else "Louver, allow-all"
            yield Way(name, title, port, process.pid, directory / "audit")
        finally:
            supervise.end(process)


def _sent_on(server: LocalMySQL, way: Way, password: str) -> str:
    """What the server gets for a point select that is sent over `way`, by its own log, with `?` for the id. Raises BenchError."""
    with server.connect(_SCHEMA) as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = ON")
        try:
            asking = pymysql.connect(host="127.0.0.1", port=way.port, user=_USER, password=password, database=_SCHEMA)
            with asking, asking.cursor() as asked:
                asked.execute(f"{_POINT}4711")
        finally:
            cursor.execute("SET GLOBAL general_log = OFF")
        cursor.execute("SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE argument LIKE '%id=4711'")
        said = [str(text) for (text,) in cursor.fetchall()]
    if len(said) != 1 or said[0].startswith(_POINT):
        raise BenchError(f"{way.title} has sent on {said or 'nothing'} for a point select")
    return said[0].replace("4711", "?")


def run(stage: MySQLStage, way: Way, mode: str, clients: int, seconds: int) -> Sample:
    """Run sysbench for `seconds`. Raises BenchError."""
    script, *options = MODES[mode]
    if way.statement is not None:
        script, options = str(_SCRIPT), [*BY_HAND[mode], f"--statement={way.statement}"]
    options = [f"--table-size={_ROWS}", f"--threads={clients}", f"--time={seconds}", *options]
    settle()
    before = processor_seconds(way.pid) if way.pid is not None else 0.0
    said = _sysbench(stage.sysbench, way, stage.password, script, options, "run", seconds)
    settle()
    used = processor_seconds(way.pid) - before if way.pid is not None else 0.0
    for segment in sorted(way.trail.glob("*.jsonl"))[:-2] if way.trail is not None else ():
        segment.unlink(missing_ok=True)  # minutes at full load would fill the disk
    queries, qps = parse_output(said)
    return Sample(way.name, mode, clients, qps, None if way.pid is None else used * 1e6 / queries)


def parse_output(text: str) -> tuple[int, float]:
    """Return (queries, queries a second) from what sysbench 1.0 prints. Raises BenchError when it has met errors."""
    found, errors = _QUERIES.search(text), _ERRORS.search(text)
    if found is None or int(found[1]) == 0 or (errors is not None and int(errors[1])):
        raise BenchError(f"sysbench's result cannot be used:\n{text.strip()[-800:]}")
    return int(found[1]), float(found[2])


def _sysbench(  # noqa: PLR0913, PLR0917  a command line
    program: Path, way: Way, password: str, script: str, options: Sequence[str], what: str, seconds: int = 0
) -> str:
    place = ["--mysql-host=127.0.0.1", f"--mysql-port={way.port}", f"--mysql-user={_USER}", f"--mysql-db={_SCHEMA}"]
    command = [str(program), *place, f"--mysql-password={password}", "--tables=1", *options, script, what]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + _SLACK_SECONDS)
    except subprocess.TimeoutExpired:
        raise BenchError(f"sysbench {script} over {way.title} did not end") from None
    if done.returncode:
        raise BenchError(f"sysbench {script} over {way.title} failed:\n{(done.stdout + done.stderr).strip()[-800:]}")
    return done.stdout


def section(samples: Sequence[Sample], title: str) -> dict[str, Any]:
    """Return the section `sysbench` of the document: queries a second, processor time, and ratios by mode and clients."""
    ways = dict.fromkeys(sample.way for sample in samples)
    made: dict[str, Any] = {"server": title}
    for base in ("haproxy", "direct"):
        for way in ("relay", "allow_all", "masked"):
            made[f"{way}_vs_{base}"] = ratios(samples, way, base) if base in ways else None
    if "by_hand" in ways:
        made["by_hand_vs_haproxy"] = ratios(samples, "by_hand", "haproxy")
        made["masked_vs_by_hand"] = ratios(samples, "masked", "by_hand")
    made["qps"] = {way: _by_point(samples, way, "qps") for way in ways}
    made["cpu_us_per_query"] = {way: _by_point(samples, way, "cpu_us") for way in ways if way != "direct"}
    return made


def ratios(samples: Sequence[Sample], way: str, base: str) -> dict[str, Any]:
    """Return throughput of a way over that of another in the same round, the median over the rounds."""
    made: dict[str, Any] = {}
    for mode in dict.fromkeys(sample.mode for sample in samples):
        for clients in sorted({sample.clients for sample in samples}):
            own, other = (
                [s.qps for s in samples if (s.way, s.mode, s.clients) == (name, mode, clients)] for name in (way, base)
            )
            if own and other:
                found = median(a / b for a, b in zip(own, other, strict=False))
                made.setdefault(mode, {})[str(clients)] = round(found, 4)
    for points in list(made.values()):
        points["median"] = round(median(points.values()), 4)
    return made


def _by_point(samples: Sequence[Sample], way: str, what: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for mode in dict.fromkeys(sample.mode for sample in samples):
        for clients in sorted({sample.clients for sample in samples}):
            point = (way, mode, clients)
            made.setdefault(mode, {})[str(clients)] = round(
                median(getattr(s, what) for s in samples if (s.way, s.mode, s.clients) == point), 2
            )
    return made


def table(samples: Sequence[Sample], stage: MySQLStage) -> Table:
    """Return the table for people: queries a second, and in parts of HAProxy's or of the direct way's."""
    base = next(way for way in reversed(stage.ways[:2]) if way.name in {"haproxy", "direct"})
    made = Table(
        title=f"sysbench on {stage.title}: queries a second, and in parts of {base.title}'s", title_justify="left"
    )
    for heading in ("", "clients", *(way.title for way in stage.ways)):
        made.add_column(heading, justify="left" if not heading else "right")
    section_of = {way.name: ratios(samples, way.name, base.name) for way in stage.ways}
    rates = {way.name: _by_point(samples, way.name, "qps") for way in stage.ways}
    for mode in dict.fromkeys(sample.mode for sample in samples):
        for clients in map(str, sorted({sample.clients for sample in samples})):
            cells = [
                f"{rates[w.name][mode][clients]:,.0f} ({section_of[w.name][mode][clients]:.2f})" for w in stage.ways
            ]
            made.add_row(mode, clients, *cells)
    return made
