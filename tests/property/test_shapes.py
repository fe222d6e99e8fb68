"""What shares a shape means the same: it reads as the same tree, and rewritten alone it gives what the hit gives.

The texts are every place of PostgreSQL's grammar where a literal may stand (tests/cases/literals.txt), filled with literals
that change types, sizes and meanings.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit.record import Judgement
from policies.model import Decision
from proxy.plans import Plan, PlanCache, Ruling
from rewriter.model import Refusal, UnknownNames
from rewriter.postgres.proof import same
from rewriter.postgres.reading import encode, parse
from rewriter.postgres.rewrite import rewrite
from rewriter.postgres.scopes import walk

if TYPE_CHECKING:
    from rewriter.model import Rewritten
    from rewriter.postgres.catalog import Catalog

TEMPLATES = [
    line
    for line in (Path(__file__).parent.parent / "cases" / "literals.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
NUMBERS = ["0", "1", "2", "3", "10", "24", "25", "53", "54", "007", "1.0", "2.5", "2147483648", "12345678901", "9" * 40]
STRINGS = [
    *("", "a", "1", "1.5", "1 day", "year", "2020-01-01", "ssn", "users", "users, orders", "public.users", "text"),
    *("SELECT ssn FROM users", "search_path", "pg_catalog, archive", "--", "/*", "$$", '"', "\n", "é", "中", "x' 'y"),
    *("\\", "\\'", "''", "hold", "execute", "UTF8", "off", "t", "$1", "0x1f"),
]
ODD = [
    "E'a'",
    "U&'a'",
    "N'a'",
    "B'1'",
    "X'1f'",
    "$$a$$",
    "1e3",
    "1.",
    ".5",
    "0x1f",
    "1_000",
    "-1",
    "$1",
    "NULL",
    "true",
]
PLAN = Plan("pass", 1, Decision("", {}, {}), Judgement((), "text", None, (), (), "pass", "", 0))


@st.composite
def filled(draw: st.DrawFn, template: str) -> str:
    """A template with a literal in each of its places, an odd one now and then."""
    text = ""
    for letter in template:
        if letter in "#@" and draw(st.integers(0, 30)) == 0:
            text += draw(st.sampled_from(ODD))
        elif letter == "#":
            text += draw(st.sampled_from(NUMBERS))
        elif letter == "@":
            text += "'" + draw(st.sampled_from(STRINGS)) + "'"
        else:
            text += letter
    return text


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    """Two fillings of one template, or now and then of two."""
    template = draw(st.sampled_from(TEMPLATES))
    other = template if draw(st.integers(0, 20)) else draw(st.sampled_from(TEMPLATES))
    return draw(filled(template)), draw(filled(other))


def read(text: str) -> list[Any] | None:
    """The tree of a text, its numbers and strings without their values; None when it does not parse."""
    try:
        tree = parse(encode(text))
    except Refusal:
        return None
    _blank(tree)
    return tree


def _blank(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _blank(item)
    elif isinstance(node, dict):
        constant = node.get("A_Const")
        if constant is not None and "sval" in constant:
            constant["sval"] = {}
        elif constant is not None and not {"boolval", "isnull", "bsval"} & set(constant):
            node["A_Const"] = {"number": True}
        for value in node.values():
            _blank(value)


def find(kept: str, asked: str, rewritten: Rewritten | None) -> Ruling | None:
    """What a cache that has ruled one text gives for another; as if no literal mattered where it was not rewritten."""
    cache = PlanCache()
    if rewritten is None:
        found = [walk(statement["stmt"]) for statement in parse(encode(kept))]
        constants = frozenset(constant for each in found for constant in each.constants)
        cache.keep(kept.encode(), Ruling(PLAN), literal_free=True, constants=constants)
    else:
        ruling = Ruling(PLAN, rewritten.text.encode() if rewritten.edits else None)
        options = {"literal_free": rewritten.literal_free, "constants": rewritten.constants}
        cache.keep(kept.encode(), ruling, rewritten.edits, **options)
    return cache.find(asked.encode())


@given(pairs())
@example(("SELECT ssn::float(24) FROM users", "SELECT ssn::float(25) FROM users"))
@example(("FETCH 1 FROM c", "FETCH 0 FROM c"))
@example(("SELECT -1", "SELECT -12345678901"))
@settings(max_examples=1500, deadline=None)
def test_what_shares_a_shape_reads_as_the_same_tree(pair: tuple[str, str]) -> None:
    """Only the values of constants differ between a text and one that finds its plan."""
    kept, asked = pair
    tree = read(kept)
    if tree is None or kept == asked or find(kept, asked, None) is None:
        return
    other = read(asked)
    assert other is None or same(tree, other)


@pytest.fixture(scope="session")
def catalog(rewriter_world: Any) -> Catalog:
    """The catalog of the rewriter's cases, with every function of the templates known as the server's own."""
    names = "f sum percentile_cont nextval to_regclass position overlay substring btrim timezone like_escape similar_to_escape"
    names += " extract xmlexists normalize is_normalized pg_collation_for overlaps text int4"
    known = rewriter_world.catalog
    return dataclasses.replace(known, builtins=known.builtins | set(names.split()))


def rule(world: Any, catalog: Catalog, text: str) -> Rewritten | Refusal:
    """A text rewritten on its own."""
    try:
        return rewrite(text, catalog, world.names, world.decision)
    except Refusal as refusal:
        return refusal
    except UnknownNames as unknown:  # a look-up comes first, which finds nothing
        return Refusal("42883", str(unknown))


@given(pairs())
@settings(max_examples=1500, deadline=None)
def test_a_hit_gives_what_the_text_gives_on_its_own(
    rewriter_world: Any, catalog: Catalog, pair: tuple[str, str]
) -> None:
    """Ruled alone, the text that found a plan leaves in the same words, and reads the same columns."""
    kept, asked = pair
    first = rule(rewriter_world, catalog, kept)
    if isinstance(first, Refusal):
        return
    found = find(kept, asked, first)
    if found is None:
        return
    alone = rule(rewriter_world, catalog, asked)
    if isinstance(alone, Refusal):  # it does not parse, which the server will say, too
        assert alone.sqlstate == "42601"
        return
    assert (found.text or asked.encode()).decode() == alone.text
    for fact in ("kinds", "relations", "uses", "changes_names", "changes_catalog"):
        assert getattr(first, fact) == getattr(alone, fact)


def test_the_properties_are_not_empty(rewriter_world: Any, catalog: Catalog) -> None:
    """Of the templates most are ruled, and most of these share their plan, whatever their constants are."""
    ruled = shared = 0
    for template in TEMPLATES:
        first, second = (
            template.replace("#", number).replace("@", string) for number, string in (("1", "'a'"), ("7.5", "'é'"))
        )
        rewritten = rule(rewriter_world, catalog, first)
        if not isinstance(rewritten, Refusal):
            ruled += 1
            shared += find(first, second, rewritten) is not None
    assert ruled > 70
    assert shared > 50
