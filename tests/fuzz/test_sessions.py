"""Long random runs over the session: mutated dialogues and random messages. `make fuzz N=100000 SEED=7` repeats one.

Without LOUVER_FUZZ_N it is a short run, so that the fuzzer itself stays alive.
"""

from __future__ import annotations

import itertools
import os
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = int(os.environ.get("LOUVER_FUZZ_N") or 300)
SEED = int(os.environ.get("LOUVER_FUZZ_SEED") or random.SystemRandom().randrange(1 << 32))
CASES = (Path(__file__).parents[1] / "cases" / "sessions.txt").read_text(encoding="utf-8")
LINES = re.findall(r"^([<>]) (.+)$", CASES, re.MULTILINE)
WORLDS = (("world", "1"), ("world", "2"), ("unsettled", "1"), ("hold", "phone"), ("rule",), ("hurry",))


def mutated(data: bytes, dice: random.Random) -> bytes:
    """The bytes with some of them changed, lost, doubled or moved, or as they were."""
    changed = bytearray(data)
    for _ in range(dice.choice([0, 0, 0, 1, 1, 3])):
        if not changed:
            break
        at = dice.randrange(len(changed))
        match dice.randrange(4):
            case 0:
                changed[at] = dice.randrange(256)
            case 1:
                del changed[at : at + dice.randrange(1, 6)]
            case 2:
                changed[at:at] = changed[at : at + dice.randrange(1, 30)]
            case _:
                changed[at] ^= 1 << dice.randrange(8)
    return bytes(changed)


def pieces(data: bytes, dice: random.Random) -> list[bytes]:
    """The bytes cut at random."""
    cuts = sorted({0, len(data), *(dice.randrange(len(data) + 1) for _ in range(dice.randrange(3)))})
    return [data[start:end] for start, end in itertools.pairwise(cuts)]


def test_random_dialogues_end_in_nothing_worse_than_a_violation(player: Callable[..., Any], wire: Any) -> None:
    """Lines of real dialogues, mixed and mutated, with worlds that change in between: no other exception ever."""
    for run in range(RUNS):
        seed = SEED + run
        dice = random.Random(seed)
        played = player(split=lambda data, dice=dice: pieces(data, dice))
        try:
            for _ in range(dice.randrange(1, 30)):
                if dice.random() < 0.15:
                    played.do(*dice.choice(WORLDS))
                mark, line = dice.choice(LINES)
                side, encode = (played.client, wire.client) if mark == ">" else (played.server, wire.server)
                side(mutated(encode(line), dice))
                if played.violation is not None:
                    break
            repr(played.session)
        except Exception as error:
            error.add_note(f"repeat by: make fuzz N=1 SEED={seed}")
            raise
