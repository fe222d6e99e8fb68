"""One leg of a comparison: a fresh server, perhaps a Louver in front of it, and a suite run against that.

Owns the processes of the leg; all are gone at its end. May not do: fetch or install.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from brought.__main__ import PLACE

from conformance.results import Outcome, read_outcomes
from conformance.suites import Suite, Target
from louver.demo import supervise
from louver.demo.certificate import CertificateFiles, make_certificate
from louver.demo.mysql import TITLES, Flavour, LocalMySQL, find
from louver.demo.postgres import LocalPostgres
from louver.secret import create_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICIES = {
    "allow-all": "version: 1\n",
    "clear": """\
version: 1
dictionary:
  - {column: "*.*.*.name", category: name, level: 1}
rules:
  - {name: everyone sees names, columns: {category: name}, treatment: clear}
""",
    "masked": """\
version: 1
dictionary:
  - {column: "*.*.*.a_column_that_no_suite_has", category: name, level: 1}
  - {column: "*.*.sensitive.phone", category: phone, level: 3}
""",
}
"""What Louver may be told: nothing is sensitive; something is and everybody sees it; something is hidden."""

MASKED_SQL = "CREATE TABLE sensitive (phone text)"

_SETTINGS = {"max_prepared_transactions": "10", "max_connections": "200", "wal_level": "logical"}
_HBA = """\
host pg8000_md5 all 127.0.0.1/32 md5
host all all 127.0.0.1/32 scram-sha-256
"""
_PASSWORD = "conformance"  # of lower-case letters, for SQLAlchemy's tests put capitals in place of the parts of URLs
_START_SECONDS = 30.0


def run(suite: Suite, tests: Path, python: Path, policy: str | None, more: list[str]) -> dict[str, Outcome]:
    """Run a suite, direct or, with the name of a policy, through Louver; return the outcome of each test.

    `tests` is the unpacked source, `python` the interpreter that has the driver, `more` further arguments of the runner.
    Raises RuntimeError when it did not get as far as running tests.
    """
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(_postgres(suite) if suite.server == "postgresql" else _mysql(suite, suite.server))
        port, authority = server.port, server.certificate
        if policy is not None:
            if policy == "masked":
                _execute(server, suite.database, MASKED_SQL)
            certificate = make_certificate(scratch, "louver")
            port = stack.enter_context(louver(server, POLICIES[policy], certificate))
            authority = certificate.certificate
        report = scratch / "junit.xml"
        target = Target(server.host, port, server.user, _PASSWORD, suite.database, authority, report)
        set_apart(tests)
        for name, text in suite.written(target).items():
            (tests / name).write_text(text, encoding="utf-8")
        command = [python, *suite.command(target, more)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PYTHON", "MYSQL"))}
        log = tests.parent / f"{suite.name}.{policy or 'direct'}.log"
        with log.open("wb") as output:
            environment = {**clean, **suite.variables(target)}
            if isinstance(server, LocalPostgres):
                environment["PATH"] = f"{server.bin}{os.pathsep}{os.environ['PATH']}"
            place = tests / suite.place
            subprocess.run(command, cwd=place, env=environment, stdout=output, stderr=output, check=False)
        outcomes = read_outcomes(report.read_text(encoding="utf-8")) if report.exists() else {}
        if not any(outcome.state == "passed" for outcome in outcomes.values()):
            raise RuntimeError(f"the suite {suite.name} did not run; its output is in {log}")
        return outcomes


def set_apart(tests: Path) -> None:
    """Let a suite without settings of its own run by none: pytest would look for some further up, and find ours."""
    if not any((tests / name).exists() for name in ("pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini")):
        (tests / "pytest.ini").write_text("[pytest]\n", encoding="ascii")


@contextlib.contextmanager
def _postgres(suite: Suite) -> Iterator[LocalPostgres]:
    with LocalPostgres.start(settings=_SETTINGS, hba=_HBA) as server:
        server.run_sql(f"ALTER ROLE {server.user} PASSWORD '{_PASSWORD}'")
        server.password = _PASSWORD
        if suite.database != "postgres":
            server.create_database(suite.database)
        _execute(server, suite.database, suite.prepare)
        yield server


@contextlib.contextmanager
def _mysql(suite: Suite, flavour: Flavour) -> Iterator[LocalMySQL]:
    program = find(flavour, PLACE)
    if program is None:
        raise RuntimeError(f"{suite.name} needs {TITLES[flavour]}: `make servers` fetches it")
    with LocalMySQL.start(flavour, program) as server:
        _execute(server, None, f"ALTER USER {server.user}@'%' IDENTIFIED BY '{_PASSWORD}'")
        server.password = _PASSWORD
        server.create_schema(suite.database)
        _execute(server, suite.database, suite.prepare)
        yield server


def _execute(server: LocalPostgres | LocalMySQL, database: str | None, text: str) -> None:
    """Run statements that end with a semicolon, direct."""
    if isinstance(server, LocalPostgres):
        server.run_sql(text, database or "postgres")
        return
    with server.connect(database) as connection, connection.cursor() as cursor:
        for statement in filter(str.strip, text.split(";\n")):
            cursor.execute(statement)


@contextlib.contextmanager
def louver(
    server: LocalPostgres | LocalMySQL,
    policies: str,
    certificate: CertificateFiles | None = None,
    *,
    port: int | None = None,
    service: str | None = None,
) -> Iterator[int]:
    """Start Louver with a policy in front of a server, login by the server's own users, TLS offered; give its port.

    `certificate` is Louver's, made anew when not given. `port` is another way to the server, `service` the user by whom Louver reads the catalog.
    """
    with tempfile.TemporaryDirectory(prefix="louver-conformance-") as name, tempfile.TemporaryFile() as log:
        directory = Path(name)
        shown = certificate or make_certificate(directory, "louver")
        create_secret(directory / "secret")
        (directory / "policies.yaml").write_text(policies, encoding="utf-8")
        upstream = {
            "host": server.host,
            "port": port or server.port,
            "user": service or server.user,
            "password": server.password,
            # a suite of MySQL asks the server whether its session has TLS; another way to it has to read what passes
            "tls": {"mode": "disable"}
            if isinstance(server, LocalPostgres) or port is not None
            else {"mode": "verify-full", "ca": str(server.certificate)},
        }
        settings = {
            "protocol": "postgresql" if isinstance(server, LocalPostgres) else "mysql",
            "listen": {"host": "127.0.0.1", "port": 0},
            "tls": {"certificate": str(shown.certificate), "key": str(shown.key)},
            "upstream": upstream,
            "login": "relay",
            "policies": "policies.yaml",
            "secret_file": "secret",
            "notices": False,
            "limits": {"connections_per_user": 190},
        }
        (directory / "louver.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        process = supervise.start(
            [sys.executable, "-m", "louver", "serve", "--config", directory / "louver.yaml"],
            stop_signal="TERM",
            directory=directory,
            remove_directory=False,
            log=log,
        )
        try:
            yield _port(process, log.fileno())
        finally:
            supervise.end(process)


def _port(process: subprocess.Popen[bytes], log: int) -> int:
    """Wait until Louver says on which port it listens. Raises RuntimeError when it ends before."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        said = os.pread(log, os.fstat(log).st_size, 0).decode("utf-8", "replace")
        if found := re.search(r"listening on [\d.]+:(\d+)", said):
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(f"louver serve did not start:\n{said}")
