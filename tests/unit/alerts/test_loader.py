"""The file of rules: what it may say, and how a mistake is told, with line and column."""

from __future__ import annotations

import pytest

from alerts.loader import RulesError, kinds, parse_rules
from alerts.rules import HOUR, MINUTE, Response

ALL = "version: 1\nstandard: true\n"


def one(rule: str) -> str:
    """A file of one rule."""
    return f"version: 1\nrules:\n  - {rule}\n"


def test_two_lines_are_all_the_ready_made_rules() -> None:
    """With their own thresholds."""
    assert [rule.name for rule in parse_rules(ALL, "a.yaml").rules] == list(kinds())


def test_a_rule_takes_the_place_of_the_ready_made_one() -> None:
    """Each key by itself, of a condition too; another measure in place of the kind's; and some are left out."""
    text = (
        ALL
        + 'off: [new-tool]\nrules:\n  - {kind: clear-at-night, when: {hours: "22:00-06:00"}, severity: critical}\n  - {kind: bulk-export, count: 5}\n'
    )
    rules = {rule.name: rule for rule in parse_rules(text, "a.yaml").rules}
    assert sorted(rules) == sorted(set(kinds()) - {"new-tool"})
    night = rules["clear-at-night"]
    assert (night.severity, night.when.hours.begins, [each.patterns[0].exact for each in night.when.uses]) == (
        "critical",
        22 * 60,
        ["clear"],
    )
    assert (rules["bulk-export"].measure.kind, rules["bulk-export"].measure.limit) == ("count", 5)


def test_a_kind_may_stand_twice_under_two_names() -> None:
    """A strict rule for some beside the usual one."""
    rules = parse_rules(
        ALL + "rules:\n  - {kind: bulk-export, name: tellers, rows: 100, when: {attributes: {role: teller}}}\n",
        "a.yaml",
    ).rules
    assert [rule.name for rule in rules if rule.kind == "bulk-export"] == ["tellers", "bulk-export"]


def test_responses_and_lengths() -> None:
    """What is to be done, and for how long."""
    (rule,) = parse_rules(
        one("{kind: bulk-export, within: 90m, respond: [end_session, suspend: 2h, tighten: 1d]}"), "a.yaml"
    ).rules
    assert rule.respond == (Response("end_session"), Response("suspend", 2 * HOUR), Response("tighten", 24 * HOUR))
    assert rule.within == 90 * MINUTE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a.yaml:1:1: the file is empty; write `version: 1` and `standard: true`"),
        ("version: 1\n", "a.yaml:1:1: there is no rule"),
        ("version: 2\nstandard: true\n", "a.yaml:1:10: `version` must be 1"),
        (ALL + "timezone: Mars/Base\n", "a.yaml:3:11: there is no time zone `Mars/Base`"),
        (ALL + "off: [bulk-exports]\n", "a.yaml:3:7: `off` must be one of"),
        (one("{kind: bulk-exprot}"), "did you mean `bulk-export`?"),
        (one("{kind: bulk-export, rows: none}"), "a.yaml:3:31: `rows` must be a whole number"),
        (one("{kind: bulk-export, row: 3}"), "a.yaml:3:25: unknown key `row` in a rule; did you mean `rows`?"),
        (one("{kind: bulk-export, within: soon}"), "`within` must be a length of time up to a year, not `soon`; write 90s"),
        (one("{name: x, events: [statements]}"), "did you mean `statement`?"),
        (one("{events: [statement]}"), "a.yaml:3:5: a rule without a `kind` needs `name`"),
        (one("{name: x, events: [statement], count: 5}"), "a rule that counts needs `within`"),
        (one("{name: x, events: [statement], count: 5, rows: 3, within: 1d}"), "a rule has one measure, `count` or `rows`"),
        (one("{name: x, events: [statement], rows: 3, within: 1d}"), "rows are known when a statement has ended"),
        (one("{name: x, events: [statement], when: {status: ok}}"), "asks what is known when a statement has ended"),
        (one("{name: x, events: [statement], when: {hours: night}}"), "`night` are no hours"),
        (one("{name: x, events: [statement], when: {days: [someday]}}"), "`someday` is no day"),
        (one("{name: x, events: [statement], when: {level: high}}"), "`level` must be a number, or a comparison"),
        (one("{name: x, events: [statement], when: {address: 10.0.0.300/8}}"), "is no network"),
        (one("{kind: new-address, baseline: {times: 3}}"), "`baseline` has no meaning with `new`"),
        (one("{kind: brute-force, respond: [suspend: 1h]}"), "could lock its owner out by wrong passwords"),
        (one("{kind: bulk-export, by: address, respond: [suspend: 1h]}"), "`respond` needs a rule that counts `by: principal`"),
        (one("{kind: bulk-export, respond: [suspend]}"), "`suspend` needs to know for how long; write `suspend: 2h`"),
        (one("{kind: bulk-export, notify: soc}"), "nothing under `notify` is named `soc`"),
        (one("bulk-export\n  - bulk-export"), "two rules are named `bulk-export`"),
        (ALL + "notify:\n  - {name: a, webhook: {url: http://example.com}}\n", "must not go over the network for all to read; write https://"),
        (ALL + "notify:\n  - {name: a, webhook: {url: https://u:p@example.com}}\n", "a password does not belong into this file"),
        (ALL + "notify:\n  - {name: a}\n", "one of `notify` needs one of `webhook`, `email`, `syslog`"),
        (ALL + "notify:\n  - {name: a, email: {host: mail, from: a@b, to: c@d, tls: none, user: x}}\n", "would go over the network for all to read"),
    ],
)  # fmt: skip
def test_mistakes_are_told_where_they_are(text: str, said: str) -> None:
    """File, line and column, what is wrong, and what to write instead."""
    with pytest.raises(RulesError) as error:
        parse_rules(text, "a.yaml")
    assert said in str(error.value)


def test_a_rule_of_ones_own() -> None:
    """Everything that a condition can ask."""
    text = one(
        '{name: x, events: [outcome], when: {principal: "t*", attributes: {role: [teller, clerk]}, database: bank, relation: customers, '
        'column: customers.phone, category: phone, level: ">2", treatment: [clear, mask], address: [10.0.0.0/8], days: [mon-fri, sun], '
        'hours: "7:00 - 19:30", status: ok, rows: ">=10"}, unless: {application: "etl*"}, distinct: {of: column, count: 3}, within: 2h, '
        "by: [principal, database], baseline: {times: 2.5, days: 10, known: 3}}"
    )
    (rule,) = parse_rules(text, "a.yaml").rules
    assert rule.when.days == {1, 2, 3, 4, 5, 7}
    assert (rule.when.level.least, rule.when.rows.least, rule.measure.of, rule.by) == (
        3,
        10,
        "column",
        ("principal", "database"),
    )
