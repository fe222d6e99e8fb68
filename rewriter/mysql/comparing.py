"""Values in a row condition on MySQL and MariaDB: their kinds, constants of them, and how two of them are compared.

Owns the rule that nothing is converted but a constant whose type the other side gives: numbers, texts and dates never meet,
for the servers would convert one of them and warn. May not do: read a condition.
"""

from __future__ import annotations

import math
import re
import uuid
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, Literal

from rewriter.conditions import ConditionError
from rewriter.mysql.masks.literals import binary, literal
from rewriter.mysql.masks.target import FLOATS, INTEGERS, TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policies.model import AttributeValue
    from rewriter.mysql.catalog import Column

Kind = Literal["text", "number", "float", "date", "datetime", "time", "uuid", "boolean", "null"]

_OF_TYPES: Final[Mapping[str, Kind]] = {
    **dict.fromkeys((*TEXTS, "enum", "set"), "text"),
    **dict.fromkeys((*INTEGERS, "decimal", "year", "bit"), "number"),
    **dict.fromkeys(FLOATS, "float"),
    "date": "date",
    "datetime": "datetime",
    "time": "time",
    "uuid": "uuid",
}
"""Types of columns that a condition may look at."""
CASTS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("text", "varchar", "bpchar"), "text"),
    **dict.fromkeys(("int2", "int4", "int8", "numeric"), "number"),
    **dict.fromkeys(("float4", "float8"), "float"),
    "bool": "boolean",
    "date": "date",
    "timestamp": "datetime",
    "time": "time",
    "uuid": "uuid",
}
_COMPARISONS: Final = frozenset({"=", "<>", "<", "<=", ">", ">="})
NUMBERS: Final = frozenset({"number", "float"})
_ESCAPED: Final = {"!": "!!", r"\!": "!!", r"\%": "!%", r"\_": "!_"}
"""What is written otherwise when `!` escapes in place of the backslash."""
_MAX_DIGITS = 30  # of a number that is written in a condition: sums and products stay within the 65 of a decimal


@dataclass(frozen=True, slots=True)
class Value:
    """A printed expression. `raw` is the text of a constant whose type the other side gives, as in PostgreSQL.

    `constant`: it does not depend on the row. `plain` is the bare column, which an index may serve.
    """

    sql: str
    kind: Kind
    raw: str | None = None
    constant: bool = False
    plain: str | None = None


NULL: Final = Value("NULL", "null", constant=True)


def column_value(column: Column, sql: str) -> Value:
    """A column's value, which `sql` reads. Raises ConditionError for a type that a condition cannot look at."""
    kind = _OF_TYPES.get(column.base_type)
    if column.base_type == "timestamp":
        raise ConditionError(f'"{column.name}" has a time zone, so the condition would follow a setting of the caller')
    if kind is None:
        raise ConditionError(f'"{column.name}" is of the type {column.type_name}, which a row condition cannot look at')
    if kind == "text":
        padded = f"RTRIM({sql})" if column.base_type == "char" else sql
        return Value(f"CONVERT({padded} USING utf8mb4)", kind, plain=sql)
    if column.base_type == "bit":
        sql = f"CAST({sql} AS UNSIGNED)"
    return Value(f"CONVERT(CAST({sql} AS CHAR) USING utf8mb4)" if kind == "uuid" else sql, kind)


def constant(value: AttributeValue) -> Value:
    """An attribute's value or a constant of the condition."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return Value("TRUE" if value else "FALSE", "boolean", constant=True)
    if isinstance(value, int):
        return number(str(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ConditionError("an attribute value is not a finite number")
        return number(repr(value))
    if isinstance(value, tuple):
        raise ConditionError("a list stands in a row condition where one value is needed; write = ANY ({...})")
    if "\0" in value:
        raise ConditionError("an attribute value contains a NUL character")
    return Value(_literal(value), "text", raw=value, constant=True)


def number(text: str) -> Value:
    """A number that stands in a condition. Raises ConditionError for what is none."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ConditionError(f"{text!r} is not a number") from None
    if not number.is_finite():
        raise ConditionError(f"{text!r} is not a finite number")
    written = f"{number:f}"
    if len(written) > _MAX_DIGITS:
        return Value(f"({number:E})", "float", constant=True)
    return Value(f"({written})", "number", constant=True)


def _literal(text: str) -> str:
    try:
        text.encode("utf-8")
    except ValueError:
        raise ConditionError("an attribute value is not valid text") from None
    return literal(text)


def converted(value: Value, kind: Kind) -> Value:
    """Give a constant of an open type the type of the other side, as PostgreSQL would."""
    text = value.raw
    if text is None:
        raise ConditionError(f"a {value.kind} stands where a {kind} is needed; nothing is converted in a row condition")
    if kind == "text":
        return Value(value.sql, kind, constant=True)
    if kind in NUMBERS:
        return number(text)
    if kind == "boolean":
        if text.strip().lower() not in {"t", "true", "yes", "on", "1", "f", "false", "no", "off", "0"}:
            raise ConditionError(f"{text!r} is neither true nor false")
        return constant(text.strip().lower() in {"t", "true", "yes", "on", "1"})
    try:
        return Value(_MOMENTS[kind](text.strip()), kind, constant=True)
    except ValueError:
        wanted = {"date": "dates", "datetime": "dates with time", "time": "times", "uuid": "UUIDs"}[kind]
        form = "YYYY-MM-DD, times HH:MM:SS" if kind != "uuid" else "in hexadecimal digits"
        raise ConditionError(f"{wanted} in a row condition are written {form}") from None


def _moment(text: str) -> str:
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError(text)
    return f"TIMESTAMP'{moment.isoformat(sep=' ', timespec='microseconds')}'"


def _time(text: str) -> str:
    moment = time.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError(text)
    return f"TIME'{moment.isoformat(timespec='microseconds')}'"


_MOMENTS: Final[Mapping[str, Callable[[str], str]]] = {
    "date": lambda text: f"DATE'{date.fromisoformat(text).isoformat()}'",
    "datetime": _moment,
    "time": _time,
    "uuid": lambda text: literal(str(uuid.UUID(text))),
}


def _meet(left: Value, right: Value) -> tuple[Value, Value]:
    """Bring two values to one kind. Raises ConditionError where they have none."""
    if left.kind == "null" or right.kind in {"null", left.kind}:
        return left, right
    if right.raw is not None:
        return left, converted(right, left.kind)
    if left.raw is not None:
        return converted(left, right.kind), right
    pair = {left.kind, right.kind}
    if pair <= NUMBERS or pair == {"date", "datetime"}:
        return left, right
    if pair == {"number", "boolean"}:  # what MySQL has for a boolean column
        return Value(truth(left), "boolean"), Value(truth(right), "boolean")
    raise ConditionError(f"a {left.kind} is compared with a {right.kind}; nothing is converted in a row condition")


def compared(left: Value, operator: str, right: Value) -> str:
    """Compare two values of one kind; text byte by byte. Raises ConditionError."""
    if operator not in _COMPARISONS:
        raise ConditionError(f"the operator {operator} is not allowed in a row condition on MySQL")
    left, right = _meet(left, right)
    if left.kind not in {"text", "uuid"} and right.kind not in {"text", "uuid"}:
        return f"({left.sql} {operator} {right.sql})"
    exact = f"{bytes_of(left)} {operator} {bytes_of(right)}"
    if operator == "=" and left.plain is not None and right.raw is not None and right.raw.isascii():
        # equal bytes are equal under every collation, so that an index can find them
        return f"({left.plain} = {right.sql} AND {exact})"
    return f"({exact})"


def bytes_of(value: Value) -> str:
    """The bytes of a text: compared without padding, case or accents being passed over."""
    if value.kind == "null":
        return value.sql
    if value.raw is not None:
        return binary(value.raw.encode())
    return f"CONVERT({value.sql} USING binary)"


def like(left: Value, right: Value, *, negated: bool) -> Value:
    """Match a text against a constant pattern, character by character; a backslash escapes, as on PostgreSQL.

    Raises ConditionError.
    """
    if right.raw is None:
        raise ConditionError("LIKE takes a constant pattern in a row condition on MySQL")
    # another escape character, for a mode can take the backslash its meaning
    pattern = re.sub(r"\\(.)|(!)", lambda found: _ESCAPED.get(found[0], found[1]), right.raw, flags=re.DOTALL)
    word = "NOT LIKE" if negated else "LIKE"
    return Value(f"({text_of(left)} COLLATE utf8mb4_bin {word} {_literal(pattern)} ESCAPE '!')", "boolean")


def _sum(left: Value, operator: str, right: Value) -> Value:
    left, right = _meet(left, right)
    if left.kind != "number" or right.kind != "number":
        raise ConditionError(f"{operator} takes whole numbers and decimals in a row condition on MySQL")
    if operator == "*" and not (left.constant or right.constant):
        raise ConditionError("a product of two columns can overflow, so it is not allowed in a row condition on MySQL")
    # unsigned numbers would fail below zero
    first, second = (value.sql if value.constant else f"({value.sql} + 0.0)" for value in (left, right))
    return Value(f"({first} {operator} {second})", "number", constant=left.constant and right.constant)


def truth(value: Value) -> str:
    """A value as a condition: what MySQL has for booleans are numbers."""
    if value.kind in {"boolean", "null"}:
        return value.sql
    if value.kind == "number":
        return f"({value.sql} <> 0)"
    return converted(value, "boolean").sql


def text_of(value: Value) -> str:
    """A text's SQL. Raises ConditionError for other kinds."""
    if value.kind not in {"text", "null"}:
        raise ConditionError(f"a {value.kind} stands where text is needed; nothing is converted in a row condition")
    return value.sql


def operated(left: Value, operator: str, right: Value) -> Value:
    """Apply an operator. Raises ConditionError for one that the language has not."""
    if operator in _COMPARISONS:
        return Value(compared(left, operator, right), "boolean")
    if operator == "||":
        return Value(f"CONCAT({text_of(left)}, {text_of(right)})", "text")
    if operator in {"+", "-", "*"}:
        return _sum(left, operator, right)
    raise ConditionError(f"the operator {operator} is not allowed in a row condition on MySQL")


def alike(values: list[Value]) -> tuple[Kind, list[str]]:
    """Bring values to one kind."""
    known = next((value for value in values if value.raw is None and value.kind != "null"), None)
    if known is None:
        known = next((value for value in values if value.kind != "null"), NULL)
    shown = [_meet(known, value)[1] for value in values]
    if any(value.kind not in {known.kind, "null"} for value in shown):
        raise ConditionError("values of different types stand side by side in a row condition")
    return known.kind, [value.sql for value in shown]
