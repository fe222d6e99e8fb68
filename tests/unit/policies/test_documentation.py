"""docs/policies.md and docs/masks.md say what the code says."""

import re
from pathlib import Path

import pytest

from policies.approvals import GRANT_FIELDS
from policies.approvals import VARIABLES as VARIABLES_OF_APPROVALS
from policies.conditions import VARIABLES, Condition
from policies.loader import SCHEMA, parse_policies
from policies.masks import CATEGORY_DEFAULTS, PAD_CHARACTERS, SCHEMAS, read_mask
from policies.positions import Checker, compose

DOCS = Path(__file__).parents[3] / "docs"
POLICIES = (DOCS / "policies.md").read_text(encoding="utf-8")
MASKS = (DOCS / "masks.md").read_text(encoding="utf-8")


def section(document: str, title: str) -> str:
    """Give the text under a heading, up to the next one."""
    return re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##+ |\Z)", document, re.MULTILINE | re.DOTALL)[1]


def rows(text: str) -> list[list[str]]:
    """Give the rows of all tables, without their heads."""
    found = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| `")
    ]
    return [[cell.strip(" |") for cell in row] for row in found]


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("The file", "policies"),
        ("calendar", "calendar"),
        ("session", "session"),
        ("dictionary", "dictionary"),
        ("rules", "rules"),
        ("columns", "columns"),
        ("approvals", "approvals"),
        ("columns of an approval", "columns of an approval"),
    ],
)
def test_every_key_of_the_file_is_documented(title, keys):
    """The tables have just the keys that the loader knows, in its order."""
    assert [row[0].strip("`") for row in rows(section(POLICIES, title))] == list(SCHEMA[keys])


def test_every_variable_of_an_approval_is_documented():
    """What its conditions see is what the table says, with the fields of a grant."""
    variables = rows(section(POLICIES, "when of an approval"))
    assert [row[0].strip("`") for row in variables] == list(VARIABLES_OF_APPROVALS)
    assert tuple(re.findall(r"`grant\.([a-z_]+)`", variables[-1][1])) == GRANT_FIELDS


def test_every_variable_is_documented():
    """Conditions can use just what the table says."""
    documented = [row[0].strip("`") for row in rows(section(POLICIES, "when")) if len(row) == 3]
    assert documented == list(VARIABLES)


def test_the_conditions_of_the_page_compile():
    """Every example condition is one."""
    conditions = [row[0].strip("`") for row in rows(section(POLICIES, "when")) if len(row) == 2]
    assert len(conditions) == 10
    for condition in conditions:
        Condition(condition)


def test_the_policy_of_the_page_loads():
    """The first example is a valid policy."""
    assert len(parse_policies(re.search(r"```yaml\n(.*?)```", POLICIES, re.DOTALL)[1]).rules) == 2


def test_default_masks_are_documented():
    """Category by category, the page gives the mask of the code."""
    documented = {row[0].strip("`"): row[1].strip("`") for row in rows(section(POLICIES, "Default masks"))}
    assert {category: mask_of(text) for category, text in documented.items()} == dict(CATEGORY_DEFAULTS)


def mask_of(text: str):
    root, _ = compose(text, "docs")
    checker = Checker()
    mask = read_mask(root, checker)
    assert checker.problems == ()
    return mask


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_mask_and_parameter_is_documented(name):
    """Each mask has its section, with the parameters, defaults and meanings of the code."""
    documented = {row[0].strip("`"): (row[1], row[2]) for row in rows(section(MASKS, name)) if len(row) == 3}
    expected = {}
    for key, parameter in SCHEMAS[name].parameters.items():
        default = parameter.default
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        expected[key] = (
            "must be given" if default is None else f"`{shown}`",
            parameter.meaning.partition(": one of")[0],
        )
    assert documented == expected


def test_the_overview_lists_every_mask():
    """The first table has every mask in order."""
    overview = MASKS.partition("## full")[0]
    assert [row[0].strip("`") for row in rows(overview)] == list(SCHEMAS)


def test_pad_characters_are_single_bytes():
    """A masked text is never longer in bytes than its column allows."""
    assert PAD_CHARACTERS.isascii()
    assert PAD_CHARACTERS.isprintable()
