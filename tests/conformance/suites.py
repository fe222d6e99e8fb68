"""What a suite is: where its tests come from, what it needs installed, and how it is told where the server is.

Owns the record of a suite, and those of the suites on PostgreSQL; those on MySQL and MariaDB are in suites_mysql.py.
Their sources are fetched when they are run and never kept in this repository. May not do: run anything.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from louver.demo.mysql import Flavour

    Server = Literal["postgresql"] | Flavour

_TEST_SECONDS = 180  # a test of pg8000 computes for half a minute on a machine of its own
DATABASE = "conformance"
COMMON = ("pytest>=9,<10", "pytest-timeout>=2.4,<3", "tzdata")
"""What the suites that pytest runs need, by default."""
_PYTEST = (
    "-m",
    "pytest",
    "-q",
    "--tb=short",
    "-o",
    "cache_dir={report}.cache",
    "--timeout={seconds}",
    "--junit-xml={report}",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A server or a Louver in front of one, as a suite is told about it, and the file that it shall report to.

    `authority` is the PEM file of who signed the certificate.
    """

    host: str
    port: int
    user: str
    password: str
    database: str
    authority: Path
    report: Path

    def url(self, scheme: str) -> str:
        """The target as a URL."""
        return f"{scheme}://{self.user}:{quote(self.password)}@{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite. Placeholders in `runner`, `arguments`, `environment` and `files`:

    {host} {port} {user} {password} {database} {url}; {authority} is the certificate to trust itself, {report} the path of
    the JUnit file to write, {seconds} how long one test may take.

    `package` is its distribution on PyPI with the exact version; its sdist holds the tests, or, where it does not,
    `repository` and `tag` do. `members` are the parts of the source that are unpacked: the tests and what they
    are configured by, for it is the installed wheel that is tested. `scheme` is the one of {url}. `prepare` is SQL run beforehand in the database.
    `known` gives the reason for tests that fail through Louver by design, by a part of their names.
    `runner` are the first arguments of Python's, and `place` is the directory of the source it is started in. `files` are written there
    beforehand. `kit` is what suites share that differ in nothing but the server: sources and environment.
    """

    name: str
    package: str
    members: tuple[str, ...]
    arguments: tuple[str, ...]
    requires: tuple[str, ...] = ()
    common: tuple[str, ...] = COMMON
    server: Server = "postgresql"
    kit: str = ""
    runner: tuple[str, ...] = _PYTEST
    place: str = "."
    files: Mapping[str, str] = field(default_factory=dict)
    scheme: str = "postgresql"
    database: str = DATABASE
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: str = ""
    repository: str | None = None
    tag: str | None = None
    known: Mapping[str, str] = field(default_factory=dict)

    def reason(self, test: str) -> str | None:
        """Why a test is known to fail through Louver only; None when it is not."""
        return next((reason for part, reason in self.known.items() if part in test), None)

    def command(self, target: Target, more: Sequence[str] = ()) -> list[str]:
        """The arguments of Python for a target; `more` are further ones of the runner's."""
        return [*self._filled(target, (*self.runner, *more, *self.arguments))]

    def variables(self, target: Target) -> dict[str, str]:
        """The environment for a target."""
        return dict(zip(self.environment, self._filled(target, self.environment.values()), strict=True))

    def written(self, target: Target) -> dict[str, str]:
        """The texts of its files for a target, by path."""
        return dict(zip(self.files, self._filled(target, self.files.values()), strict=True))

    def _filled(self, target: Target, texts: Iterable[str]) -> Iterator[str]:
        values = {**asdict(target), "url": target.url(self.scheme), "seconds": _TEST_SECONDS}
        values["authority"] = target.authority.read_text(encoding="ascii")
        return (text.format(**values) for text in texts)


_LIBPQ = {
    "PGHOST": "{host}",
    "PGPORT": "{port}",
    "PGUSER": "{user}",
    "PGPASSWORD": "{password}",
    "PGDATABASE": "{database}",
    "PGSSLMODE": "prefer",
}

_ENCODING = "a session in another encoding than UTF8 is refused, since SQL is read as UTF8"

_SQLALCHEMY_SQL = f"""
CREATE SCHEMA test_schema;
CREATE SCHEMA test_schema_2;
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
ALTER DATABASE {DATABASE} SET timezone TO 'UTC';
"""


def _sqlalchemy(driver: str, *requires: str) -> Suite:
    return Suite(
        name=f"sqlalchemy-{driver}",
        package="SQLAlchemy==2.1.9",
        members=("test", "setup.cfg", "pyproject.toml", "lib"),
        arguments=(
            *("test/dialect/postgresql", "test/dialect/test_suite.py", "-o", "addopts="),
            *("-p", "no:asyncio", "-p", "no:anyio", "--maxfail=10000", "--dburi", "{url}"),
        ),
        requires=("greenlet", "pytest-xdist", *requires),
        scheme=f"postgresql+{driver}",
        environment={"PYTHONNOUSERSITE": "1"},  # so that its conftest imports the installed wheel, not lib/
        prepare=_SQLALCHEMY_SQL,
        known={"::test_client_encoding": _ENCODING} if driver == "psycopg" else {},
    )


SUITES: Mapping[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(
            name="asyncpg",
            package="asyncpg==0.32.0",
            members=("tests",),
            # the class left out checks how the client reads connection strings, and opens none
            arguments=("tests", "-p", "no:asyncio", "--deselect", "tests/test_connect.py::TestConnectionAttributes"),
            requires=("uvloop", "distro"),
            environment=_LIBPQ,
            known={
                "::test_executemany_server_failure_during_writes": "asyncpg looks for an error when its socket is full, "
                "and whatever reads ahead of the server, a plain relay of bytes as well, keeps it from being full"
            },
        ),
        Suite(
            name="pg8000",
            package="pg8000==1.31.6",
            members=("test",),
            arguments=(
                *("test", "-p", "no:asyncio", "--ignore=test/test_readme.py"),
                *(f"--ignore=test/{part}/test_benchmarks.py" for part in ("dbapi", "legacy", "native")),
            ),
            requires=("pytz", "python-dateutil", "pytest-mock"),
            database="postgres",  # it works there and nowhere else
            environment=_LIBPQ,
            prepare="CREATE EXTENSION hstore",
        ),
        Suite(
            name="psycopg",
            package="psycopg[binary,pool]==3.3.4",
            members=("tests", "pyproject.toml"),
            # left out: its slow and its timed tests, those of static types, of CockroachDB and of its pool's own logic
            arguments=(
                *("tests", "-o", "filterwarnings=default", "-m", "not slow and not timing"),
                *("--ignore=tests/test_typing.py", "--ignore=tests/crdb", "--ignore=tests/pool"),
                *("--test-dsn", "host={host} port={port} user={user} password={password} dbname={database}"),
            ),
            requires=("anyio>=4", "pproxy>=2.7"),
            environment={"PSYCOPG_IMPL": "binary", "PGSSLMODE": "prefer"},
            repository="https://github.com/psycopg/psycopg.git",
            tag="3.3.4",
            known={"::test_encoding_env_var[euc": _ENCODING},
        ),
        _sqlalchemy("psycopg", "psycopg[binary]==3.3.4"),
        _sqlalchemy("asyncpg", "asyncpg==0.32.0"),
    )
}
"""All suites, by name."""
