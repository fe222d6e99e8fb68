"""The run: three servers, Louver before the third, psql through the suite's files in the order of its schedule.

Owns the processes and the results. May not do: judge an answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import leg
from conformance.regress.backdoor import Backdoor
from conformance.regress.tee import Tee
from louver.demo.postgres import LocalPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from conformance.regress.tee import Found

IDENTITY = """\
version: 1
dictionary:
  - {column: "*.*.*.*", category: everything, level: 1}
rules:
  - {name: every row is shown, columns: {category: everything}, rows: "true", treatment: clear, explain: allow}
"""
"""Every column is labelled and shown on the rows where TRUE holds: each reference is substituted, no value changes. Plans may be seen."""

_HBA = "host all all 127.0.0.1/32 scram-sha-256\n"
_SERVICE = "louver_service"
_PASSWORD = "regression"
_DATABASE = "regression"
_SETTINGS = {
    "autovacuum": "off",  # what it does and when would differ from server to server
    "max_prepared_transactions": "2",
    "max_connections": "60",
    "lc_messages": "C",
    "timezone_abbreviations": "Default",
}
_ENVIRONMENT = {
    "PGTZ": "America/Los_Angeles",
    "PGDATESTYLE": "Postgres, MDY",
    "PGOPTIONS": "-c intervalstyle=postgres_verbose",
    "PGAPPNAME": "pg_regress",
}
"""What the suite expects of its sessions, as its own driver sets it."""

_FILE_SECONDS = 1800


def schedule(sources: Path) -> list[str]:
    """The names of the suite's files in their order."""
    lines = (sources / "parallel_schedule").read_text(encoding="utf-8").splitlines()
    return [name for line in lines if line.startswith("test:") for name in line.removeprefix("test:").split()]


def run(sources: Path, results: Path, files: Sequence[str], library: Path | None = None) -> Iterator[str]:
    """Run files of the suite in the order of its schedule; gives the name of each when it has been run.

    `sources` is src/test/regress of PostgreSQL's source, `library` the directory of its regress.so. Leaves
    `results`/NAME.jsonl with one line for each statement; a file that has it is not run again. What stands before a file in the
    schedule, and is not run now, is run on the servers direct, for files need what others have made.
    """
    order = [*schedule(sources), *(name for name in files if name not in schedule(sources))]
    wanted = [name for name in order if name in files and not (results / f"{name}.jsonl").exists()]
    if not wanted:
        return
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(LocalPostgres.start(settings=_SETTINGS, hba=_HBA)) for _ in range(3)]
        for server in servers:
            server.run_sql(f"ALTER ROLE {server.user} PASSWORD '{_PASSWORD}'")
            server.password = _PASSWORD
            server.run_sql(f"CREATE ROLE {_SERVICE} SUPERUSER LOGIN PASSWORD '{_PASSWORD}'")
            server.run_sql(f"CREATE DATABASE {_DATABASE} TEMPLATE template0")
        found: list[dict[str, object]] = []
        backdoor = Backdoor(servers[2].port, _SERVICE)
        stack.callback(backdoor.close)
        port = stack.enter_context(leg.louver(servers[2], IDENTITY, port=backdoor.port, service=_SERVICE))
        ports = (servers[0].port, servers[1].port, port)
        tee = Tee((servers[0].user, _PASSWORD), ports, backdoor, lambda one: found.append(_line(one)))
        stack.callback(tee.close)
        places = [_places(stack, sources, library) for _ in servers]
        for name in order[: order.index(wanted[-1]) + 1]:
            script = sources / "sql" / f"{name}.sql"
            if name not in wanted:
                scripts = [
                    _psql(server, server.port, script, place) for server, place in zip(servers, places, strict=True)
                ]
                for process in scripts:
                    process.wait(timeout=_FILE_SECONDS)
                continue
            found.clear()
            _psql(servers[0], tee.port, script, places[0]).wait(timeout=_FILE_SECONDS)
            lines = "".join(json.dumps({"file": name, **line}) + "\n" for line in found)
            unfinished = results / f"{name}.part"
            unfinished.write_text(lines, encoding="utf-8")
            unfinished.rename(results / f"{name}.jsonl")
            yield name


def _places(stack: contextlib.ExitStack, sources: Path, library: Path | None) -> dict[str, Path]:
    """Where scripts find things, with a directory to write to of their own."""
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    (scratch / "results").mkdir()
    scratch.chmod(0o755)
    (scratch / "results").chmod(0o777)
    return {"PG_ABS_SRCDIR": sources, "PG_ABS_BUILDDIR": scratch, "PG_LIBDIR": library or scratch}


def _psql(server: LocalPostgres, port: int, script: Path, places: Mapping[str, Path]) -> subprocess.Popen[bytes]:
    """Let psql run a script; what it says is of no interest."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    environment = {
        **clean,
        **_ENVIRONMENT,
        **{name: str(path) for name, path in places.items()},
        "PATH": f"{server.bin}{os.pathsep}{clean['PATH']}",
        "LANG": "C",
        "PG_DLSUFFIX": ".so",
        "PGPASSWORD": _PASSWORD,
        "PGCLIENTENCODING": "UTF8",
    }
    command = [server.bin / "psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", server.user, "-d", _DATABASE]
    command += ["-v", "HIDE_TABLEAM=on", "-v", "HIDE_TOAST_COMPRESSION=on", "-f", script]
    return subprocess.Popen(
        command,
        cwd=places["PG_ABS_BUILDDIR"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )


def _line(found: Found) -> dict[str, object]:
    line: dict[str, object] = {"outcome": found.outcome, "class": found.kind, "text": found.text[:2000]}
    if found.outcome in {"differs", "refused"} or (found.outcome == "failed" and found.kind != "alike"):
        line["direct"], line["louver"] = (repr(answer)[:1500] for answer in (found.direct, found.louver))
    return line
