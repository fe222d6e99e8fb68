"""One leg of a comparison: a fresh PostgreSQL, perhaps a Louver in front of it, and a suite run against that.

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

from conformance.results import Outcome, read_outcomes
from conformance.suites import Suite, Target
from louver.demo import supervise
from louver.demo.certificate import make_certificate
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

MASKED_SQL = "CREATE TABLE public.sensitive (phone text)"

_SETTINGS = {"max_prepared_transactions": "10", "max_connections": "200", "wal_level": "logical"}
_HBA = """\
host pg8000_md5 all 127.0.0.1/32 md5
host all all 127.0.0.1/32 scram-sha-256
"""
_PASSWORD = "conformance"  # of lower-case letters, for SQLAlchemy's tests put capitals in place of the parts of URLs
_TEST_SECONDS = 180  # a test of pg8000 computes for half a minute on a machine of its own
_START_SECONDS = 30.0


def run(suite: Suite, tests: Path, python: Path, policy: str | None, more: list[str]) -> dict[str, Outcome]:
    """Run a suite, direct or, with the name of a policy, through Louver; return the outcome of each test.

    `tests` is the unpacked source, `python` the interpreter that has the driver, `more` further arguments of pytest.
    Raises RuntimeError when pytest did not get as far as running tests.
    """
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(LocalPostgres.start(settings=_SETTINGS, hba=_HBA))
        server.run_sql(f"ALTER ROLE {server.user} PASSWORD '{_PASSWORD}'")
        server.password = _PASSWORD
        if suite.database != "postgres":
            server.create_database(suite.database)
        server.run_sql(suite.prepare, suite.database)
        port = server.port
        if policy is not None:
            if policy == "masked":
                server.run_sql(MASKED_SQL, suite.database)
            port = stack.enter_context(louver(server, POLICIES[policy]))
        target = Target(server.host, port, server.user, server.password, suite.database)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        report = scratch / "junit.xml"
        command = [
            python,
            "-m",
            "pytest",
            *suite.command(target),
            *more,
            "-q",
            "--tb=short",
            "-o",
            f"cache_dir={scratch}",
        ]
        command += [f"--timeout={_TEST_SECONDS}", f"--junit-xml={report}"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PYTHON"))}
        log = tests.parent / f"{suite.name}.{policy or 'direct'}.log"
        with log.open("wb") as output:
            environment = {**clean, **suite.variables(target), "PATH": f"{server.bin}{os.pathsep}{os.environ['PATH']}"}
            subprocess.run(command, cwd=tests, env=environment, stdout=output, stderr=output, check=False)
        outcomes = read_outcomes(report.read_text(encoding="utf-8")) if report.exists() else {}
        if not any(outcome.state == "passed" for outcome in outcomes.values()):
            raise RuntimeError(f"the suite {suite.name} did not run; its output is in {log}")
        return outcomes


@contextlib.contextmanager
def louver(
    server: LocalPostgres, policies: str, *, port: int | None = None, service: str | None = None
) -> Iterator[int]:
    """Start Louver with a policy in front of a server, login by the server's own users, TLS offered; give its port.

    `port` is another way to the server, `service` the user by whom Louver reads the catalog.
    """
    with tempfile.TemporaryDirectory(prefix="louver-conformance-") as name, tempfile.TemporaryFile() as log:
        directory = Path(name)
        make_certificate(directory, "louver")
        create_secret(directory / "secret")
        (directory / "policies.yaml").write_text(policies, encoding="utf-8")
        (directory / "password").write_text(server.password, encoding="utf-8")
        (directory / "louver.yaml").write_text(
            f"""\
listen: {{host: 127.0.0.1, port: 0}}
tls: {{certificate: louver.crt, key: louver.key}}
upstream:
  host: {server.host}
  port: {port or server.port}
  user: {service or server.user}
  password_file: password
  tls: {{mode: disable}}
login: relay
policies: policies.yaml
secret_file: secret
notices: false
limits: {{connections_per_user: 190}}
""",
            encoding="utf-8",
        )
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
