"""Each ready-made kind is told of what it is for, and not of what is usual: records in, messages out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alerts.loader import kinds
from audit.fingerprint import fingerprint
from audit.scrub import scrub

if TYPE_CHECKING:
    from unit.alerts.conftest import Stream

    from audit.scrub import Family

HOUR, DAY = 3600.0, 86_400.0
Watch = Callable[..., list[Any]]
CLEAR = {"column": "public.customers.phone", "category": "phone", "level": 3, "treatment": "clear", "rule": "managers"}
MASKED = {**CLEAR, "treatment": "mask", "mask": "partial"}
EXACT = {**MASKED, "search": "exact"}


def test_clear_values_are_told_of_at_night_alone(watch: Watch, stream: Stream) -> None:
    """At noon, nothing; at 21 o'clock in Shanghai, one message, whatever follows; a masked column never."""
    day = stream.asked(3 * HOUR, CLEAR) + stream.asked(11.9 * HOUR, MASKED)
    night = stream.asked(12 * HOUR, CLEAR) + stream.asked(12.1 * HOUR, CLEAR)
    assert watch("  - clear-at-night", day) == []
    (told,) = watch("  - clear-at-night", [*day, *night])
    assert (told.rule, told.severity, told.fields["subject"]) == (
        "clear-at-night",
        "high",
        {"by": "principal", "name": "tina"},
    )
    assert told.fields["columns"] == ["public.customers.phone"]


def test_rows_are_counted_over_a_day_and_gathered_values_too(watch: Watch, stream: Stream) -> None:
    """Ten small answers are as much as a large one, and so is one row of a hundred thousand bytes."""
    small = [each for number in range(10) for each in stream.asked(number * HOUR / 2, CLEAR, rows=100)]
    assert len(watch("  - bulk-export", small)) == 1
    assert watch("  - bulk-export", small[:-1]) == []
    gathered = stream.asked(1, CLEAR, rows=1)
    gathered[1]["bytes"] = 600_000
    assert len(watch("  - bulk-export", gathered)) == 1


def test_what_is_usual_of_somebody_is_not_told(watch: Watch, stream: Stream) -> None:
    """After a week of 5,000 rows a day, 12,000 are not three times as much, and 16,000 are."""
    week = [each for day in range(7) for each in stream.asked(1.05 * day * DAY, CLEAR, rows=5000)]
    rules = "  - {kind: bulk-export, baseline: {times: 3, known: 5}}"
    before = len(watch(rules, week))
    assert len(watch(rules, [*week, *stream.asked(8.2 * DAY, CLEAR, rows=12_000)])) == before
    assert len(watch(rules, [*week, *stream.asked(8.2 * DAY, CLEAR, rows=16_000)])) == before + 1


def test_denials(watch: Watch, stream: Stream) -> None:
    """Twenty within ten minutes, of statements and of other things; not twenty in a day."""
    slowly = [each for number in range(30) for each in stream.asked(number * HOUR / 4, ruling="deny", status="denied")]
    assert watch("  - many-denials", slowly) == []
    quickly = [each for number in range(15) for each in stream.asked(number, ruling="deny", status="denied")]
    others = [
        stream.record(20 + number, "denial", what="function call", reason="no", sqlstate="42501") for number in range(5)
    ]
    assert len(watch("  - many-denials", [*quickly, *others])) == 1


def test_searches_that_find_nothing(watch: Watch, stream: Stream) -> None:
    """Fifteen misses are told; fifteen hits are not."""
    misses = [each for number in range(15) for each in stream.asked(number * 20, EXACT, rows=0)]
    hits = [each for number in range(15) for each in stream.asked(number * 20, EXACT, rows=1)]
    assert len(watch("  - exact-misses", misses)) == 1
    assert watch("  - exact-misses", hits) == []


def test_very_many_searches(watch: Watch, stream: Stream) -> None:
    """A hundred and twenty within ten minutes, found or not."""
    found = [each for number in range(120) for each in stream.asked(number * 4, EXACT)]
    assert len(watch("  - exact-searches", found)) == 1
    assert watch("  - exact-searches", found[:-2]) == []


def test_one_statement_with_other_literals(watch: Watch, stream: Stream) -> None:
    """Where literals stand in the trail they make no difference; what has none is asked again, not probed."""
    whole = [
        each
        for number in range(100)
        for each in stream.asked(number, MASKED, text=f"SELECT 1 FROM t WHERE phone = '{number}'")
    ]
    same = [
        each for number in range(100) for each in stream.asked(number, MASKED, text="SELECT phone FROM t LIMIT ALL")
    ]
    assert len(watch("  - changing-literals", whole)) == 1
    assert watch("  - changing-literals", same) == []


@pytest.mark.parametrize("family", ["postgresql", "mysql"])
def test_one_statement_in_other_clothes(watch: Watch, stream: Stream, family: Family) -> None:
    """Lists of other lengths, letter case and comments hide nothing: the trail has one fingerprint for them."""
    texts = [
        scrub(f"{word} 1 FROM t -- {number}\nWHERE id IN ({', '.join('1' * (number + 1))})", family=family)
        for number, word in enumerate(("SELECT", "select") * 50)
    ]
    assert len(set(texts)) == 100
    dressed = [
        each
        for number, text in enumerate(texts)
        for each in stream.asked(number, MASKED, text=text, fingerprint=fingerprint(text, family))
    ]
    assert len(watch("  - changing-literals", dressed)) == 1
    before = [{name: value for name, value in each.items() if name != "fingerprint"} for each in dressed]
    assert watch("  - changing-literals", before) == []  # of old records nothing else is known than their texts
    same = [
        each
        for number in range(100)
        for each in stream.asked(number, MASKED, text="SELECT phone FROM t", fingerprint="ba79a336f93d6419")
    ]
    assert watch("  - changing-literals", same) == []


@pytest.mark.parametrize(
    ("kind", "field", "usual", "other"),
    [
        ("new-address", "address", "10.0.0.7:5000", "10.0.0.8:5000"),
        ("new-tool", "application", "DBeaver 24.1.2 - Main", "sqlmap"),
    ],
)
def test_what_was_never_seen_before(  # noqa: PLR0917  what differs
    watch: Watch, stream: Stream, kind: str, field: str, usual: str, other: str
) -> None:
    """An account that is known for a week comes otherwise; another version or port is nothing new."""
    known = [stream.opened(day * DAY, **{field: usual}) for day in range(8)]
    again = stream.opened(8 * DAY, **{field: usual.replace("24.1.2", "25.0").replace("5000", "6000")})
    assert watch(f"  - {kind}", [*known, again]) == []
    (told,) = watch(f"  - {kind}", [*known, again, stream.opened(9 * DAY, **{field: other})])
    assert other.partition(":")[0] in told.fields["measured"]
    assert (
        watch(f"  - {kind}", [known[0], stream.opened(DAY, **{field: other})]) == []
    )  # nobody knows what is usual yet


def test_somebody_is_back(watch: Watch, stream: Stream) -> None:
    """After 61 days, but not after 59; and who comes for the first time was never away."""
    assert watch("  - dormant-account", [stream.opened(0), stream.opened(59 * DAY)]) == []
    (told,) = watch("  - dormant-account", [stream.opened(0), stream.opened(61 * DAY)])
    assert told.fields["measured"] == "away for 61 days"


def test_a_grant_without_approval(watch: Watch, stream: Stream) -> None:
    """The broken glass is told, with the number of the grant; an approval is not. The reason is somebody's text and stays away."""
    approved = stream.record(0, "grant", grant=6, what="approved", person="mona", reason="a secret that was whispered")
    broken = stream.record(
        1, "grant", grant=7, what="broken glass", person="tina", reason="a secret that was whispered"
    )
    (told,) = watch("  - break-glass", [approved, broken])
    assert told.fields["grants"] == [7]
    assert "whispered" not in told.text


def test_what_no_rule_shows(watch: Watch, stream: Stream) -> None:
    """A statement that is marked unprotected, and an answer that was cut off; not an answer that was too long."""
    marked = stream.asked(0, unprotected=True, principal="mona")
    hidden = stream.record(
        1, "denial", what="answer", reason="the server named the hidden column public.a.b as the origin of a result"
    )
    long = stream.record(2, "denial", what="answer", reason="the answer has more than 5 rows", principal="theo")
    assert [each.fields["subject"]["name"] for each in watch("  - unprotected", [*marked, hidden, long])] == [
        "mona",
        "tina",
    ]


def test_passwords_are_tried(watch: Watch, stream: Stream) -> None:
    """Many accounts from one address, one account from many addresses; what is no wrong password does not count."""
    spray = [stream.refused(number, principal=f"user{number}", address="10.6.6.6:1") for number in range(10)]
    spread = [stream.refused(HOUR + number, principal="root", address=f"10.7.7.{number}:1") for number in range(10)]
    busy = [stream.refused(2 * HOUR + number, sqlstate="53300") for number in range(50)]
    told = watch("  - brute-force\n  - guessed-account", [*spray, *spread, *busy])
    assert [(each.rule, each.fields["subject"]["name"]) for each in told] == [
        ("brute-force", "10.6.6.6"),
        ("guessed-account", "root"),
    ]
    assert "user3" not in told[0].text  # what stands for a name may be a password in the wrong field


def test_the_trail_is_damaged(watch: Watch, stream: Stream) -> None:
    """A crash alone is none of that."""
    crashed = stream.record(0, "recovered", torn=[], missing=0, head_differs=False)
    lost = stream.record(1, "recovered", torn=[], missing=3, head_differs=False)
    assert [each.headline for each in watch("  - damaged-trail", [crashed, lost])] == [
        "the audit trail: records are missing, or were altered"
    ]


def test_every_kind_is_tested_here() -> None:
    """Whoever adds a kind adds its test."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in kinds() if f"- {kind}" not in text and f'"{kind}"' not in text] == []
