"""`python -m conformance [SUITE ...]` (with tests/ on the path): run suites direct and through Louver, and compare.

Owns the command line, the cache of sources and environments, and the report. Writes BUILD/SUITE.json with every
difference, and the output of each run beside it. Exit code 1 when a test fails through Louver only and has no reason.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from brought import drivers
from brought.__main__ import PLACE
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from conformance import leg
from conformance.mysqltest import run as mysqltest
from conformance.mysqltest.reasons import BY_TEXT, REASONS, statements
from conformance.regress import report, run
from conformance.results import count, differences
from conformance.suites import SUITES
from conformance.suites_mysql import MYSQL_SUITES
from louver.demo.mysql import find, flavour_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.results import Difference
    from conformance.suites import Suite
    from louver.demo.mysql import Flavour

ALL = {**SUITES, **MYSQL_SUITES}
_BUILD_TOOLS = (
    "setuptools>=77",
    "wheel",
    "cython>=3.1",
    "hatchling",
    "versioningit",
    "setuptools-scm[toml]>=8",
)  # what pip needs to read the name out of an sdist
console = Console()


def main() -> int:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__.split("\n", 1)[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="which suites (default: all)")
    parser.add_argument("--policy", default="allow-all", choices=leg.POLICIES, help="what Louver is told")
    parser.add_argument("--build", type=Path, default=Path("build/conformance"), help="cache of sources, and results")
    parser.add_argument("--select", help="pytest's -k")
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="SUITE=DIRECTORY",
        help="an unpacked source instead of fetching",
    )
    parser.add_argument(
        "--sources",
        type=Path,
        metavar="DIRECTORY",
        help="for `regress`: PostgreSQL's unpacked source, of the version of the server under test; for `mysqltest`: the directory "
        "mysql-test of MySQL's or MariaDB's source",
    )
    parser.add_argument(
        "--library", type=Path, metavar="DIRECTORY", help="for `regress`: where its regress.so is, if it has been built"
    )
    parser.add_argument(
        "--file", action="append", default=[], help="for `regress` and `mysqltest`: files of it (default: all)"
    )
    options = parser.parse_args()
    if "regress" in options.suites:
        return _regress(parser, options)
    if "mysqltest" in options.suites:
        return _mysqltest(parser, options)
    unknown = [name for name in options.suites if name not in ALL]
    if unknown:
        parser.error(f"there is no suite {', '.join(unknown)}; there are {', '.join([*ALL, 'regress', 'mysqltest'])}")
    sources = dict(item.split("=", 1) for item in options.source)
    build = options.build.resolve()
    build.mkdir(parents=True, exist_ok=True)
    worse = 0
    for name in options.suites or ALL:
        suite = ALL[name]
        python = _environment(suite, build)
        tests = _tests(suite, build, python, sources.get(name))
        more = ["-k", options.select] if options.select else []
        console.print(f"[bold]{name}[/bold] ({suite.package}): direct ...")
        direct = leg.run(suite, tests, python, None, more)
        console.print(f"[bold]{name}[/bold]: through Louver, {options.policy} ...")
        louver = leg.run(suite, tests, python, options.policy, more)
        found = differences(direct, louver)
        counts = {"direct": dict(count(direct)), "louver": dict(count(louver))}
        result = {"suite": name, "package": suite.package, "policy": options.policy, **counts}
        result["differences"] = [asdict(difference) for difference in found]
        (build / f"{name}.{options.policy}.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
        console.print(f"direct {counts['direct']}, through Louver {counts['louver']}")
        console.print(_table(suite, found))
        failing = [d.test for d in found if d.louver is not None and d.louver.state in {"failed", "error"}]
        worse += sum(suite.reason(test) is None for test in failing)
    return 1 if worse else 0


def _regress(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Run PostgreSQL's own regression statements; 1 when a class of differences has no reason."""
    if options.suites != ["regress"] or options.sources is None:
        parser.error("`regress` runs alone, and needs --sources DIRECTORY with PostgreSQL's source")
    sources = next((p for p in (options.sources / "src/test/regress", options.sources) if (p / "sql").is_dir()), None)
    if sources is None:
        parser.error(f"there is no src/test/regress/sql below {options.sources}")
    results = options.build / "regress"
    results.mkdir(parents=True, exist_ok=True)
    files = options.file or run.schedule(sources)
    with Progress(console=console) as progress:
        todo = [name for name in files if not (results / f"{name}.jsonl").exists()]
        for _ in progress.track(run.run(sources.resolve(), results, todo, options.library), total=len(todo)):
            pass
    found = report.read(line for name in files for line in (results / f"{name}.jsonl").open(encoding="utf-8"))
    console.print(found.table())
    console.print(found.line(), soft_wrap=True)
    return 1 if found.unexplained else 0


def _mysqltest(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Run the test statements of MySQL or MariaDB, whichever the directory is of; 1 when a class of differences has no reason."""
    if options.suites != ["mysqltest"] or options.sources is None:
        parser.error("`mysqltest` runs alone, and needs --sources DIRECTORY, the one called mysql-test")
    sources = options.sources.resolve()
    flavour: Flavour = "mariadb" if (sources / "main").is_dir() else "mysql"
    program = find(flavour, PLACE)
    if program is None or flavour_of(program) != flavour or not mysqltest.files(sources, flavour):
        parser.error(f"there are no test files below {sources}, or no server for them: make servers")
    results = options.build / "mysqltest" / flavour
    files = options.file or mysqltest.files(sources, flavour)
    with Progress(console=console) as progress:
        todo = [name for name in files if not mysqltest.place(results, name).exists()]
        for _ in progress.track(mysqltest.run(sources, flavour, program, results, todo), total=len(todo)):
            pass
    lines = [line for name in files for line in mysqltest.place(results, name).open(encoding="utf-8")]
    found = report.read(statements(lines), REASONS, BY_TEXT)
    console.print(found.table())
    console.print(found.line(), soft_wrap=True)
    return 1 if found.unexplained else 0


def _environment(suite: Suite, build: Path) -> Path:
    """Make the suite's own virtual environment unless it is there; return its Python."""
    directory = build / f"venv-{suite.kit or suite.name}"
    python = directory / "bin" / "python"
    stamp = directory / "installed"
    wanted = "\n".join((suite.package, *suite.requires, *suite.common, *_BUILD_TOOLS))
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        venv.create(directory, with_pip=True, clear=True)
        needed = drivers.client_library() if "mysqlclient" in wanted else {}
        _run(python, "-m", "pip", "install", "--quiet", *wanted.split("\n"), environment=needed)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def _tests(suite: Suite, build: Path, python: Path, source: str | None) -> Path:
    """Put the suite's tests, and nothing else of its source, into a directory; return it."""
    directory = build / f"tests-{suite.kit or suite.name}"
    if directory.exists():
        return directory
    with tempfile.TemporaryDirectory() as scratch:
        if source is not None:
            unpacked = Path(source)
        elif suite.repository is not None and suite.tag is not None:
            unpacked = Path(scratch) / "clone"
            _run("git", "clone", "--quiet", "--depth", "1", "--branch", suite.tag, suite.repository, unpacked)
        else:
            command = ("-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:")
            _run(python, *command, "--dest", scratch, suite.package)
            archive = next(Path(scratch).glob("*.tar.gz"))
            shutil.unpack_archive(archive, scratch)
            unpacked = Path(scratch) / archive.name.removesuffix(".tar.gz")
        directory.mkdir()
        for member in suite.members:
            copy = shutil.copytree if (unpacked / member).is_dir() else shutil.copy
            copy(unpacked / member, directory / member)
    return directory


def _run(*command: str | Path, environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, check=True, env={**os.environ, **(environment or {})})


def _table(suite: Suite, found: list[Difference]) -> Table:
    table = Table("test", "direct", "through Louver", "reason, or what it says", title=f"{len(found)} differences")
    for difference in found[:100]:
        direct, louver = difference.direct, difference.louver
        states = [outcome.state if outcome else "not run" for outcome in (direct, louver)]
        said = next((outcome.reason for outcome in (louver, direct) if outcome and outcome.reason), "")
        said = suite.reason(difference.test) or said
        table.add_row(difference.test, *states, said)
    return table


sys.exit(main())
