"""Conditions that never hold, or always: found by trying all that a session may be, as far as that can be counted.

The hour and the minute, the weekday, whether it is a working day or TLS is used, the kind of a statement, and what sessions may declare from a list
can be counted. A condition that looks at nothing else is evaluated for each of them; of one that looks at more, the parts that look at
nothing else. What cannot be counted (people, addresses, dates) may be anything. Owns that search. It gives advice and decides nothing, so that it may
overlook; what it says is true. May not do: I/O.
"""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stubs come without a py.typed marker

from policies.conditions import ConditionError, ConditionFailed, compiled, truth
from policies.statements import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policies.vocabulary import Vocabulary

Holding = Literal["never", "always"]

_MOST: Final = 20_000
"""Cases that are tried for one condition: every minute of a day of each weekday; a tenth of a second."""

_OPEN: Final = {"(": ")", "[": "]", "{": "}"}
_STEP = re.compile(
    r"""(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<joint>&&|\|\|)|(?P<other>.)""", re.DOTALL
)
_ODD = re.compile(
    r"""\b[rRbB]{1,2}["']|//|\"\"\"|'''"""
)  # of which quotes and comments tell otherwise where a string ends
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_Case = dict[str, object]


def holding(text: str, vocabulary: Vocabulary) -> Holding | None:
    """Whether a condition never holds, or always does; None when it is neither, or that cannot be told."""
    alternatives = _split(text, "||")
    if any(_tried(each, vocabulary) == "always" for each in alternatives):
        return "always"
    return "never" if all(_never(each, vocabulary) for each in alternatives) else _tried(text, vocabulary)


def idle(text: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The alternatives of a condition, joined by `||`, that never hold."""
    alternatives = _split(text, "||")
    return tuple(each.strip() for each in alternatives if _never(each, vocabulary)) if len(alternatives) > 1 else ()


def _never(text: str, vocabulary: Vocabulary) -> bool:
    """Whether what has to hold together never does, by those parts of it that can be counted."""
    counted = [each for each in _split(text, "&&") if _compiled(each, vocabulary) is not None]
    return bool(counted) and _tried(" && ".join(f"({each})" for each in counted), vocabulary) == "never"


def _tried(text: str, vocabulary: Vocabulary) -> Holding | None:
    """What comes of trying every case; None when they are too many, or it cannot be evaluated in one, where it denies."""
    program = _compiled(text, vocabulary)
    cases = _cases(set(_WORD.findall(text)), vocabulary)
    if program is None or cases is None:
        return None
    environment = _environment(tuple(_counted(vocabulary)))
    found: bool | None = None
    for case in cases:
        try:
            holds = truth(program, environment.Activation(case))
        except ConditionFailed:
            return None
        if found is not None and holds is not found:
            return None
        found = holds
    return "always" if found else "never"


def _cases(words: set[str], vocabulary: Vocabulary) -> Iterator[_Case] | None:
    """All that a session may be in what is named; None when that is too much."""
    parts: list[Sequence[_Case]] = []
    if {"minute", "time"} & words:
        parts.append([_moment(*divmod(minute, 60)) for minute in range(24 * 60)])
    elif "hour" in words:
        parts.append([{"session.hour": hour} for hour in range(24)])
    for name, values in _counted(vocabulary).items():
        if name.partition(".")[2] in words:
            parts.append([{name: value} for value in values])
    number = 1
    for part in parts:
        number *= len(part)
    if number > _MOST:
        return None
    return ({name: value for part in case for name, value in part.items()} for case in itertools.product(*parts))


def _moment(hour: int, minute: int) -> _Case:
    return {"session.hour": hour, "session.minute": minute, "session.time": f"{hour:02}:{minute:02}"}


def _counted(vocabulary: Vocabulary) -> dict[str, Sequence[object]]:
    """What a fact of a session may be, of those that are told apart from the hour."""
    either = (False, True)
    declared: dict[str, Sequence[object]] = {
        f"session.{name}": (None, *(either if each.kind == "boolean" else each.values))
        for name, each in vocabulary.attributes.items()
        if each.values or each.kind == "boolean"
    }
    return {
        "session.weekday": range(1, 8),
        "session.workday": either,
        "session.tls": either,
        "statement.kind": KINDS,
        **declared,
    }


@lru_cache(maxsize=64)
def _environment(declared: tuple[str, ...]) -> cel.Env:
    """Variables of what can be counted, and no others."""
    whole, text, boolean = cel.Type.INT, cel.Type.STRING, cel.Type.BOOL
    types = {
        "session.hour": whole,
        "session.minute": whole,
        "session.time": text,
        "session.weekday": whole,
        "session.workday": boolean,
        "session.tls": boolean,
        "statement.kind": text,
    }
    return cel.NewEnv(variables=dict.fromkeys(declared, cel.Type.DYN) | types)  # null is no text


def _compiled(text: str, vocabulary: Vocabulary) -> Any:  # noqa: ANN401  the library has no types
    """The program of what looks at nothing but what can be counted; None of all else."""
    try:
        return compiled(text, _environment(tuple(_counted(vocabulary))), ())
    except ConditionError:
        return None


def _split(text: str, joint: str) -> list[str]:
    """The parts of a condition that stand between such joints, outside parentheses; all of it where that is hard to tell."""
    if _ODD.search(text):
        return [text]
    parts, closing, start = [], [], 0
    for step in _STEP.finditer(text):
        sign = step[0]
        if step["string"]:
            continue
        if sign in _OPEN:
            closing.append(_OPEN[sign])
        elif closing and sign == closing[-1]:
            closing.pop()
        elif not closing and sign == "?":  # which binds less than both
            return [text]
        elif not closing and sign == joint:
            parts.append(text[start : step.start()])
            start = step.end()
    return [*parts, text[start:]]
