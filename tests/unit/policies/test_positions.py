"""Positions: problems stand where the mistake is, and values follow YAML 1.2."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.positions import Checker, Node, Problem, compose, suggestion


def read(text: str) -> dict[str, object]:
    root, problems = compose(text, "f.yaml")
    assert problems == ()
    return {key: entry.value.value for key, entry in root.value.items()}


def problems(text: str) -> list[str]:
    return [str(problem) for problem in compose(text, "f.yaml")[1]]


def test_scalars_follow_the_core_schema():
    """Only true, false, null and numbers are other than text; `yes`, `on`, times and dates are text."""
    values = read("a: yes\nb: on\nc: 0o17\nd: 017\ne: 2020-01-01\nf: ~\ng: .inf\nh: 1_000\ni: 12:30\nj: TRUE\nk: -1.5e3\n"
                  "l: 0x1F\nm: '1'\nn:\no: \"true\"\np: -.INF\nq: null\nr: .NaN")  # fmt: skip
    assert math.isnan(values.pop("r"))
    assert values == {
        "a": "yes", "b": "on", "c": 15, "d": 17, "e": "2020-01-01", "f": None, "g": math.inf, "h": "1_000", "i": "12:30",
        "j": True, "k": -1500.0, "l": 31, "m": "1", "n": None, "o": "true", "p": -math.inf, "q": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n\tb: 2\n", "f.yaml:2:1: a tab is used for indentation; YAML is indented with spaces"),
        ("a: 1\na: 2\n", "f.yaml:2:1: key `a` stands twice; the first is in line 1"),
        ("a: &x 1\n", "f.yaml:1:4: anchor `&x` is not supported; write the value out where it is used"),
        ("a: *x\n", "f.yaml:1:4: alias `*x` is not supported; write the value out"),
        (
            "a: !!python/object:os.system {}\n",
            "f.yaml:1:4: tag `tag:yaml.org,2002:python/object:os.system` is not supported",
        ),
        ("中: '文\x07'\n", "f.yaml:1:6: character U+0007 is not allowed in YAML"),
        ("a: 1\n---\nb: 1\n", "f.yaml:2:1: a second document starts here"),
        ("1: a\n", "f.yaml:1:1: a key must be text, not a whole number; put quotes around it"),
        ("? [a]\n: b\n", "f.yaml:1:3: a key must be text, not a list"),
        ("[" * 100_000, "f.yaml:1:33: nested deeper than 32 levels"),
        ("a: " + "9" * 31, "f.yaml:1:4: the number is too long"),
        ("a: \ud800", "f.yaml:1:4: character U+D800 is not allowed in YAML"),
        ("a: b: c", "f.yaml:1:5: mapping values are not allowed in this context"),
        ("中文: [1, 2\nb: 1", "f.yaml:2:2: did not find expected `,` or `]` (while parsing a flow sequence of line 1)"),
        ("x" * 16_000_001, "f.yaml:1:1: the file is longer than 16000000 characters"),
    ],
)
def test_problems_stand_where_the_mistake_is(text, expected):
    """Each kind of broken file gives one problem that starts with its place and says what is wrong."""
    (problem,) = problems(text)
    assert problem.startswith(expected)


def test_an_alias_bomb_is_refused_at_once():
    """Nested aliases are problems, not gigabytes."""
    bomb = "a: &a [x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{f'*{chr(97 + i)}, ' * 9}]\n" for i in range(20))
    assert len(problems(bomb)) == 21 + 20 * 9


def test_nodes_know_their_place_behind_wide_characters():
    """Columns count characters, not bytes."""
    root, _ = compose("中文: [甲, 乙]", "f.yaml")
    assert [(node.line, node.column, node.value) for node in root.value["中文"].value.value] == [
        (1, 6, "甲"),
        (1, 9, "乙"),
    ]


def test_an_empty_file_has_no_root():
    """Nothing to read is no problem of the reader's; the caller says what it needs."""
    assert compose("# only a comment\n", "f") == (None, ())


@given(st.text(max_size=200))
def test_any_text_gives_nodes_or_problems(text):
    """No text raises an error, and a text without problems has a readable root or nothing in it."""
    root, found = compose(text, "f")
    assert root is None or isinstance(root, Node)
    assert all(problem.line >= 1 and problem.column >= 1 for problem in found)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text("ab: #\"'中", max_size=8),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)))  # fmt: skip
def test_json_reads_as_itself(value):
    """JSON is YAML: what was written comes back."""

    def plain(node: Node) -> object:
        if isinstance(node.value, tuple):
            return [plain(item) for item in node.value]
        if isinstance(node.value, dict):
            return {key: plain(entry.value) for key, entry in node.value.items()}
        return node.value

    root, found = compose(json.dumps(value), "f")
    assert found == ()
    assert plain(root) == value


@pytest.fixture
def checker():
    return Checker()


def node(value: object) -> Node:
    return Node("f.yaml", 3, 7, value)


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (lambda c, n: c.text(n, "`x`"), 1, "`x` must be text, not a whole number; put quotes around it"),
        (lambda c, n: c.text(n, "`x`"), " ", "`x` is empty"),
        (lambda c, n: c.text(n, "`x`"), None, "`x` must be text, not nothing"),
        (lambda c, n: c.integer(n, "`x`", 1, 5), True, "`x` must be a whole number, not true or false"),
        (lambda c, n: c.integer(n, "`x`", 1, 5), 6, "`x` must be between 1 and 5, not 6"),
        (lambda c, n: c.number(n, "`x`", 0, 5), "1", "`x` must be a number, not text"),
        (lambda c, n: c.number(n, "`x`", 0, 5), math.nan, "`x` must be between 0 and 5, not nan"),
        (lambda c, n: c.boolean(n, "`x`"), "yes", "`x` must be `true` or `false`, not text"),
        (lambda c, n: c.choice(n, "`x`", ("clear", "deny")), "claer", "did you mean `clear`?"),
        (lambda c, n: c.items(n, "`x`") or None, "a", "`x` must be a list, not text; start each item with `- `"),
        (lambda c, n: c.mapping(n, "`x`") or None, (), "`x` must be a mapping of keys to values, not a list"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_a_problem_at_its_place(checker, check, value, message):
    """Each check gives None and records what was expected, what was found, and where."""
    assert check(checker, node(value)) is None
    (problem,) = checker.problems
    assert str(problem).startswith("f.yaml:3:7: ")
    assert str(problem).endswith(message)


def test_a_value_that_fits_is_given_without_a_problem(checker):
    """Right values come through unchanged."""
    assert checker.text(node("a"), "x") == "a"
    assert checker.integer(node(5), "x", 1, 5) == 5
    assert checker.number(node(5), "x", 1, 5) == 5.0
    assert checker.boolean(node(value=False), "x") is False
    assert checker.choice(node("deny"), "x", ("deny",)) == "deny"
    assert checker.one_or_more(node("a")) == (node("a"),)
    assert checker.problems == ()


def test_unknown_and_missing_keys_are_problems(checker):
    """A misspelt key gets a suggestion, a strange one the list, a missing one its name."""
    root, _ = compose("nmae: 1\nzzz: 2\n", "f.yaml")
    assert checker.fields(root, "a rule", ("name", "when"), ("name",)) == {}
    assert [str(problem) for problem in checker.problems] == [
        "f.yaml:1:1: a rule needs the key `name`",
        "f.yaml:1:1: unknown key `nmae` in a rule; did you mean `name`?",
        "f.yaml:2:1: unknown key `zzz` in a rule; keys are `name`, `when`",
    ]


def test_problems_come_in_the_order_of_the_file(checker):
    """Whatever was checked first, the report follows the file."""
    checker.problem(Node("f", 9, 1, None), "second")
    checker.problem(Node("f", 2, 5, None), "first")
    assert checker.problems == (Problem("f", 2, 5, "first"), Problem("f", 9, 1, "second"))


def test_a_suggestion_is_made_only_when_near():
    """Nearness is what makes a suggestion useful."""
    assert suggestion("tresholds", ["thresholds"]) == "did you mean `thresholds`?"
    assert suggestion("x", ["thresholds"]) is None
