"""The rows of `members` are what twins must be: a mask's reference in Python makes one image of both values, and one that is not clear."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from noninterference.members import members

from policies.loader import load_policies
from policies.masks import SCHEMAS, show
from policies.model import Mask

SECRET = b"a secret of thirty-two bytes....."
FOLDER = Path(__file__).parent


def read(name: str, value: Any) -> Any:
    """A value as the reference takes it."""
    if value is None or isinstance(value, bytes | int):
        return value
    made = {"joined": date.fromisoformat, "birth": date.fromisoformat, "income": Decimal}
    return made.get(name, str)(value)


@pytest.mark.parametrize("file", ["policies.yaml", "mysql/policies.yaml"])
def test_both_twins_have_the_image_that_the_masked_world_holds(file: str) -> None:
    """Row by row; some values of each column differ, so that there is something to tell."""
    policies = load_policies(FOLDER / file)
    rows = members(SECRET, json.dumps)
    for name in rows[0]:
        mask = masks(policies).get(name)
        if mask is None:
            continue
        for a, b, m in (row[name] for row in rows):
            images = [show(mask, read(name, value), secret=SECRET) for value in (a, b)]
            assert images[0] == images[1], (name, a, b)
            expected = json.loads(m) if name == "profile" and m is not None else read(name, m)
            assert (json.loads(images[0]) if name == "profile" and m is not None else images[0]) == expected
        differ = sum(a != b for a, b, _ in (row[name] for row in rows))
        assert differ > 3 or SCHEMAS[mask.name].keyed


def masks(policies: Any) -> dict[str, Mask]:
    """The mask of each column of the table."""
    labels = {name: policies.label("twin", "public", "members", name) for name in members(SECRET)[0]}
    return {name: policies.default_mask(label.category) for name, label in labels.items() if label is not None}


@pytest.mark.parametrize("file", ["policies.yaml", "mysql/policies.yaml"])
def test_every_mask_is_among_the_twins(file: str) -> None:
    """A mask that is added is added to the twins."""
    policies = load_policies(FOLDER / file)
    assert {mask.name for mask in policies.defaults.values()} == set(SCHEMAS)
