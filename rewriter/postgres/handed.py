"""Which functions are handed values that are hidden from a caller, when others run them.

A trigger, check or index of a protected relation, a view over one, a function that reads one: when somebody who may sees or
writes, they hand real values to the functions that they name. Whoever could give such a name to code of his own, by CREATE OR
REPLACE, ALTER ... RENAME or SET SCHEMA, would be handed them. Names are found as words of the texts, from the name that is asked
for back to what mentions it, so that a database of a thousand functions is not judged whole for one: too many are
found rather than too few. May not do: judge what a function does (`rewriter.postgres.code`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rewriter.kept import Kept
from rewriter.model import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rewriter.postgres.catalog import Catalog, Function
    from rewriter.postgres.code import Judge
    from rewriter.postgres.world import World

_SPELLED_OUT = 'u&"'
"""How a name begins whose letters are given by number: it may be any."""

_CUT_BYTES = 60
"""Names from this length on can be what is left of a longer one: it is cut at 63 bytes (NAMEDATALEN), before a letter of up to four."""


@dataclass(frozen=True, slots=True)
class _Body:
    """All overloads of a function: their texts, folded, and whether each only computes."""

    function: Name
    text: str
    harmless: bool


def is_handed(judge: Judge, name: str) -> bool:
    """Whether functions of that name, in any schema, may be handed hidden values; what the policies list is taken to be."""
    listed = {written.rsplit(".", 1)[-1] for written in judge.listed}
    definitions = _definitions(judge.catalog, judge.world)
    waiting, seen = [name], {name}
    while waiting:
        each = waiting.pop()
        if each in listed or _mentions(definitions, each):
            return True
        for body in _bodies(judge.catalog):
            if not _mentions(body.text, each):
                continue
            if not body.harmless and _may_hold(judge, body.function):
                return True
            called = body.function[1]
            if called not in seen:
                seen.add(called)
                waiting.append(called)
    return False


def _may_hold(judge: Judge, function: Name) -> bool:
    """Whether a function comes by hidden values: it may not run for the caller, or reads what is not there before it runs."""
    verdict = judge.verdict(function)
    return verdict.reason is not None or bool(verdict.unknown)


def _make_definitions(catalog: Catalog, world: World) -> str:
    return _folded("\n".join(_handing(catalog, world)))


def _handing(catalog: Catalog, world: World) -> Iterator[str]:
    """The texts of what has hidden values in its hands, but for functions."""
    for oid, attached in catalog.attached.items():
        if world.hides(oid):
            yield from (each.text for each in attached)
    for oid, relation in catalog.relations.items():
        if world.hides(oid) or any(world.hides(source) for source in relation.sources):
            yield relation.definition or ""
            yield from map(_quoted, (*relation.functions, *relation.write_functions))
    for conversion in catalog.conversions:
        if any(world.hides(oid) for oid in conversion.relations):
            yield from map(_quoted, conversion.functions)


def _make_bodies(catalog: Catalog) -> tuple[_Body, ...]:
    return tuple(
        _Body(name, _folded("\n".join(map(_text, overloads))), all(overload.harmless for overload in overloads))
        for name, overloads in catalog.code.items()
    )


def _text(function: Function) -> str:
    support = " ".join(map(_quoted, function.support))
    return f"{function.body or ''} {function.defaults or ''} {support}"


def _quoted(name: Name) -> str:
    return '"' + name[1].replace('"', '""') + '"'


def _folded(text: str) -> str:
    """A text in which letters of both cases are one; that of a part is the part of that of the whole."""
    return text.casefold()


def _mentions(text: str, name: str) -> bool:
    """Whether a folded text has a name as a word, in code, comment or string; letters beyond ASCII may belong to it or not."""
    if _SPELLED_OUT in text:
        return True
    written = _folded(name.replace('"', '""'))
    if written not in text:
        return False
    # a longer name is cut to this one by the server
    end = "" if len(name.encode()) >= _CUT_BYTES else "(?![a-z0-9_$])"
    return re.search(f"(?<![a-z0-9_$]){re.escape(written)}{end}", text) is not None


_definitions: Kept[str] = Kept(_make_definitions, 16)
_bodies: Kept[tuple[_Body, ...]] = Kept(_make_bodies, 4)
