"""The policy file: what is right loads, and all that is wrong is reported at once, at its place."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import policies
from policies.loader import SCHEMA, PolicyError, load_policies, parse_policies
from policies.masks import make_mask
from policies.model import Allowance, Label

EXAMPLES = sorted((Path(policies.__file__).parent / "examples").glob("*.yaml"))


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as failed:
        parse_policies(text, file="p.yaml")
    return [str(problem) for problem in failed.value.problems]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_load(path):
    """Every example that is shipped is a valid policy."""
    assert load_policies(path).dictionary.entries


def test_a_file_gives_what_it_says():
    """Dictionary, default masks, rules, functions and description come through."""
    loaded = parse_policies(
        """
version: 1
description: test
dictionary:
  - {column: bank.public.customers.phone, category: phone, level: 3}
categories: {phone: full, secret_note: {mask: constant, value: hidden}}
rules:
  - {name: a, description: why, columns: {category: phone, level: [1, ">=3"], schema: public, table: [customers, "other.c*"],
     column: "ph*"}, when: true, rows: "region = {principal.region}", treatment: clear}
functions: [public.f, 'Audit."Log"']
"""
    )
    assert loaded.label("bank", "public", "customers", "phone") == Label("phone", 3)
    assert loaded.description == "test"
    assert loaded.default_mask("phone") == make_mask("full")
    assert loaded.default_mask("secret_note") == make_mask("constant", value="hidden")
    assert loaded.default_mask("email") == make_mask("email")
    assert loaded.default_mask("unheard_of") == make_mask("full")
    assert loaded.functions == {("public", "f"), ("audit", "Log")}
    (rule,) = loaded.rules
    assert (rule.name, rule.kind, rule.line, rule.rows.text) == ("a", "clear", 8, "region = {0}")


def test_the_revision_changes_with_the_text():
    """Two files with different text have different revisions, one text always the same."""
    assert parse_policies("version: 1\n").revision == parse_policies("version: 1\n").revision
    assert parse_policies("version: 1\n").revision != parse_policies("version: 1 \n").revision


NAMED = (
    "`join` needs `columns` with a `table` that names each table as `schema.table`, without wildcards; "
    "a table that somebody makes under a fitting name could hold guesses"
)
HEAD = "version: 1\ndictionary: [{column: a.b.c.d, category: phone, level: 3}]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["p.yaml:1:1: the file is empty; begin with `version: 1`"]),
        ("- a\n", ["p.yaml:1:1: a policy file must be a mapping of keys to values, not a list"]),
        ("rules: []\n", ["p.yaml:1:1: a policy file needs the key `version`"]),
        ("version: 2\n", ["p.yaml:1:10: `version` must be 1; this is the only version there is"]),
        ("version: 1\nrule: []\n", ["p.yaml:2:1: unknown key `rule` in a policy file; did you mean `rules`?"]),
        ("version: 1\ndictionary: {}\n", ["p.yaml:2:13: `dictionary` must be a list, not a mapping; start each item with `- `"]),
        ("version: 1\ndictionary:\n  - {column: a.b.c, category: x, level: 1}\n",
         ["p.yaml:3:14: `a.b.c` is not `database.schema.table.column`: it has 3 parts, not 4"]),
        ("version: 1\ndictionary:\n  - {column: a.b.c.d, category: a-b, level: 6}\n",
         ["p.yaml:3:33: `a-b` cannot be a category; use letters, digits and `_`",
          "p.yaml:3:45: `level` must be between 1 and 5, not 6"]),
        ("version: 1\ncategories: {phone: {mask: partial}}\n",
         ["p.yaml:2:28: `partial` needs `keep_first` or `keep_last`; to show nothing, use the mask `full`"]),
        (HEAD + "rules:\n  - {name: a, columns: {category: phnoe}, treatment: clear}\n",
         ["p.yaml:4:35: no column has the category `phnoe`; did you mean `phone`?"]),
        (HEAD + "rules:\n  - {name: a, columns: {}, treatment: clear}\n",
         ['p.yaml:4:24: `columns` is empty; to mean every labelled column, write {category: "*"}']),
        (HEAD + "rules:\n  - {name: a, columns: {level: [], table: a.b.c}, treatment: clear}\n",
         ["p.yaml:4:32: `level` is an empty list, which matches nothing",
          "p.yaml:4:43: `a.b.c` is not `table` or `schema.table`: it has 3 parts, not 2"]),
        (HEAD + "rules:\n  - {name: a, columns: {level: '>=6'}, treatment: clear}\n",
         ['p.yaml:4:32: `level` must be a level from 1 to 5, or a comparison; such as ">=3"']),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: masked}\n",
         ["p.yaml:4:47: `treatment` must be one of `clear`, `deny`, not `masked`"]),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: [clear]}\n",
         ["p.yaml:4:47: `treatment` must be `clear`, `deny` or {mask: NAME}, not a list"]),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: deny, rows: a = 1}\n",
         ["p.yaml:4:59: `rows` cannot go with `deny`; a statement is refused before rows are read"]),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: deny, on_write: keep}\n",
         ["p.yaml:4:63: `on_write` must be one of `preserve`, `deny`, `allow`, not `keep`"]),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: clear, on_write: deny}\n",
         ["p.yaml:4:64: `on_write` cannot go with `clear`; it is about columns that are hidden"]),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: clear, explain: allow}\n",
         ["p.yaml:4:63: `explain` cannot go with `clear`; it is about columns that are hidden"]),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: {mask: full}, explain: always}\n",
         ["p.yaml:4:70: `explain` must be one of `allow`, `deny`, not `always`"]),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: clear, limits: 1}\n",
         [("p.yaml:4:54: unknown key `limits` in a rule; keys are `name`, `description`, `columns`, `when`, `rows`, `treatment`, "
           "`on_write`, `search`, `join`, `explain`")]),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: {mask: full}, join: exact}\n",
         ["p.yaml:4:67: `join` goes with `on_write: deny`; who can write guesses into a column could find the values they equal",
          "p.yaml:4:67: " + NAMED]),
        (HEAD + "rules:\n  - {name: a, columns: {table: [s.t, 's.*']}, on_write: deny, treatment: {mask: full}, join: exact}\n",
         ["p.yaml:4:94: " + NAMED]),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: clear, search: exact}\n",
         ["p.yaml:4:62: `search` goes with a mask on all rows; leave it out, or write a rule of its own"]),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: {mask: full}, search: like}\n",
         ["p.yaml:4:69: `search` must be `exact` or {exact: {per_hour: NUMBER, per_day: NUMBER}}"]),
        (HEAD + "rules:\n  - {name: a, columns: {level: 3}, treatment: clear}\n  - {name: a, columns: {level: 3}, treatment: deny}\n",
         ["p.yaml:5:5: rule `a` stands twice; the first is in line 4; the audit tells rules apart by name"]),
        (HEAD + "rules:\n  - name: a\n    columns: {level: 3}\n    when: session.hours > 3\n    treatment: clear\n",
         ["p.yaml:6:11: `when`: unknown variable `session.hours`; did you mean `session.hour`?"]),
        (HEAD + "rules:\n  - name: a\n    columns: {level: 3}\n    when: |\n      true &&\n        session.hours > 3\n    treatment: clear\n",
         ["p.yaml:8:9: `when`: unknown variable `session.hours`; did you mean `session.hour`?"]),
        (HEAD + "rules:\n  - name: a\n    columns: {level: 3}\n    when: 'session.hours > 3'\n    treatment: clear\n",
         ["p.yaml:6:12: `when`: unknown variable `session.hours`; did you mean `session.hour`?"]),
        (HEAD + "rules:\n  - name: a\n    columns: {level: 3}\n    when: >\n      session.hours\n      > 3\n    treatment: clear\n",
         ["p.yaml:6:11: `when`: unknown variable `session.hours`; did you mean `session.hour`?"]),
        (HEAD + "rules:\n  - name: a\n    columns: {level: 3}\n    rows: a = '{principal.x}'\n    treatment: clear\n",
         ["p.yaml:6:15: `rows`: a placeholder or brace stands within quotes; write the placeholder without quotes: its value is bound as one"]),
        (HEAD + "rules:\n  - name: a\n    columns: {level: 3}\n    rows: |\n      a = 1\n      -- x\n    treatment: clear\n",
         ["p.yaml:8:7: `rows`: a comment cannot stand in a row condition"]),
        ("version: 1\nfunctions: [f, a.*]\n",
         ["p.yaml:2:13: `f` is not `schema.function`: it has 1 part, not 2",
          "p.yaml:2:16: a function cannot have wildcards; list each one: it runs with real values"]),
    ],
)  # fmt: skip
def test_mistakes_are_reported_at_their_place(text, expected):
    """Each mistake gives its file, line and column, what is wrong, and what to write."""
    assert problems(text) == expected


def test_all_mistakes_of_a_file_are_reported_at_once():
    """Whoever repairs a file repairs it in one go."""
    found = problems("version: 2\nx: 1\nfunctions: [f]\nrules: [{name: a}]\ncategories: {phone: nope}\n")
    assert len(found) == 6
    assert found == sorted(found, key=lambda line: int(line.split(":")[1]))


def test_a_file_that_cannot_be_read_is_a_policy_error(tmp_path):
    """Absent files and bytes that are no UTF-8 are problems like all others."""
    with pytest.raises(PolicyError, match="the file cannot be read: No such file or directory"):
        load_policies(tmp_path / "absent.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"version: 1\ndescription: caf\xe9\n")
    with pytest.raises(PolicyError, match="the file is not UTF-8: byte 28 cannot be read"):
        load_policies(path)


def test_large_policies_load_quickly():
    """10,000 columns and 1,000 rules load in well under five seconds, on a busy machine too."""
    lines = ["version: 1", "dictionary:"]
    lines += [
        f"  - {{column: bank.public.t{i // 20}.c{i}, category: k{i % 50}, level: {i % 5 + 1}}}" for i in range(10_000)
    ]
    lines.append("rules:")
    for i in range(1000):
        lines.append(f"  - {{name: r{i}, columns: {{category: k{i % 50}}}, treatment: {{mask: partial, keep_last: 4}},")
        lines.append(f"     when: '\"role{i}\" in principal.roles && session.hour > {i % 24}'}}")
    begin = time.process_time()
    loaded = parse_policies("\n".join(lines))
    assert (len(loaded.dictionary.entries), len(loaded.rules)) == (10_000, 1000)
    assert time.process_time() - begin < 5


words = st.sampled_from(
    [*(key for keys in SCHEMA.values() for key in keys), "clear", "deny", "mask", "partial", "phone", "a.b.c.d", "1"]
)
trees = st.recursive(
    words | st.integers(-1, 6) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(trees)
def test_no_shape_of_file_does_worse_than_problems(tree):
    """Right keys in wrong places give problems, never another error."""
    try:
        parse_policies(json.dumps({"version": 1, "rules": tree, "dictionary": tree}))
    except PolicyError:
        return


OFTEN = [
    ("exact", Allowance(100)),
    ("{exact: {per_hour: 7}}", Allowance(7)),
    ("{exact: {per_day: 20}}", Allowance(100, 20)),
    ("{exact: {per_hour: 7, per_day: 20}}", Allowance(7, 20)),
]


@pytest.mark.parametrize(("written", "allowed"), OFTEN)
def test_search_is_a_number_of_values(written, allowed):
    """The default and numbers of one's own, an hour and a day."""
    rule = "  - {name: a, columns: {level: 3}, treatment: {mask: full}, search: %s}\n" % written  # noqa: UP031  braces
    assert parse_policies(HEAD + "rules:\n" + rule).rules[0].search == allowed


@pytest.mark.parametrize(("written", "allowed"), OFTEN)
def test_join_is_a_number_of_executions(written, allowed):
    """`exact` alone allows the default; it stands with tables named in full and `on_write: deny`."""
    rule = "  - {name: a, columns: {table: [s.t, s.u]}, treatment: {mask: full}, on_write: deny, join: %s}\n" % written  # noqa: UP031  braces
    assert parse_policies(HEAD + "rules:\n" + rule).rules[0].join == allowed


LISTED = """version: 1
dictionary:
  - column: bank.public.customers.phone
    category: phone
    level: 3
    state: proposed
    confidence: 0.97
    type: varchar(20)
    evidence: the name says phone
  - {column: bank.public.customers.id, category: none, state: accepted, by: ada}
"""


def test_a_dictionary_can_stand_in_files_of_its_own(tmp_path):
    """Their entries count like the policy file's, they change the revision, and `unreviewed` says what proposals do."""
    (tmp_path / "columns.yaml").write_text(LISTED, encoding="utf-8")
    path = tmp_path / "policies.yaml"
    path.write_text("version: 1\ndictionary_files: [columns.yaml]\n", encoding="utf-8")
    loaded = load_policies(path)
    assert loaded.label("bank", "public", "customers", "phone") == Label("phone", 3)
    assert loaded.label("bank", "public", "customers", "id") is None
    (tmp_path / "columns.yaml").write_text(LISTED.replace("level: 3", "level: 4"), encoding="utf-8")
    assert load_policies(path).revision != loaded.revision
    path.write_text("version: 1\ndictionary_files: [columns.yaml]\nunreviewed: show\n", encoding="utf-8")
    assert not load_policies(path).has_labels


def test_mistakes_of_a_dictionary_file_are_reported_with_its_name(tmp_path):
    """Each problem names the file it stands in; a missing file is one, too."""
    (tmp_path / "a.yaml").write_text(
        "version: 1\ndictionary:\n  - {column: a.b.c, category: x, level: 1}\n", encoding="utf-8"
    )
    (tmp_path / "b.yaml").write_text("", encoding="utf-8")
    path = tmp_path / "p.yaml"
    path.write_text("version: 1\ndictionary_files: [a.yaml, b.yaml, c.yaml]\nunreviewed: hide\n", encoding="utf-8")
    with pytest.raises(PolicyError) as failed:
        load_policies(path)
    said = [str(problem) for problem in failed.value.problems]
    for expected in (
        "a.yaml:3:14: `a.b.c` is not",
        "`b.yaml` is empty",
        "`c.yaml`: the file cannot be read: No such file",
        "`unreviewed` must be one of `show`, `mask`, `mask_all`",
    ):
        assert any(expected in each for each in said)
    with pytest.raises(PolicyError, match="come from no file"):
        parse_policies("version: 1\ndictionary_files: [a.yaml]\n")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{column: a.b.c.d, category: phone}", "a dictionary entry needs the key `level`"),
        ("{column: a.b.c.d, category: none, level: 2}", "`level` cannot go with `category: none`"),
        ("{column: a.b.c.d, category: x, level: 2, state: accepted}", "an entry that is accepted needs the key `by`"),
        ("{column: a.b.c.d, category: x, level: 2, state: acepted}", "did you mean `accepted`?"),
        ("{column: a.b.c.d, category: x, level: 2, confidence: 2}", "`confidence` must be between 0 and 1"),
        ("{column: a.b.c.d, category: x, level: 2, by: 5}", "`by` must be text"),
    ],
)
def test_mistakes_of_an_entry_are_told(entry, said):
    """What a review may say is checked like the rest."""
    (problem,) = problems(f"version: 1\ndictionary:\n  - {entry}\n")
    assert said in problem
