"""What people and their tools send every day to MySQL and MariaDB works, with the right answers, for a caller from whom columns are hidden."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
import yaml
from fixtures.louver import running_louver
from fixtures.mysql_twins import CLERK, FOLDER, SECRET, MySQLTwins

from rewriter.keys import key_material
from rewriter.mysql.masks import key_statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from louver.demo.mysql import LocalMySQL

CASES = Path(__file__).parent / "mysql"


def _cases(against: str) -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8")):
            if group["against"] == against:
                cases = [{"sql": each} if isinstance(each, str) else each for each in group["statements"]]
                found += [pytest.param(case, id=f"{group['tool']}: {_first(case)}"[:90]) for case in cases]
    return found


def _first(case: dict[str, Any]) -> str:
    return str(case["steps"][0] if "steps" in case else case["sql"])


def _family(kind: int) -> str:
    """What a driver makes of a type: the width of a masked number and the length of a masked text are those of an expression."""
    if kind in {1, 2, 3, 8, 9}:
        return "integer"
    if kind in {7, 12}:
        return "time"
    return "text" if kind in {245, 249, 250, 251, 252, 253, 254} else str(kind)


@dataclass(frozen=True)
class Answer:
    """What counts of an answer: (name, family of types) of the columns, rows, affected rows, warnings, and the error."""

    columns: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[object, ...], ...] = ()
    affected: int = 0
    warnings: int = 0
    error: tuple[object, ...] = ()


class Shop:
    """The clerk's way through Louver, the real rows direct, and the database that holds what the clerk may see."""

    def __init__(self, twins: MySQLTwins, port: int, password: str) -> None:
        self.twins = twins
        self._louver = {"host": "127.0.0.1", "port": port, "user": CLERK.name, "password": password}
        self._open: dict[str, pymysql.Connection[Any]] = {}

    def connection(self, way: str) -> pymysql.Connection[Any]:
        """A connection that is kept: louver, real or masked."""
        if way not in self._open:
            schema = self.twins.schemas["m" if way == "masked" else "a"]
            given = {"charset": "utf8mb4", "conv": {}, "autocommit": True, "read_timeout": 30, "database": schema}
            if way == "louver":
                self._open[way] = pymysql.connect(**given, **self._louver)
            else:
                del given["autocommit"], given["database"]
                self._open[way] = self.twins.server.connect(schema, **given)
                with self._open[way].cursor() as cursor:
                    cursor.execute(key_statement(key_material(SECRET, "louver.key_c0ffee")))
        return self._open[way]

    def tell(self, way: str, case: dict[str, Any]) -> list[Answer]:
        """What is answered to the steps of a case; those that write are rolled back."""
        schema = self.twins.schemas["m" if way == "masked" else "a"]
        steps = [step.replace("{s}", schema) for step in case.get("steps", [case.get("sql", "")])]
        writes = case["group"] == "masked" and "steps" in case
        connection = self.connection(way)
        if writes:
            connection.begin()
        try:
            return [self._ask(connection, step, case.get("values")) for step in steps]
        finally:
            if writes:
                connection.rollback()

    def _ask(self, connection: pymysql.Connection[Any], text: str, values: Sequence[object] | None) -> Answer:
        if values is not None:
            return self._prepared(connection, text, values)
        try:
            connection.query(text)
        except pymysql.MySQLError as error:
            return Answer(error=(error.args[0], self._neutral(str(error.args[1]))))
        result = connection._result
        columns = tuple((field.name, _family(field.type_code)) for field in getattr(result, "fields", ()))
        rows = tuple(tuple(map(self._neutral, row)) for row in result.rows or ())
        return Answer(columns, rows, result.affected_rows, result.warning_count)

    def _prepared(self, connection: pymysql.Connection[Any], text: str, values: Sequence[object]) -> Answer:
        """By the protocol's prepared statements where a driver has them; PREPARE is another matter."""
        import mysql.connector  # noqa: PLC0415  PyMySQL has none

        given = {
            "host": "127.0.0.1",
            "port": connection.port,
            "user": connection.user.decode(),
            "password": connection.password.decode(),
            "database": connection.db.decode(),
            "use_pure": True,
        }
        with mysql.connector.connect(**given) as other, other.cursor(prepared=True) as cursor:
            cursor.execute(text, tuple(values))
            # this driver gives bytes for a text of a binary collation that is not a table's own column
            decoded = (
                (v.decode() if isinstance(v, bytes | bytearray) else v for v in row) for row in cursor.fetchall()
            )
            rows = tuple(tuple(map(self._neutral, row)) for row in decoded)
            return Answer(tuple((column[0], _family(int(column[1]))) for column in cursor.description), rows)

    def _neutral(self, value: object) -> object:
        """A value with one name for the schemas of all worlds, and without what names the session."""
        if isinstance(value, bytes):
            return re.sub(rb"twin[abm]_", b"twin?_", value)
        return re.sub(r"twin[abm]_", "twin?_", value) if isinstance(value, str) else value

    def close(self) -> None:
        """Close the connections."""
        while self._open:
            self._open.popitem()[1].close()


@pytest.fixture(scope="module")
def shop(either: LocalMySQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The twins of the noninterference tests, with a real Louver before them; gone afterwards."""
    twins = MySQLTwins(either)
    secret = tmp_path_factory.mktemp("shop") / "secret"
    secret.touch(mode=0o600)
    secret.write_bytes(base64.b64encode(SECRET))
    with running_louver(
        either,
        policies=(FOLDER / "policies.yaml").read_text(),
        users={CLERK.name: dict(CLERK.attributes)},
        protocol="mysql",
        secret_file=str(secret),
    ) as louver:
        shop = Shop(twins, louver.port, louver.passwords[CLERK.name])
        yield shop
        shop.close()
    twins.close()


@pytest.mark.parametrize("case", _cases("masked"))
def test_statements_answer_as_in_the_masked_world(shop: Shop, case: dict[str, Any]) -> None:
    """The answer is that of the database which holds what the caller may see: rows, columns, counts, errors."""
    _check(shop, {**case, "group": "masked"}, "masked")


@pytest.mark.parametrize("case", _cases("catalog"))
def test_questions_to_the_catalogs_answer_as_direct(shop: Shop, case: dict[str, Any]) -> None:
    """What tools ask about the server and its tables is answered as without Louver."""
    _check(shop, {**case, "group": "catalog"}, "real")


@pytest.mark.parametrize("case", _cases("direct"))
def test_sessions_are_set_up_and_definitions_made_as_direct(shop: Shop, case: dict[str, Any]) -> None:
    """What sets up a session, migrates and dumps does the same as without Louver."""
    _check(shop, {**case, "group": "direct"}, "real")


def _check(shop: Shop, case: dict[str, Any], other: str) -> None:
    flavour = shop.twins.server.flavour
    if case.get("only", flavour) != flavour:
        return
    if case["group"] == "direct":  # what an earlier case has set is of no interest
        shop.close()
    mine = shop.tell("louver", case)
    if "refused" in case:
        assert case["refused"] in " ".join(str(part) for part in mine[-1].error)
        assert case["why"]
        return
    theirs = shop.tell(other, case)
    assert not any(answer.error for answer in theirs)
    if case.get("within") == "columns":
        assert [(answer.columns, answer.error) for answer in mine] == [(a.columns, a.error) for a in theirs]
    else:
        assert [_sorted(a, case) for a in mine] == [_sorted(a, case) for a in theirs]


def _sorted(answer: Answer, case: dict[str, Any]) -> Answer:
    """An answer in any order of rows where none was asked for."""
    if "order by" in str(case).lower():
        return answer
    return Answer(answer.columns, tuple(sorted(answer.rows, key=repr)), answer.affected, answer.warnings, answer.error)


def test_there_are_enough_of_them() -> None:
    """At least three hundred statements are tried on each server."""
    assert sum(len(_cases(against)) for against in ("masked", "catalog", "direct")) >= 300
