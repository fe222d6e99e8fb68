"""Whole dialogues of a session: what each side gets, whatever the pieces in which the bytes arrive."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CASES = Path(__file__).parents[4] / "cases" / "sessions.txt"
DIALOGUES = dict(
    re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", CASES.read_text(encoding="utf-8"), re.MULTILINE),
)


def single_bytes(data: bytes) -> Iterable[bytes]:
    """Cut into single bytes."""
    return [data[i : i + 1] for i in range(len(data))]


@pytest.mark.parametrize("title", DIALOGUES)
def test_dialogue_whole(title: str, player: Callable[..., Any]) -> None:
    """Each side gets exactly what the dialogue tells, when a line arrives as a whole."""
    player().play(DIALOGUES[title])


@pytest.mark.parametrize("title", DIALOGUES)
def test_dialogue_byte_by_byte(title: str, player: Callable[..., Any]) -> None:
    """Each side gets the same when every byte arrives alone."""
    player(split=single_bytes).play(DIALOGUES[title])


@pytest.mark.parametrize("title", DIALOGUES)
def test_dialogue_at_random_splits(title: str, player: Callable[..., Any]) -> None:
    """Each side gets the same wherever the bytes are cut."""

    @given(st.randoms(use_true_random=False))
    @settings(max_examples=10, deadline=None)
    def cut_at_random(random: Any) -> None:
        def split(data: bytes) -> Iterable[bytes]:
            cuts = sorted({random.randrange(len(data) + 1) for _ in range(random.randrange(4))} | {0, len(data)})
            return [data[a:b] for a, b in itertools.pairwise(cuts)]

        player(split=split).play(DIALOGUES[title])

    cut_at_random()
