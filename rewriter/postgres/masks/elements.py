"""Arrays: a mask of their elements, each shown as a value of its own would be.

The number of elements, and which of them are NULL, is seen. An array of two dimensions keeps both, one of more is hidden entirely.
"""

from __future__ import annotations

from typing import Final

from rewriter.postgres.masks.literals import call, operate, unless_null
from rewriter.postgres.masks.target import Target, hidden

VALUE: Final = '"each"."value"'
"""What an element is called where it is masked."""


def of_elements(reference: str, target: Target, element: str) -> str:
    """Show each element of an array as `element` shows `VALUE`."""
    each = f'{call("unnest", reference)} WITH ORDINALITY AS "each" ("value", "place") ORDER BY "each"."place"'
    rows, size = call("array_length", reference, "1"), call("array_length", reference, "2")
    last = operate('"row"."number"', "*", size)
    first = operate(operate(last, "-", size), "+", "1")
    row = f'SELECT ("all"."elements")[{first}:{last}] FROM {call("generate_series", "1", rows)} AS "row" ("number") ORDER BY "row"."number"'  # noqa: S608  our own text
    dimensions = call("array_ndims", reference)
    cases = (
        f'WHEN {operate(dimensions, "=", "1")} THEN "all"."elements" WHEN {operate(dimensions, "=", "2")} THEN ARRAY({row}) '
        f"ELSE {unless_null(reference, hidden(target))}"
    )
    # OFFSET keeps the planner from masking all elements again for every row of them
    elements = f'SELECT ARRAY(SELECT {element} FROM {each}) AS "elements" OFFSET 0'  # noqa: S608  our own text
    return f'(SELECT CASE {cases} END FROM ({elements}) AS "all")'  # noqa: S608  the same
