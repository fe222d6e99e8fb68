"""The JSON Schemas know the keys of the loader, take the examples and find mistakes."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from policies import trials
from policies.json_schema import dictionary_schema, policies_schema, trials_schema
from policies.loader import SCHEMA
from policies.masks import SCHEMAS

EXAMPLES = Path(__file__).parents[3] / "policies" / "examples"
OTHERS = ("dictionary.yaml", ".test.yaml", ".users.yaml")


def mistakes(text: str, schema: dict) -> int:
    """How many mistakes a file has by a schema."""
    read = json.loads(json.dumps(yaml.safe_load(text), default=str))  # the loader takes days as text
    return len(list(jsonschema.Draft202012Validator(schema).iter_errors(read)))


def test_every_key_of_the_loader_is_in_the_schema():
    """What the loader takes an editor offers."""
    schema = policies_schema()
    assert tuple(schema["properties"]) == SCHEMA["policies"]
    for name, keys in SCHEMA.items():
        if name != "policies":
            assert tuple(schema["$defs"][name]["properties"]) == keys
    assert tuple(trials_schema()["properties"]) == trials.FILE
    assert {each["properties"]["mask"]["const"] for each in schema["$defs"]["mask"]["anyOf"][1:]} == set(SCHEMAS)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("**/*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_valid(path):
    """Every example file is one by the schema of its kind."""
    if path.name.endswith(".users.yaml"):
        return
    kinds = {"dictionary.yaml": dictionary_schema, ".test.yaml": trials_schema}
    made = next((schema for end, schema in kinds.items() if path.name.endswith(end)), policies_schema)
    jsonschema.Draft202012Validator.check_schema(made())
    assert mistakes(path.read_text(), made()) == 0


@pytest.mark.parametrize(
    "text",
    [
        "version: 2",
        "{version: 1, rule: []}",
        "{version: 1, rules: [{name: r, columns: {category: x}}]}",
        "{version: 1, rules: [{name: r, columns: {kategory: x}, treatment: clear}]}",
        "{version: 1, rules: [{name: r, columns: {category: x}, treatment: {mask: partial, keep_frist: 3}}]}",
        "{version: 1, rules: [{name: r, columns: {category: x}, treatment: {mask: partly}}]}",
        "{version: 1, rules: [{name: r, columns: {category: x}, treatment: {mask: partial, keep_first: 3000}}]}",
        "{version: 1, dictionary: [{column: a.b.c.d, category: x, level: 7}]}",
        "{version: 1, rules: [{name: r, columns: {category: x}, treatment: clear, on_write: sometimes}]}",
    ],
)
def test_mistakes_are_found_while_writing(text):
    """What `louver check` would refuse for its shape an editor marks."""
    assert mistakes(text, policies_schema()) > 0
