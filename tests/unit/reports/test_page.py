"""The page: it shows the figures, and nothing of what hostile people write into a trail acts."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import io
import json
import re
import stat
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from unit.reports.conftest import BEGIN, MAY, opened, write

from audit import record
from reports import figures, page
from reports.signals import signals

NOW = dt.datetime(2026, 6, 1, 8, tzinfo=dt.UTC)
EVIL = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><script>x</script>", "{{ 7 * 7 }}", "'-alert(1)-'",
    "</title></svg><svg onload=x>", "=HYPERLINK(1)", "\u202egnp.exe", "a\x1b[2Jb", "$(touch x)`id`", "javascript:alert(1)", "&lt;b&gt;",
)  # fmt: skip
TAGS = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "p",
        "h1",
        "h2",
        "h3",
        "nav",
        "a",
        "section",
        "ol",
        "li",
        "span",
        "div",
        "strong",
        "time",
        "code",
        "figure",
        "svg",
        "line",
        "rect",
        "text",
        "table",
        "thead",
        "tr",
        "th",
        "tbody",
        "td",
        "dl",
        "dt",
        "dd",
        "footer",
    ]
)
ATTRIBUTES = frozenset(
    [
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "id",
        "href",
        "role",
        "aria-label",
        "aria-hidden",
        "viewbox",
        "width",
        "height",
        "x",
        "y",
        "x1",
        "x2",
        "y1",
        "y2",
        "text-anchor",
    ]
)


class Parsed(HTMLParser):
    """Tags, attributes, links and texts of a page."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.links, self.texts, self.styles = set(), set(), [], [], []
        self._style = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in {"href", "src"}]
        self._style = tag == "style"

    def handle_data(self, data):
        (self.styles if self._style else self.texts).append(data)
        self._style = False


def evil(text):
    """A trail in which everything that a caller can choose is `text`."""
    caller = record.Caller(text, text, text, text, text, text, {"unit": text}, None, {text: text})
    uses = (
        record.ColumnUse(f"{text}.t.c", text, 3, "clear", None, text, text),
        record.ColumnUse(f"{text}.t.d", text, 3, "mask", text, text),
    )
    shown = record.Judgement((text,), text, text, (text,), uses, "rewrite", text, 1, text, None, (1,))
    denied = record.Judgement((text,), text, None, (text,), (), "deny", text, 1, text, text)
    bodies = [
        record.started(version=text, address=text, policy=text, config=text),
        record.reloaded(what=text, ok=False, reason=text),
        record.statement(record.statement_prefix(caller, shown), 1),
        record.outcome(record.outcome_prefix(caller), 1, "ok", rows=b"50", duration_us=9),
        *(record.login_refused(caller, reason=text, sqlstate=text) for _ in range(12)),
        *(record.statement(record.statement_prefix(caller, denied), number) for number in range(2, 14)),
        record.denial(caller, what="answer", reason=text, sqlstate=text),
        record.alert(what=text, grant=1, reason=text),
        record.labelled(database=text, column=text, category=text, level=1, why=text, sources=[text], principal=text),
        record.grant(grant=1, what="broken glass", person=text, at=text, note=text, principal=text, columns={text: [text]}, labels=[text],
                     rows=text, database=text, purpose=text, reason=text, ends=text),
    ]  # fmt: skip
    april = record.statement(record.statement_prefix(record.Caller("s", "x", "a", "b", "c", "d"), shown), 1)
    return [(BEGIN - dt.timedelta(days=1), april), *((BEGIN + dt.timedelta(days=1), body) for body in bodies)]


@pytest.mark.parametrize("text", [" ".join(EVIL), EVIL[-1], EVIL[6]])
def test_what_hostile_people_write_is_only_text(figures_of, text):
    """No tag, attribute, link, style or formula of theirs; no control character, and none that turns text around."""
    coverage = figures.coverage_of(text, [(text, 3, "accepted"), (text, 3, "proposed")], [(text, 10, 3, 7)])
    found = figures_of(*evil(text), coverage=coverage)
    made = page.render(found, NOW)
    parsed = Parsed(made)
    assert parsed.tags == TAGS
    assert parsed.attributes <= ATTRIBUTES
    assert all(re.fullmatch(r"[a-z-]+\.(csv|json)|#[a-z]+", link) for link in parsed.links)
    assert len(parsed.styles) == 1
    assert page.present.safe(text) in "".join(parsed.texts)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", made)
    assert json.loads(page.data(found, NOW))["tables"]["people"][0]["person"] == text
    for signal in signals(found):
        assert f"--user {text}" not in signal.look or re.fullmatch(r"[\w@%+=:,./-]+", text)


def test_the_page_allows_nothing_but_itself(figures_of):
    """Its policy forbids scripts and requests, and names the hash of its one style."""
    made = page.render(figures_of(*evil("x")), NOW)
    (style,) = re.findall(r"<style>(.*?)</style>", made, re.DOTALL)
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in made
    assert "url(" not in style
    assert "http:" not in made.replace("http-equiv", "")
    assert "https:" not in made


def test_files_hold_the_figures(tmp_path):
    """Each table as CSV, harmless in a spreadsheet; every clear view; all as JSON; readable for their owner alone."""
    where = tmp_path / "report"
    with opened(write(tmp_path / "audit", evil("=1+1"))) as trail:
        found = figures.gather(trail)
        files = page.write(where, found, figures.clear_views(trail, found.authorities), NOW)
    assert {path.name for path in files} == {path.name for path in where.iterdir()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(where.stat().st_mode) == 0o700
    linked = {link for link in Parsed((where / page.PAGE).read_text()).links if not link.startswith("#")}
    assert {link for link in linked if not (where / link).exists()} == set()
    for path in where.glob("*.csv"):
        rows = list(csv.reader(io.StringIO(path.read_text())))
        assert all(len(row) == len(rows[0]) for row in rows)
        assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    (view,) = csv.DictReader(io.StringIO((where / page.CLEAR_VIEWS).read_text()))
    assert (view["time"], view["person"], view["answered"]) == ("2026-05-02T00:00:00.000000Z", "'=1+1", "50")
    said = json.loads((where / page.DATA).read_text())
    assert said["protection"]["clear_values"] == said["protection"]["masked_values"] == 50
    assert said["period"] == {"since": "2026-05-01T00:00:00.000000Z", "until": "2026-06-01T00:00:00.000000Z"}
    assert {table["clear"] for table in said["tables"]["people"]} == {1}


def test_a_file_is_not_written_through_a_link(tmp_path):
    """Whoever can write into the directory cannot have another file overwritten."""
    where = tmp_path / "report"
    where.mkdir()
    (tmp_path / "other").write_text("kept")
    (where / page.PAGE).symlink_to(tmp_path / "other")
    with opened(write(tmp_path / "audit", [])) as trail:
        found = figures.gather(trail)
        with pytest.raises(OSError, match="symbolic"):
            page.write(where, found, figures.clear_views(trail, {}), NOW)
    assert (tmp_path / "other").read_text() == "kept"


def test_signals_say_what_needs_an_eye(figures_of):
    """One of each kind, the urgent ones first, with the command that shows more."""
    found = signals(figures_of(*evil("x"), coverage=figures.coverage_of("p", [("phone", 3, "proposed")], [])))
    assert [(signal.grade, signal.kind) for signal in found] == [
        ("now", "glass broken"),
        ("now", "alert: x"),
        ("now", "policies refused"),
        ("now", "logins refused"),
        ("now", "statements refused"),
        ("soon", "answer cut off"),
        ("soon", "new sensitive column"),
        ("soon", "dictionary"),
    ]
    assert found[4].look == "louver audit search --ruling deny --user x"


def test_many_alerts_are_counted(figures_of):
    """The last twenty are named, with what was done; those before are counted."""
    bodies = [(BEGIN, record.alert(what="many rows", grant=0, reason=f"no {number}")) for number in range(24)]
    done = b'"event":"response","response":1,"what":"begun","kind":"suspend","principal":"rob","reason":"many rows"'
    found = signals(figures_of(*bodies, (BEGIN, done)))
    assert [signal.what for signal in found] == [
        *(f"no {number}" for number in range(5, 24)),
        "5 earlier ones stand in alerts.csv",
        "many rows",
    ]
    assert (found[-1].kind, found[-1].who) == ("response begun", "rob")


def test_the_page_gives_the_figures(figures_of):
    """What management reads stands there as text, without a script."""
    shown = "".join(Parsed(page.render(figures_of(*evil("x")), NOW)).texts)
    assert "2026-05-01 00:00 to 2026-06-01 00:00 UTC. 13 statements, 1 people" in shown
    assert "50.0 %" in shown
    assert str(MAY.days[0])[-5:] in shown
