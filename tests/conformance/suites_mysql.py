"""The suites on MySQL and MariaDB: each runs on both, `NAME-mysql` and `NAME-mariadb`.

Owns their records. May not do: run anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.suites import Suite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CLASSIC_HASHING = (
    "INSTALL COMPONENT 'file://component_classic_hashing';\n"  # MD5() and SHA1(), which MySQL 9.6 took out
)

_DJANGO_LABELS = (
    *("backends", "queries", "aggregation", "aggregation_regress", "annotations", "expressions", "expressions_case"),
    *("expressions_window", "transactions", "transaction_hooks", "bulk_create", "db_functions", "introspection"),
    *(
        "inspectdb",
        "basic",
        "lookup",
        "migrations",
        "schema",
        "select_for_update",
        "model_fields",
        "datatypes",
        "db_utils",
    ),
    *("get_or_create", "raw_query", "async", "cache"),
)
_DJANGO_SETTINGS = """\
DATABASES = dict(
    (
        alias,
        dict(
            ENGINE="django.db.backends.mysql", HOST="{host}", PORT="{port}", USER="{user}", PASSWORD="{password}",
            NAME="{database}" + end, OPTIONS=dict(ssl=dict(ca="ca.pem")), TEST=dict(CHARSET="utf8mb4"),
        ),
    )
    for alias, end in (("default", ""), ("other", "_other"))
)
SECRET_KEY = "conformance"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "xmlrunner.extra.djangotestrunner.XMLTestRunner"
TEST_OUTPUT_FILE_NAME = "{report}"
"""


def _sqlalchemy(driver: str, *requires: str) -> Suite:
    return Suite(
        name=f"sqlalchemy-{driver}",
        package="SQLAlchemy==2.1.9",
        members=("test", "setup.cfg", "pyproject.toml", "lib"),
        arguments=(
            *("test/dialect/mysql", "test/dialect/test_suite.py", "-o", "addopts="),
            *("-p", "no:asyncio", "-p", "no:anyio", "--maxfail=10000", "--dburi", "{url}?charset=utf8mb4"),
        ),
        requires=("greenlet", "pytest-xdist", *requires),
        scheme=driver,
        environment={"PYTHONNOUSERSITE": "1"},  # so that its conftest imports the installed wheel, not lib/
        prepare="CREATE DATABASE test_schema CHARACTER SET utf8mb4;\n",
    )


_ON_BOTH = (
    Suite(
        name="aiomysql",
        package="aiomysql==0.3.2",
        members=("tests",),
        arguments=("tests", "--mysql-address", "server={host}:{port}"),
        requires=("PyMySQL==1.1.2", "SQLAlchemy==1.3.24", "uvloop"),
        common=("pytest>=8.4,<9", "pytest-timeout>=2.4,<3"),
        environment={"MYSQL_ROOT_PASSWORD": "{password}"},
        files={"tests/ssl_resources/ssl/ca.pem": "{authority}", "pytest.ini": "[pytest]\n"},
    ),
    _sqlalchemy("pymysql", "PyMySQL==1.2.4"),
    _sqlalchemy("mysqldb", "mysqlclient==2.3.1"),
    _sqlalchemy("mysqlconnector", "mysql-connector-python==26.10.0"),
    _sqlalchemy("asyncmy", "asyncmy==0.2.18"),
    Suite(
        name="django",
        package="Django==5.2.19",
        members=("tests",),
        requires=("mysqlclient==2.3.1", "unittest-xml-reporting==4.0.0"),
        runner=("runtests.py", "--settings=conformance_settings", "--parallel=1", "--noinput", "-v0"),
        place="tests",
        arguments=_DJANGO_LABELS,
        files={"tests/conformance_settings.py": _DJANGO_SETTINGS, "tests/ca.pem": "{authority}"},
    ),
)


def _each() -> Iterator[Suite]:
    for suite in _ON_BOTH:
        scheme = f"mysql+{suite.scheme}" if suite.name.startswith("sqlalchemy") else suite.scheme
        yield replace(
            suite,
            name=f"{suite.name}-mysql",
            kit=suite.name,
            server="mysql",
            scheme=scheme,
            prepare=suite.prepare + _CLASSIC_HASHING,
        )
        yield replace(
            suite,
            name=f"{suite.name}-mariadb",
            kit=suite.name,
            server="mariadb",
            scheme=scheme.replace("mysql+", "mariadb+"),
        )


MYSQL_SUITES: Mapping[str, Suite] = {suite.name: suite for suite in _each()}
"""All suites on the two, by name."""
