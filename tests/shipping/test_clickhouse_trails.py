"""Several trails in one ClickHouse: reports of one, searches and queries of one or of all."""

from __future__ import annotations

import csv
import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from fixtures.bank_week import write_week
from fixtures.clickhouse import PASSWORD, USER
from fixtures.shipped import Written, bodies
from typer.testing import CliRunner

from louver.commands.audit import audit_app
from shipping.clickhouse import ClickHouse
from shipping.dialect import translated, translated_query
from shipping.trail import Place, batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typer.testing import Result

PERIOD = ("--since", "2026-05-13", "--until", "2026-05-21")
UNIT = ("--unit", "branch")


@pytest.fixture(scope="module")
def house(clickhouse_factory: Any, tmp_path_factory: Any) -> Iterator[Any]:
    """A server that holds the week of a bank as bank-1, and another trail of the same numbers as bank-2; where the week lies."""
    week = write_week(tmp_path_factory.mktemp("week") / "audit")
    other = Written(tmp_path_factory.mktemp("other") / "audit")
    other.add(bodies())
    server = clickhouse_factory()
    for name, directory in (("bank-1", week), ("bank-2", other.directory)):
        there = ClickHouse(server.account, name)
        place = there.start(Place())
        for batch in itertools.takewhile(lambda each: each is not None, batches(directory, place, there.sizes)):
            there.send(batch)
        there.close()
    yield server, week
    other.close()


@pytest.fixture
def louver(house: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command of `louver audit` against the server."""
    monkeypatch.setenv("LOUVER_CLICKHOUSE_USER", USER)
    monkeypatch.setenv("LOUVER_CLICKHOUSE_PASSWORD", PASSWORD)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(audit_app, [*arguments, "--clickhouse", house[0].account.url])

    return run


def test_a_report_is_that_of_the_trail(house: Any, louver: Callable[..., Result], tmp_path: Path) -> None:
    """Each figure, each list, and the page; of one of the trails, whose numbers others have, too."""
    here, there = tmp_path / "here", tmp_path / "there"
    done = CliRunner().invoke(
        audit_app, ["report", *PERIOD, *UNIT, "--output", str(here), "--directory", str(house[1])]
    )
    assert done.exit_code == 0, done.output
    done = louver("report", *PERIOD, *UNIT, "--output", str(there), "--trail", "bank-1")
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in here.iterdir())
    assert sorted(path.name for path in there.iterdir()) == names
    assert len(names) > 20
    for name in names:
        if name.endswith(".csv"):
            told, said = (list(csv.reader((each / name).read_text().splitlines())) for each in (here, there))
            assert [list(map(_rounded, row)) for row in said] == [list(map(_rounded, row)) for row in told], name
    one, other = (json.loads((each / "report.json").read_text()) for each in (here, there))
    assert {**other, "made": 0, "tables": 0} == {**one, "made": 0, "tables": 0}
    assert len(one["tables"]["days"]) > 3


def _rounded(value: str) -> str:
    """A number of the same size, whatever digits the two engines give it."""
    try:
        return f"{float(value):.4f}"
    except ValueError:
        return value


def test_one_table_of_a_report(house: Any, louver: Callable[..., Result]) -> None:
    """As the trail itself shows it."""
    for table in ("grants", "denials", "unusual-days", "unclassified-tables"):
        there = louver("report", "--only", table, *PERIOD, "--trail", "bank-1")
        here = CliRunner().invoke(audit_app, ["report", "--only", table, *PERIOD, "--directory", str(house[1])])
        assert (there.exit_code, there.stdout) == (0, here.stdout), there.output


def test_a_trail_is_named_where_there_are_several(louver: Callable[..., Result]) -> None:
    """A report is of one; a name that is not there is told, with those that are."""
    done = louver("report", "--only", "grants")
    assert (done.exit_code, "by --trail; there are bank-1, bank-2" in " ".join(done.stderr.split())) == (2, True)
    for name in ("bank-3", "x' OR '1'='1", ""):
        done = louver("search", "--trail", name) if name else louver("report", "--only", "grants", "--trail", name)
        assert done.exit_code == 2
        assert "bank-1, bank-2" in " ".join(done.stderr.split())
    done = CliRunner().invoke(audit_app, ["search", "--trail", "bank-1"])
    assert (done.exit_code, "--clickhouse URL" in done.stderr) == (2, True)


def test_searches_are_of_one_or_of_all(louver: Callable[..., Result]) -> None:
    """Entries, with how each ended, counts, and SQL."""

    def trails(*options: str) -> dict[str, int]:
        found = louver("search", "--event", "statement", "--limit", "0", "--format", "json", *options)
        assert found.exit_code == 0, found.output
        entries = [json.loads(line) for line in found.stdout.splitlines()]
        assert any(each["outcome"] for each in entries)
        return {name: sum(each["trail"] == name for each in entries) for name in {each["trail"] for each in entries}}

    every = trails()
    assert set(every) == {"bank-1", "bank-2"}
    for name in every:
        assert trails("--trail", name) == {name: every[name]}
        counted = louver("search", "--event", "statement", "--by", "event", "--trail", name, "--format", "json")
        assert json.loads(counted.stdout)["entries"] == every[name]
        asked = louver("sql", "SELECT count(*) AS n FROM statements s", "--trail", name, "--format", "csv")
        assert asked.stdout == f"n\n{every[name]}\n", asked.output
    joined = "SELECT count(*) AS n FROM uses JOIN records r ON r.seq = uses.seq WHERE uses.\"column\" <> ''"
    both, one = (louver("sql", joined, *more, "--format", "json") for more in ((), ("--trail", "bank-1")))
    assert json.loads(one.stdout)["n"] < json.loads(both.stdout)["n"]


def test_nothing_of_another_trail_comes_by_a_name() -> None:
    """Each of the tables is narrowed wherever it stands; what hides one of them is refused."""
    query = (
        "WITH a AS (SELECT * FROM records) SELECT * FROM a, uses u WHERE seq IN (SELECT seq FROM STATEMENTS) UNION "
        "SELECT * FROM records"
    )
    assert translated_query(query, narrow=True).count("{trail: String}") == 4
    assert translated("SELECT 1 FROM records m LEFT JOIN records o ON o.seq = m.seq", narrow=True).count("{trail") == 2
    with pytest.raises(ValueError, match="call what stands behind WITH otherwise than records"):
        translated_query("WITH records AS (SELECT * FROM records) SELECT * FROM records", narrow=True)
