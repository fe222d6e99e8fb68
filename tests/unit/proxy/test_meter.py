"""What the proxy counts of itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.meter import ADDED_BOUNDS, CAUSES, FAMILIES, STATUSES, VERDICTS, Histogram, Meter, cause, family
from rewriter.mysql.kinds import KINDS as MYSQL
from rewriter.postgres.kinds import KINDS as POSTGRES


@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from([*MYSQL, *POSTGRES])), max_size=4))
def test_a_family_is_one_of_ours(kinds: list[str]) -> None:
    """Whatever a rewriter calls a statement."""
    assert family(tuple(kinds)) in FAMILIES


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("SelectStmt",), "select"),
        (("SELECT", "SELECT"), "select"),
        (("SELECT", "SET"), "several"),
        (("CreateStmt",), "definition"),
        (("ALTER TABLE",), "definition"),
        (("VacuumStmt",), "other"),
        (("UNKNOWN",), "unknown"),
        ((), "unknown"),
    ],
)
def test_families(kinds: tuple[str, ...], expected: str) -> None:
    """Both protocols' names mean the same."""
    assert family(kinds) == expected


def test_kinds_that_are_named_are_there() -> None:
    """No name of a statement kind is a slip of the pen."""
    from proxy.meter import _FAMILY_OF  # noqa: PLC0415

    assert set(_FAMILY_OF) - {"UNKNOWN"} <= {*MYSQL, *POSTGRES}
    assert set(_FAMILY_OF.values()) <= set(FAMILIES)


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [("28P01", "credentials"), ("28000", "credentials"), ("53300", "limit"), ("08001", "database"), ("3D000", "other")],
)
def test_causes(sqlstate: str, expected: str) -> None:
    """Why a login was refused."""
    assert cause(sqlstate) == expected
    assert expected in CAUSES


@given(st.lists(st.integers(0, 20_000_000_000)))
def test_a_histogram_has_each_time_once_where_it_belongs(times: list[int]) -> None:
    """A time that equals a bound is below it, as Prometheus has it."""
    histogram = Histogram(ADDED_BOUNDS)
    for each in times:
        histogram.observe(each)
    assert histogram.total == sum(times)
    for number, bound in enumerate(ADDED_BOUNDS):
        assert sum(histogram.counts[: number + 1]) == sum(each <= bound for each in times)
    assert sum(histogram.counts) == len(times)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*STATUSES, "odd"]), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**10)
        )
    )
)
def test_ends_are_counted(ends: list[tuple[str, int, int, int]]) -> None:
    """By status, with rows, bytes and times; a status that nobody knows is no fault of the session."""
    meter = Meter()
    for status, rows, sent, nanoseconds in ends:
        meter.end(status, b"%d" % rows if rows else b"", sent, nanoseconds)
    assert sum(count.number for count in meter.ends.values()) == len(ends)
    assert meter.ends["ok"].number == sum(each[0] == "ok" for each in ends)
    assert (meter.rows, meter.sent, meter.taken.total) == tuple(sum(each[n] for each in ends) for n in (1, 2, 3))
    assert sum(meter.taken.counts) == len(ends)


def test_every_statement_has_a_counter() -> None:
    """For each family and ruling one, there from the start, so that a rate can be taken of the first."""
    meter = Meter()
    assert set(meter.statements) == {(each, verdict) for each in FAMILIES for verdict in VERDICTS}
    assert meter.statement(("SelectStmt",), "deny") is meter.statements["select", "deny"]
