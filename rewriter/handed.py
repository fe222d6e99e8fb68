"""Which functions are handed values that are hidden from a caller, when others run them.

A trigger, check or index of a protected relation, a view over one, a function that reads one: when somebody who may sees or
writes, they hand real values to the functions that they name. Whoever could give such a name to code of his own, by CREATE OR
REPLACE, ALTER ... RENAME or SET SCHEMA, would be handed them. Names are found as words of the texts, and followed through the
bodies of functions: too many rather than too few. May not do: judge what a function does (`rewriter.code`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rewriter.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rewriter.code import Judge
    from rewriter.model import Function

_WORD = re.compile(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)')


def handed(judge: Judge) -> frozenset[str]:
    """Names, without schemas, of functions that are handed hidden values, and of those that the policies list."""
    return _handed(judge)


def _make(judge: Judge) -> frozenset[str]:
    bodies: dict[str, list[Function]] = {}
    for (_, name), overloads in judge.catalog.code.items():
        bodies.setdefault(name, []).extend(overloads)
    found = {written.rsplit(".", 1)[-1] for written in judge.listed}
    for text in _handing(judge):
        found |= _words(text)
    waiting = [name for name in found if name in bodies]
    while waiting:
        for function in bodies[waiting.pop()]:
            new = _words(_text(function)) - found
            found |= new
            waiting += [name for name in new if name in bodies]
    return frozenset(found)


def _handing(judge: Judge) -> Iterator[str]:
    """The texts of code that has hidden values in its hands."""
    catalog, world = judge.catalog, judge.world
    for oid, attached in catalog.attached.items():
        if world.hides(oid):
            yield from (each.text for each in attached)
    for oid, relation in catalog.relations.items():
        if world.hides(oid) or any(world.hides(source) for source in relation.sources):
            yield relation.definition or ""
            yield from (f'"{name}"' for _, name in (*relation.functions, *relation.write_functions))
    for conversion in catalog.conversions:
        if any(world.hides(oid) for oid in conversion.relations):
            yield from (f'"{name}"' for _, name in conversion.functions)
    for name, overloads in catalog.code.items():
        if any(not overload.harmless for overload in overloads) and judge.verdict(name).reason is not None:
            yield from map(_text, overloads)


def _text(function: Function) -> str:
    support = " ".join(f'"{name}"' for _, name in function.support)
    return f"{function.body or ''} {function.defaults or ''} {support}"


def _words(text: str) -> set[str]:
    """The words of a text as names: folded, quotes taken off. Those of comments and strings are among them."""
    return {quoted.replace('""', '"') if quoted else plain.lower() for quoted, plain in _WORD.findall(text)} | {
        word.lower() for word in re.findall(r"[^\W\d][\w$]*", text)
    }


_handed: Kept[frozenset[str]] = Kept(_make, 16)
