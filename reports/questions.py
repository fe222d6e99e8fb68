"""What a report asks of the trail: sources made of its tables, and questions over the sources.

Owns the SQL. It is written for DuckDB and stays within what sqlglot renders for other engines: no quantiles, no windows, no lists but
by unnest. The period goes as `$since` and `$until`, what stands before it as `$before`. May not do: run anything.

    asked    one row for each statement of the period: person (whom it is for), unit, how it ended
    used     one row for each sensitive column that one of them reads
    told     all other events up to the period's end; grants and policies reach back beyond its beginning
    earlier  one row for each person, day and sensitive column of the four weeks before
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

UNITS: Final = ("unit", "department", "branch", "region")
"""Attributes that say of which part of the house somebody is, the first that is known."""

_ATTRIBUTE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_BURST: Final = 10
"""Refusals within one hour that make a burst."""

_PERSON: Final = "coalesce(s.on_behalf_of, s.principal)"
_PERIOD: Final = "time >= CAST($since AS TIMESTAMP) AND {0}time < CAST($until AS TIMESTAMP)"
_SHOWN: Final = "ruling <> 'deny' AND status <> 'skipped'"
"""A statement that reached the database. One that failed or was cut off may have shown rows before."""


class UnitError(ValueError):
    """What was given as a unit is no name of an attribute; the message says what is."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question: the name of its answer, in words what it says, and its SQL over the sources."""

    name: str
    title: str
    sql: str


def sources(units: Sequence[str] = UNITS) -> dict[str, str]:
    """Return the sources by name, each made of the trail's tables and those before it. Raises UnitError."""
    for name in units:
        if not _ATTRIBUTE.fullmatch(name):
            raise UnitError(f"--unit takes the name of an attribute such as department, not {name!r}")
    # an engine may give an empty text for what is missing
    said = ", ".join(f"nullif(json_extract_string(s.attributes, '$.{name}'), '')" for name in units)
    asked = f"""
SELECT s.seq, s.time, CAST(s.time AS DATE) AS day, {_PERSON} AS person, s.principal, coalesce({said}, '') AS unit, s.address,
       s.application, s."database", s.relations, s.grants, s.ruling, s.policy, s.reason, s.sqlstate,
       coalesce(s.status, CASE WHEN s.ruling = 'deny' THEN 'denied' ELSE 'open' END) AS status, coalesce(s."rows", 0) AS answered,
       coalesce(s.bytes, 0) AS bytes, s.duration_us
FROM statements s WHERE s.{_PERIOD.format("s.")}"""
    used = f"""
SELECT u."column", regexp_replace(u."column", '[.][^.]*$', '') AS "table", coalesce(u.category, '') AS category,
       coalesce(u.level, 0) AS level, u.treatment, u.mask, u.rule, u."rows" AS condition, a.seq, a.time, a.day, a.person, a.principal,
       a.unit, a.address, a.application, a."database", a.ruling, a.status, a.answered
FROM uses u JOIN asked a ON a.seq = u.seq WHERE u.{_PERIOD.format("u.")}"""
    told = """
SELECT r.seq, r.time, r.event, r.session, r.principal, r.address, r.application, r."database", r.what, r.reason, r.sqlstate, r.ok,
       r."grant", r.person, r."column", r.category, r.level, r.line,
       coalesce(r.policy, nullif(json_extract_string(r.line, '$.revision'), '')) AS revision
FROM records r
WHERE r.event IN ('started', 'stopped', 'reloaded', 'login_refused', 'labelled', 'grant', 'alert', 'denial', 'recovered',
                  'unrecorded', 'response')
  AND r.time < CAST($until AS TIMESTAMP)"""
    earlier = f"""
SELECT {_PERSON} AS person, CAST(s.time AS DATE) AS day, u."column", u.treatment, s.ruling, s.seq, coalesce(s."rows", 0) AS answered
FROM uses u JOIN statements s ON s.seq = u.seq
WHERE s.time >= CAST($before AS TIMESTAMP) AND s.time < CAST($since AS TIMESTAMP)
  AND u.time >= CAST($before AS TIMESTAMP) AND u.time < CAST($since AS TIMESTAMP)"""
    return {"asked": asked, "used": used, "told": told, "earlier": earlier}


def standalone(question: Question, units: Sequence[str] = UNITS) -> str:
    """Return a question with its sources, for an engine that has but the trail's tables. Raises UnitError."""
    made = ", ".join(f"{name} AS ({sql})" for name, sql in sources(units).items())
    return f"WITH {made} SELECT * FROM ({question.sql}) AS answer"


_WITH_REFUSED: Final = """(SELECT person, unit, seq, treatment, ruling, status, answered FROM used
UNION ALL SELECT person, unit, seq, 'deny' AS treatment, ruling, status, answered FROM asked WHERE ruling = 'deny') AS either"""
"""Uses of columns, and statements that were refused, of whose columns nothing may be known."""


def _uses(of: str, name: str, title: str, more: str = "", source: str = "used") -> Question:
    """How sensitive columns were used, by something: each statement counts once, whatever number of its columns it is about."""
    return Question(
        name,
        title,
        f"""
SELECT {of}{more}, count(DISTINCT person) AS people, count(DISTINCT seq) AS statements,
       count(DISTINCT CASE WHEN treatment = 'clear' AND {_SHOWN} THEN seq END) AS clear,
       count(DISTINCT CASE WHEN treatment = 'mask' AND {_SHOWN} THEN seq END) AS masked,
       count(DISTINCT CASE WHEN ruling = 'deny' THEN seq END) AS denied,
       sum(CASE WHEN treatment = 'clear' AND {_SHOWN} THEN answered ELSE 0 END) AS clear_values,
       sum(CASE WHEN treatment = 'mask' AND {_SHOWN} THEN answered ELSE 0 END) AS masked_values
FROM {source} GROUP BY {of} ORDER BY statements DESC, {of}""",
    )


def _by_day(of: str, name: str, title: str) -> Question:
    return Question(
        name,
        title,
        f"""
SELECT {of}, day, count(DISTINCT seq) AS statements,
       count(DISTINCT CASE WHEN treatment = 'clear' AND {_SHOWN} THEN seq END) AS clear
FROM used GROUP BY {of}, day ORDER BY {of}, day""",
    )


TOTALS: Final = Question(
    "totals",
    "The period in figures",
    """
SELECT count(*) AS statements, count(DISTINCT person) AS people, count(DISTINCT "database") AS databases,
       count(DISTINCT application) AS applications, coalesce(sum(answered), 0) AS rows_answered, coalesce(sum(bytes), 0) AS bytes,
       coalesce(sum(CASE WHEN ruling = 'pass' THEN 1 ELSE 0 END), 0) AS passed,
       coalesce(sum(CASE WHEN ruling = 'rewrite' THEN 1 ELSE 0 END), 0) AS rewritten,
       coalesce(sum(CASE WHEN ruling = 'deny' THEN 1 ELSE 0 END), 0) AS denied,
       coalesce(sum(CASE WHEN status = 'open' OR status = 'lost' THEN 1 ELSE 0 END), 0) AS without_end
FROM asked""",
)

PROTECTION: Final = Question(
    "protection",
    "Sensitive columns in answers",
    f"""
SELECT count(DISTINCT seq) AS statements, count(DISTINCT person) AS people, count(DISTINCT "column") AS columns,
       count(DISTINCT "table") AS tables,
       count(DISTINCT CASE WHEN treatment = 'mask' AND {_SHOWN} THEN seq END) AS masked_statements,
       count(DISTINCT CASE WHEN treatment = 'clear' AND {_SHOWN} THEN seq END) AS clear_statements,
       coalesce(sum(CASE WHEN treatment = 'mask' AND {_SHOWN} THEN answered ELSE 0 END), 0) AS masked_values,
       coalesce(sum(CASE WHEN treatment = 'clear' AND {_SHOWN} THEN answered ELSE 0 END), 0) AS clear_values
FROM used""",
)

TIMES: Final = Question(
    "times",
    "How long answers took, by ruling",
    """
SELECT ruling, count(*) AS statements, avg(duration_us) / 1000 AS mean_ms, median(duration_us) / 1000 AS median_ms,
       max(duration_us) / 1000 AS longest_ms
FROM asked WHERE duration_us IS NOT NULL GROUP BY ruling ORDER BY ruling""",
)

DAYS: Final = Question(
    "days",
    "Statements by day",
    f"""
SELECT a.day, count(*) AS statements, count(DISTINCT a.person) AS people, coalesce(sum(a.answered), 0) AS rows_answered,
       sum(CASE WHEN a.ruling = 'deny' THEN 1 ELSE 0 END) AS denied,
       coalesce(max(u.sensitive), 0) AS sensitive, coalesce(max(u.clear), 0) AS clear, coalesce(max(u.masked), 0) AS masked
FROM asked a LEFT JOIN (
  SELECT day, count(DISTINCT seq) AS sensitive, count(DISTINCT CASE WHEN treatment = 'clear' AND {_SHOWN} THEN seq END) AS clear,
         count(DISTINCT CASE WHEN treatment = 'mask' AND {_SHOWN} THEN seq END) AS masked
  FROM used GROUP BY day) u ON u.day = a.day
GROUP BY a.day ORDER BY a.day""",
)

BY_PERSON: Final = _uses("person", "people", "Sensitive data by person", ", max(unit) AS unit", _WITH_REFUSED)
BY_UNIT: Final = _uses("unit", "units", "Sensitive data by unit", source=_WITH_REFUSED)
BY_TABLE: Final = _uses('"table"', "tables", "Sensitive data by table")
BY_CATEGORY: Final = _uses("category", "categories", "Sensitive data by category", ", max(level) AS level")
BY_COLUMN: Final = _uses(
    '"column"', "columns", "Sensitive data by column", ", max(category) AS category, max(level) AS level"
)

UNIT_DAYS: Final = _by_day("unit", "unit-days", "Statements on sensitive columns by unit and day")
CATEGORY_DAYS: Final = _by_day("category", "category-days", "Statements on sensitive columns by category and day")
TABLE_DAYS: Final = _by_day('"table"', "table-days", "Statements on sensitive columns by table and day")

PERSON_DAYS: Final = Question(
    "person-days",
    "Rows of answers with sensitive columns by person and day",
    """
SELECT person, day, sum(answered) AS answered, count(*) AS statements FROM (
  SELECT DISTINCT person, day, seq, answered FROM used WHERE ruling <> 'deny'
) AS once GROUP BY person, day ORDER BY person, day""",
)

PERSON_DAYS_BEFORE: Final = Question(
    "person-days-before",
    "The same for the four weeks before",
    """
SELECT person, day, sum(answered) AS answered, count(*) AS statements FROM (
  SELECT DISTINCT person, day, seq, answered FROM earlier WHERE ruling <> 'deny'
) AS once GROUP BY person, day ORDER BY person, day""",
)

CLEAR_BEFORE: Final = Question(
    "clear-before",
    "Who saw which column clear in the four weeks before",
    """
SELECT DISTINCT person, "column" FROM earlier WHERE treatment = 'clear' AND ruling <> 'deny' ORDER BY person, "column\"""",
)

CLEAR_SUMMARY: Final = Question(
    "clear-views-by-authority",
    "Clear views by person, column and authority",
    f"""
SELECT person, max(unit) AS unit, "column", category, max(level) AS level, rule AS authority, count(DISTINCT seq) AS statements,
       sum(answered) AS clear_values, min(time) AS first_time, max(time) AS last_time
FROM used WHERE treatment = 'clear' AND {_SHOWN}
GROUP BY person, "column", category, rule ORDER BY level DESC, clear_values DESC, person, "column", rule""",
)

CLEAR_VIEWS: Final = Question(
    "clear-views",
    "Every clear view",
    f"""
SELECT seq, time, person, principal, unit, address, application, "database", "column", category, level, rule AS authority,
       condition, status, answered
FROM used WHERE treatment = 'clear' AND {_SHOWN} ORDER BY seq, "column\"""",
)

GRANT_EVENTS: Final = Question(
    "grant-events", "What became of grants", "SELECT line FROM told WHERE event = 'grant' ORDER BY seq"
)

GRANT_USES: Final = Question(
    "grant-uses",
    "Statements under grants",
    """
SELECT "grant", count(*) AS statements, sum(answered) AS answered, min(time) AS first_time, max(time) AS last_time
FROM (SELECT unnest(grants) AS "grant", time, answered, ruling FROM asked) AS each
WHERE ruling <> 'deny' GROUP BY "grant" ORDER BY "grant\"""",
)

DENIALS: Final = Question(
    "denials",
    "What was refused, and why",
    f"""
SELECT kind, who, why, code, count(*) AS times, min(time) AS first_time, max(time) AS last_time FROM (
  SELECT 'statement' AS kind, person AS who, coalesce(reason, '') AS why, coalesce(sqlstate, '') AS code, time
  FROM asked WHERE ruling = 'deny'
  UNION ALL
  SELECT CASE WHEN event = 'login_refused' THEN 'login' ELSE coalesce(what, '') END AS kind, principal AS who,
         coalesce(reason, '') AS why, coalesce(sqlstate, '') AS code, time
  FROM told WHERE (event = 'denial' OR event = 'login_refused') AND {_PERIOD.format("")}
) AS refused GROUP BY kind, who, why, code ORDER BY times DESC, kind, who, why, code""",
)

BURSTS: Final = Question(
    "bursts",
    "Refusals in bursts",
    f"""
SELECT kind, who, date_trunc('hour', time) AS hour, count(*) AS times FROM (
  SELECT 'statements refused' AS kind, person AS who, time FROM asked WHERE ruling = 'deny'
  UNION ALL
  SELECT 'logins refused' AS kind, regexp_replace(address, ':[0-9]+$', '') AS who, time
  FROM told WHERE event = 'login_refused' AND {_PERIOD.format("")}
) AS refused GROUP BY kind, who, hour HAVING count(*) >= {_BURST} ORDER BY times DESC, kind, who, hour""",
)

LOGINS: Final = Question(
    "logins-refused",
    "Logins that were refused, by address",
    f"""
SELECT regexp_replace(address, ':[0-9]+$', '') AS address, count(*) AS times, count(DISTINCT principal) AS names,
       min(time) AS first_time, max(time) AS last_time
FROM told WHERE event = 'login_refused' AND {_PERIOD.format("")} GROUP BY 1 ORDER BY times DESC, 1""",
)

POLICY_EVENTS: Final = Question(
    "policy-changes",
    "When policies were changed",
    f"""
SELECT seq, time, event, what, ok, revision, reason FROM told
WHERE (event = 'started' OR event = 'reloaded') AND {_PERIOD.format("")} ORDER BY seq""",
)

POLICY_EFFECT: Final = Question(
    "policies",
    "What each revision of the policies has shown",
    """
SELECT a.policy, min(a.first_time) AS first_time, max(a.last_time) AS last_time, max(a.statements) AS statements,
       max(a.denied) AS denied, count(DISTINCT CASE WHEN u.treatment = 'clear' THEN u.seq END) AS clear,
       count(DISTINCT CASE WHEN u.treatment = 'mask' THEN u.seq END) AS masked,
       count(DISTINCT CASE WHEN u.treatment = 'clear' THEN u.person END) AS people_clear
FROM (SELECT policy, min(time) AS first_time, max(time) AS last_time, count(*) AS statements,
             sum(CASE WHEN ruling = 'deny' THEN 1 ELSE 0 END) AS denied FROM asked GROUP BY policy) a
LEFT JOIN (SELECT b.policy, used.seq, used.person, used.treatment FROM used JOIN asked b ON b.seq = used.seq
           WHERE used.ruling <> 'deny' AND used.status <> 'skipped') u ON u.policy = a.policy
GROUP BY a.policy ORDER BY first_time""",
)

LABELLED: Final = Question(
    "labelled",
    "Columns that have become sensitive",
    f"""
SELECT seq, time, "database", "column", category, level, json_extract_string(line, '$.why') AS why, principal,
       json_extract_string(line, '$.sources') AS sources
FROM told WHERE event = 'labelled' AND {_PERIOD.format("")} ORDER BY seq""",
)

ALERTS: Final = Question(
    "alerts",
    "Alerts",
    f"""
SELECT seq, time, event, what, principal, "grant", reason, nullif(json_extract_string(line, '$.records'), '') AS missing FROM told
WHERE (event = 'alert' OR event = 'recovered' OR event = 'unrecorded' OR event = 'response' OR (event = 'denial' AND what = 'answer')) AND {_PERIOD.format("")} ORDER BY seq""",
)

PLAIN_TABLES: Final = Question(
    "unclassified-tables",
    "Tables that were read and have no classified column among what was read",
    """
SELECT t.relation, count(*) AS statements, count(DISTINCT t.person) AS people, sum(t.answered) AS answered
FROM (SELECT unnest(relations) AS relation, person, answered, ruling FROM asked) AS t
LEFT JOIN (SELECT DISTINCT "table" FROM used) AS c ON c."table" = t.relation
WHERE c."table" IS NULL AND t.ruling <> 'deny' GROUP BY t.relation ORDER BY statements DESC, t.relation""",
)

QUESTIONS: Final = (
    TOTALS, PROTECTION, TIMES, DAYS, BY_PERSON, BY_UNIT, BY_TABLE, BY_CATEGORY, BY_COLUMN, UNIT_DAYS, CATEGORY_DAYS, TABLE_DAYS,
    PERSON_DAYS, PERSON_DAYS_BEFORE, CLEAR_BEFORE, CLEAR_SUMMARY, CLEAR_VIEWS, GRANT_EVENTS, GRANT_USES, DENIALS, BURSTS, LOGINS,
    POLICY_EVENTS, POLICY_EFFECT, LABELLED, ALERTS, PLAIN_TABLES,
)  # fmt: skip
"""All questions of a report."""
