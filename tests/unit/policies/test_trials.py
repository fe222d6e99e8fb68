"""Test files of policies: what they say is read, what is not so is told in words."""

import pytest

from policies.loader import parse_policies
from policies.trials import TrialError, policies_of, read_trials

POLICIES = parse_policies("""
version: 1
calendar: {timezone: Asia/Shanghai}
session: {purpose: {values: [care, sales]}}
dictionary:
  - {column: "*.*.*.phone", category: phone, level: 3}
  - {column: "*.*.*.name", category: name, level: 2}
rules:
  - {name: late nobody, columns: {category: phone}, when: session.hour >= 20, treatment: deny}
  - {name: own region, columns: {category: phone}, rows: "region = {principal.region} AND city = {principal.city}", treatment: clear}
  - {name: names, columns: {category: name}, when: session.purpose == "care", treatment: clear}
""")
HEAD = "version: 1\npeople: {tina: {region: East, city: X}}\ntests:\n"


def trials(text: str):
    """The tests of a file."""
    return read_trials(HEAD + text, "t.yaml", POLICIES).trials


@pytest.mark.parametrize(
    ("session", "column", "expected", "failure"),
    [
        ("", "phone", "{treatment: clear, rows: 'region = {principal.region}  AND city = {principal.city}'}", None),
        ("", "phone", "{treatment: clear, rows: 'region = {principal.region}'}", "it is shown as it is, by `own region`, on rows where region = {0} AND city = {1}"),
        ("", "phone", "clear", "it is shown as it is, by `own region`, but only on rows where region = {0} AND city = {1}"),
        ("", "phone", "{treatment: clear, rows: 'region = {principal.region} AND city = {principal.city}', otherwise: full}", "on all other rows it is shown by partial (character: *, hide_at_least: 4, keep_first: 3, keep_last: 4, keep_length: False)"),
        ("session: {at: 2026-11-23T20:00}, ", "phone", "deny", None),
        ("session: {at: 2026-11-23T20:00}, ", "phone", "clear", "it is denied, by `late nobody`"),
        ("session: {at: '2026-11-23T11:59:59+00:00'}, ", "phone", "deny", "it is shown as it is, by `own region`"),
        ("session: {declared: {purpose: care}}, ", "name", "{treatment: clear, rule: names}", None),
        ("session: {declared: {purpose: care}}, ", "name", "{treatment: clear, rule: other}", "it is shown as it is, by `names`"),
        ("", "name", "mask", None),
        ("", "name", "{mask: full}", "it is shown by partial (character: *, hide_at_least: 1, keep_first: 1, keep_last: 0, keep_length: False), by `default mask of category `name``"),
        ("grants: [{columns: {category: name}}], ", "name", "{treatment: clear, rule: grant 1, rows: 'true'}", None),
        ("grants: [{columns: {category: name}, rows: id = 1}], ", "name", "{treatment: clear, rule: grant 1, rows: id = 1, otherwise: {mask: partial, keep_first: 1, keep_last: 0, hide_at_least: 1, keep_length: false}}", None),
        ("grants: [{columns: {category: name}, purpose: care}], ", "name", "mask", None),
        ("session: {declared: {purpose: sales}}, grants: [{columns: {category: name}, purpose: sales}], ", "name", "{treatment: clear, rule: grant 1, rows: 'true'}", None),
        ("grants: [{columns: {category: phone}, rows: id = 1}], ", "phone", "{treatment: clear, rows: '(region = {principal.region} AND city = {principal.city}) OR (id = 1)', rule: own region or grant 1}", None),
        ("", "address", "mask", "the dictionary does not name it, so it is shown as it is"),
    ],
)  # fmt: skip
def test_columns_are_compared_with_what_is_expected(session, column, expected, failure):
    """A test passes or says what the column is instead."""
    (trial,) = trials(f"  - {{name: t, as: tina, {session}columns: {{bank.public.customers.{column}: {expected}}}}}\n")
    assert trial.failures(POLICIES) == ([] if failure is None else [f"bank.public.customers.{column}: {failure}"])


def test_a_query_stands_with_its_answer():
    """Rows are text, as a client shows them; NULL is null."""
    (trial,) = trials('  - {name: t, as: {name: bob, level: 3}, query: SELECT 1, rows: [[1, "x", null, true, 1.50]]}\n')
    assert (trial.principal.name, dict(trial.principal.attributes)) == ("bob", {"level": 3})
    assert trial.rows == (("1", "x", None, "true", "1.5"),)
    assert trial.line == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  - {name: t, as: nina, columns: {a.b.c.d: clear}}\n", "`people` has no `nina`"),
        ("  - {name: t, as: tina}\n", "a test needs `columns`, `tables`, a `limit` or a `query`"),
        ("  - {name: t, as: tina, query: SELECT 1}\n", "a `query` needs either `rows` or `refused`"),
        ("  - {name: t, as: tina, query: SELECT 1, rows: [], refused: x}\n", "a `query` needs either `rows` or `refused`"),
        ("  - {name: t, as: tina, columns: {b.c.d: clear}}\n", "`b.c.d` is not `database.schema.table.column`: it has 3 parts, not 4"),
        ("  - {name: t, as: tina, columns: {a.b.*.d: clear}}\n", "a test names one column, without wildcards"),
        ("  - {name: t, as: tina, columns: {a.b.c.d: seen}}\n", "`a.b.c.d` must be one of `clear`, `mask`, `deny`, not `seen`"),
        ("  - {name: t, as: tina, session: {declared: {purpose: war}}, columns: {a.b.c.d: clear}}\n", "`purpose` takes one of care, sales"),
        ("  - {name: t, as: tina, session: {at: noon}, columns: {a.b.c.d: clear}}\n", "`noon` is no time"),
        ("  - {as: tina, columns: {a.b.c.d: clear}}\n", "a test needs the key `name`"),
        ("  - {name: t, as: tina, grants: [{rows: id = 1}], columns: {a.b.c.d: clear}}\n", "a grant needs the key `columns`"),
        ("  - {name: t, as: tina, grants: [{columns: {category: wage}}], columns: {a.b.c.d: clear}}\n", "no column has the category `wage`"),
        ("  - {name: t, as: tina, grants: [{columns: {category: name}, rows: id = 1;}], columns: {a.b.c.d: clear}}\n", "`rows`: `;` cannot stand in a row condition"),
    ],
)  # fmt: skip
def test_mistakes_have_their_place(text, message):
    """A file with a mistake is refused with its line."""
    with pytest.raises(TrialError) as failed:
        trials(text)
    assert [(problem.line, problem.message) for problem in failed.value.problems] == [(4, message)]


def test_the_policy_file_is_named_in_the_test_file():
    """A test file can say which policies it is about."""
    assert policies_of("version: 1\npolicies: a.yaml\ntests: []\n", "t") == "a.yaml"
    assert policies_of("version: 1\ntests: []\n", "t") is None
    with pytest.raises(TrialError):
        policies_of("", "t")


ROWS = parse_policies("""
version: 1
filters:
  - {name: own, tables: people, when: principal.role == "clerk", rows: "region = {principal.region}"}
  - {name: all of them, tables: people, when: principal.role == "boss", rows: "true"}
limits:
  - {name: few, when: principal.role == "clerk", rows_per_hour: 10, statements_per_hour: 5}
""")


@pytest.mark.parametrize(
    ("role", "expected", "failures"),
    [
        ("clerk, region: x", "tables: {s.people: {rows: 'region  = {principal.region}', filter: own}, s.other: all}", []),
        ("clerk, region: x", "tables: {s.people: {rows: 'region = 1'}}", ["s.people: only rows are there where region = {0}, by `own`"]),
        ("clerk, region: x", "tables: {s.people: all}", ["s.people: only rows are there where region = {0}, by `own`"]),
        ("clerk, region: x", "tables: {s.other: none}", ["s.other: all rows are there"]),
        ("clerk", "tables: {s.people: refused}", []),
        ("boss", "tables: {s.people: all}", []),
        ("boss", "tables: {s.people: {filter: own}}", ["s.people: all rows are there, by `all of them`"]),
        ("guest", "tables: {s.people: none}", []),
        ("guest", "tables: {s.people: refused}", ["s.people: no row is there, by `own`"]),
        ("clerk", "limit: {name: few, rows_per_hour: 10}", []),
        ("clerk", "limit: {rows_per_statement: 10}", ["limit: at most 5 statements an hour, 10 rows an hour, by limit `few`"]),
        ("clerk", "limit: none", ["limit: at most 5 statements an hour, 10 rows an hour, by limit `few`"]),
        ("boss", "limit: none", []),
        ("boss", "limit: {name: few}", ["limit: any number of statements and rows"]),
    ],
)  # fmt: skip
def test_rows_and_limits_are_compared_with_what_is_expected(role, expected, failures):
    """A test of a filter or a limit passes, or says what there is instead."""
    (trial,) = read_trials(HEAD + f"  - {{name: t, as: {{role: {role}}}, {expected}}}\n", "t.yaml", ROWS).trials
    assert trial.failures(ROWS) == failures


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        ("tables: {people: all}", "`schema.table`"),
        ("tables: {s.*: all}", "a test names one table, without wildcards"),
        ("tables: {s.people: some}", "must be one of"),
        ("tables: {s.people: {}}", "nothing is expected of `s.people`"),
        ("tables: {s.people: {row: x}}", "unknown key"),
        ("limit: much", "must be one of"),
        ("limit: {rows_per_hour: 0}", "`rows_per_hour` must be"),
    ],
)
def test_mistakes_of_expectations_are_told(expected, problem):
    """With their place."""
    with pytest.raises(TrialError) as told:
        read_trials(HEAD + f"  - {{name: t, as: tina, {expected}}}\n", "t.yaml", ROWS)
    assert problem in str(told.value)
