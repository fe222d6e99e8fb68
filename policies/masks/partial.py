"""`partial`: the ends of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.masks.schema import CHARACTER, MAX_KEPT, Example, MaskSchema, Parameter, ends, padding, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell, Parameters


def _words(given: Parameters) -> str:
    length = " and its length" if given["keep_length"] else ""
    return f"is shown with {ends(int(given['keep_first']), int(given['keep_last']), 'character')}{length}"


def _problem(given: Parameters) -> str | None:
    if not given["keep_first"] and not given["keep_last"]:
        return "`partial` needs `keep_first` or `keep_last`; to show nothing, use the mask `full`"
    return None


def _shown(cell: Cell) -> str | None:
    if not isinstance(cell.value, str):
        return None
    text, first, last = cell.value, cell.number("keep_first"), cell.number("keep_last")
    least = first + last + cell.number("hide_at_least")
    if cell.length is not None and cell.length < least:
        return None
    keeps_length = cell.parameters["keep_length"]
    if len(text) < least:
        return cell.character * max(len(text), 1) if keeps_length else cell.pad
    pad = (
        cell.character * (len(text) - first - last)
        if keeps_length
        else padding(cell.character, cell.length, first + last)
    )
    return text[:first] + pad + text[len(text) - last :]


SCHEMA: Final = MaskSchema(
    "partial",
    "shows the ends of a text",
    parameters(
        keep_first=Parameter("integer", 0, "characters shown at the start", 0, MAX_KEPT),
        keep_last=Parameter("integer", 0, "characters shown at the end", 0, MAX_KEPT),
        hide_at_least=Parameter(
            "integer", 4, "characters that must stay hidden, or nothing of the value is shown", 1, 1000
        ),
        keep_length=Parameter("boolean", False, "as many pad characters as are hidden, instead of four"),
        character=CHARACTER,
    ),
    _words,
    _shown,
    Example("13812345678", {"keep_first": 3, "keep_last": 4}),
    problem=_problem,
)
