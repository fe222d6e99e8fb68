"""Decisions in plain sentences, for `louver explain` and the audit: who reads them need not read SQL.

Owns the wording. The rule's name stands in every sentence, for the reader's next question is "why".
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final

from policies.masks import mask_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from policies.grants import Grant
    from policies.model import (
        Allowance,
        AttributeValue,
        ColumnName,
        Decision,
        Limit,
        RowCondition,
        RowFilter,
        Treatment,
    )


_WRITES: Final = {
    "preserve": "",
    "deny": "; it may not be written",
    "allow": "; what is written replaces the hidden value",
}
"""How a sentence ends when the rule says something of writing."""


def sentences(decision: Decision, describe: Callable[[ColumnName, Treatment], str]) -> tuple[str, ...]:
    """Give one sentence for each labelled column, in the order of their names, by a `describe` of some language."""
    return tuple(describe(column, decision.treatments[column]) for column in sorted(decision.treatments, key=str))


def describe_limit(limit: Limit) -> str:
    """Say how much the caller may read."""
    told = [
        f"{number} {what}"
        for number, what in (
            (limit.statements_per_hour, "statements an hour"),
            (limit.rows_per_statement, "rows in one answer"),
            (limit.rows_per_hour, "rows an hour"),
        )
        if number is not None
    ]
    return f"at most {', '.join(told)}, by limit `{limit.rule}`"


def describe_filter(filtered: RowFilter) -> str:
    """Say which rows of some tables the caller has, and by which filter."""
    tables = ", ".join(".".join(part.written for part in names if part is not None) for names in filtered.tables)
    by = f"filter `{filtered.rule}`"
    if filtered.reason is not None:
        return f"{tables} may not be read: {by} could not be evaluated ({filtered.reason})"
    if filtered.rows is None:
        return f"no row of {tables} is there unless another filter holds: {by} does not"
    if not filtered.hides:
        return f"every row of {tables} is there, by {by}"
    return f"of {tables} only rows are there where {condition(filtered.rows)}, by {by}"


def describe(column: ColumnName, treatment: Treatment) -> str:
    """Say what the caller gets of one column, and by which rule."""
    subject = f"{column.column} of {column.schema}.{column.relation}"
    if treatment.reason is not None:
        return f"{subject} may not be read: rule `{treatment.rule}` could not be evaluated ({treatment.reason})"
    rule, grants = without_grants(treatment)
    default = rule.startswith("default mask of ")
    by = f"by {' or '.join((*((f'the {rule}' if default else f'rule `{rule}`',) if rule else ()), *grants))}"
    plans = "; plans of statements that read it may be seen" if treatment.explain else ""
    return f"{subject} {_shown(treatment)}, {by}{_WRITES[treatment.on_write]}{plans}"


def without_grants(treatment: Treatment) -> tuple[str, tuple[str, ...]]:
    """The rule of a treatment, "" where only grants show it so, and the grants that show more than the rule."""
    grants = tuple(f"grant {number}" for number in treatment.grants)
    if not grants:
        return treatment.rule, ()
    return treatment.rule.removesuffix(" or ".join(grants)).removesuffix(" or "), grants


def describe_grant(grant: Grant) -> str:
    """Say how long a grant is in force, by whose leave and why."""
    until = "" if grant.ends is None else f" until {grant.ends.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
    leave = f"approved by {' and '.join(grant.approvals)}" if grant.approvals else "approved by nobody"
    by = "by breaking the glass" if grant.break_glass else leave
    purpose = "" if grant.purpose is None else f", for the purpose {grant.purpose}"
    return f"grant {grant.id} is in force{until}{purpose}, {by}: {grant.reason}"


def _often(allowed: Allowance) -> str:
    """How often something may be done."""
    a_day = "" if allowed.per_day is None else f" and {allowed.per_day} times a day"
    return f"up to {allowed.per_hour} times an hour{a_day}"


def _shown(treatment: Treatment) -> str:
    if treatment.kind == "deny":
        return "may not be read"
    shown = mask_words(treatment.mask) if treatment.mask is not None else "is shown as it is"
    if treatment.search is not None:
        shown += f" and found by its real value, {_often(treatment.search)}"
    if treatment.join is not None:
        shown += f" and joined by its real value, {_often(treatment.join)}"
    if treatment.rows is None:
        return shown
    elsewhere = mask_words(treatment.fallback) if treatment.fallback is not None else "is hidden entirely"
    return f"{shown} on rows where {condition(treatment.rows)}; on all others it {elsewhere}"


def condition(rows: RowCondition) -> str:
    """Give a row condition with its values, as a person would write it."""
    # one pass: a value that looks like a placeholder is not taken for one
    text = re.sub(r"\{(\d+)\}", lambda match: _value(rows.values[int(match[1])]), rows.text)
    return " ".join(text.split())


def _value(value: AttributeValue) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_value(item) for item in value) + ")"
    if value is None:
        return "null"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value).lower()
