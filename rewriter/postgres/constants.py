"""What stands on the other side of an equality: constants of the client, as its tokens show them.

Owns the conditions that compare one column with constants, read from tokens and checked against the parser's tree. Constants
are literals, parameters, arrays of both and casts of these to the server's own types. May not do: know whose the column
is, decide, edit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rewriter.postgres import proof
from rewriter.postgres.reading import encode, parse

if TYPE_CHECKING:
    from rewriter.postgres.reading import Tokens

Node = dict[str, Any]

TYPES: Final = frozenset(
    {
        *("text", "varchar", "bpchar", "name", "int2", "int4", "int8", "numeric", "float4", "float8"),
        *("date", "time", "timestamp", "timestamptz", "uuid", "inet", "cidr"),
    }
)
"""The types of pg_catalog whose = is the server's own, and means the same wherever it is written."""
_CASTS: Final = TYPES | {"integer", "int", "bigint", "smallint", "decimal", "real"}
_STRING: Final = re.compile(r"'.*'", re.DOTALL)
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_PARAMETER: Final = re.compile(r"\$[0-9]+")


@dataclass(frozen=True, slots=True)
class Equality:
    """A condition that compares the column `column` (the fields of a ColumnRef) with constants.

    Tokens `first` to `last` are the whole of it. `constants` are as written, of which one must be equal; `array`: the only one is
    an array. `values`: how many values they hold, at most, but for those of the array that is parameter `parameter`, where
    that is not 0. `literal`: the text of a constant is part of the condition. `nulls`: two NULLs are equal.
    """

    column: Node
    constants: tuple[str, ...]
    first: int
    last: int
    values: int
    array: bool = False
    parameter: int = 0
    literal: bool = True
    nulls: bool = False

    def on(self, real: str) -> str:
        """The condition on the real column, compared by the server's own operator, whoever has made another."""
        equal = f"{real} OPERATOR(pg_catalog.=)"
        if self.array:
            return f"({equal} ANY ({self.constants[0]}))"
        terms = [f"{equal} {constant}" for constant in self.constants]
        if self.nulls:
            terms.append(f"({real} IS NULL AND {self.constants[0]} IS NULL)")
        return f"({' OR '.join(terms)})"


def equality(holder: Node, lexed: Tokens) -> Equality | None:
    """The equality that a condition ({"A_Expr": ...}) is, None when it is none."""
    expression = holder.get("A_Expr", {})
    kind, left, right = expression.get("kind"), expression.get("lexpr", {}), expression.get("rexpr", {})
    if kind not in {"AEXPR_OP", "AEXPR_IN", "AEXPR_OP_ANY", "AEXPR_NOT_DISTINCT"} or _name(expression) != "=":
        return None
    reverse = kind == "AEXPR_OP" and "ColumnRef" in right
    column = (right if reverse else left).get("ColumnRef", {})
    fields = column.get("fields", [])
    if len(fields) not in {1, 2} or not all("String" in field for field in fields):
        return None
    first = lexed.at(column.get("location", 0))
    last = first + 2 * (len(fields) - 1)
    if last > first and lexed.word(first + 1) != ".":
        return None
    if reverse:
        found, nodes = _before(column, left, first, last, lexed), [left]
    elif kind == "AEXPR_IN":
        found, nodes = _in_list(column, first, last, lexed), right.get("List", {}).get("items", [])
    elif kind == "AEXPR_OP_ANY":
        found, nodes = _any_of(column, first, last, lexed), [right]
    else:
        found, nodes = _behind(column, kind, first, last, lexed), [right]
    return found if found is not None and _are(found.constants, nodes) else None


def _behind(column: Node, kind: str, first: int, last: int, lexed: Tokens) -> Equality | None:
    words = ("=",) if kind == "AEXPR_OP" else ("is", "not", "distinct", "from")
    start = last + 1 + len(words)
    end = _scalar(start, lexed)
    if end < 0 or tuple(lexed.word(last + 1 + i) for i in range(len(words))) != words:
        return None
    literal = _has_literal(start, end, lexed)
    return Equality(
        column, (_text(start, end, lexed),), first, end - 1, 1, literal=literal, nulls=kind == "AEXPR_NOT_DISTINCT"
    )


def _before(column: Node, constant: Node, first: int, last: int, lexed: Tokens) -> Equality | None:
    start = _start(constant, lexed)
    if start is not None and lexed.word(start - 1) in _CASTS:  # a type before a string, of which no place is kept
        start -= 1
    while start is not None and _scalar(start, lexed) != first - 1:
        start = start - 1 if lexed.word(start - 1) == "(" else None  # nor any of parentheses
    if start is None or lexed.word(first - 1) != "=":
        return None
    literal = _has_literal(start, first - 1, lexed)
    return Equality(column, (_text(start, first - 1, lexed),), start, last, 1, literal=literal)


def _in_list(column: Node, first: int, last: int, lexed: Tokens) -> Equality | None:
    end = last + 2
    if lexed.word(last + 1) != "in" or lexed.word(end) != "(":
        return None
    constants: list[str] = []
    while not constants or lexed.word(end) == ",":
        start, end = end + 1, _scalar(end + 1, lexed)
        if end < 0:
            return None
        constants.append(_text(start, end, lexed))
    if lexed.word(end) != ")":
        return None
    literal = _has_literal(last + 3, end, lexed)
    return Equality(column, tuple(constants), first, end, len(constants), literal=literal)


def _any_of(column: Node, first: int, last: int, lexed: Tokens) -> Equality | None:
    """= ANY (array), where = SOME is the same."""
    start = last + 4
    if lexed.word(last + 1) != "=" or lexed.word(last + 2) not in {"any", "some"} or lexed.word(last + 3) != "(":
        return None
    end = _array(start, lexed)
    if end < 0 or lexed.word(end) != ")":
        return None
    words = [lexed.word(index) for index in range(start, end)]
    parameters = [word for word in words if _PARAMETER.fullmatch(word)]
    # a comma more than there are elements: in a string that is an array, and between the constants of ARRAY[...]
    values = 1 + sum(word.count(",") for word in words)
    parameter = int(parameters[0][1:]) if parameters and "array" not in words else 0
    literal = _has_literal(start, end, lexed)
    text = _text(start, end, lexed)
    return Equality(
        column, (text,), first, end, 0 if parameter else values, array=True, parameter=parameter, literal=literal
    )


def _name(expression: Node) -> str | None:
    parts = expression.get("name", [])
    return parts[0]["String"]["sval"] if len(parts) == 1 else None


# -- tokens: each of these gives the token behind what it reads, -1 when something else stands there -----------------------


def _scalar(index: int, lexed: Tokens) -> int:
    """A literal or parameter, or a cast of one."""
    word = lexed.word(index)
    if word == "(":
        end = _scalar(index + 1, lexed)
        end = end + 1 if end >= 0 and lexed.word(end) == ")" else -1
    elif word == "cast":
        end = _cast(index, lexed, _scalar, array=False)
    elif word == "-":
        return index + 2 if _NUMBER.fullmatch(lexed.word(index + 1)) else -1
    elif _is_literal(word) or _PARAMETER.fullmatch(word):
        end = index + 1
    elif word in _CASTS and _STRING.fullmatch(lexed.word(index + 1)):
        end = index + 2
    else:
        return -1
    return _casts(end, lexed, array=False)


def _array(index: int, lexed: Tokens) -> int:
    """A literal or parameter that is an array, ARRAY[...] of constants, or a cast of one."""
    word = lexed.word(index)
    if word == "(":
        end = _array(index + 1, lexed)
        end = end + 1 if end >= 0 and lexed.word(end) == ")" else -1
    elif word == "cast":
        end = _cast(index, lexed, _array, array=True)
    elif word == "array" and lexed.word(index + 1) == "[":
        end = index + 1
        while end > 0 and (end == index + 1 or lexed.word(end) == ","):
            end = _scalar(end + 1, lexed)
        end = end + 1 if end >= 0 and lexed.word(end) == "]" else -1
    elif _STRING.fullmatch(word) or _PARAMETER.fullmatch(word):
        end = index + 1
    else:
        return -1
    return _casts(end, lexed, array=True)


def _cast(index: int, lexed: Tokens, inner: Any, *, array: bool) -> int:  # noqa: ANN401  _scalar or _array
    """CAST ( ... AS type )."""
    end = inner(index + 2, lexed) if lexed.word(index + 1) == "(" else -1
    if end < 0 or lexed.word(end) != "as":
        return -1
    end = _type(end + 1, lexed, array=array)
    return end + 1 if end >= 0 and lexed.word(end) == ")" else -1


def _casts(index: int, lexed: Tokens, *, array: bool) -> int:
    while index >= 0 and lexed.word(index) == "::":
        index = _type(index + 1, lexed, array=array)
    return index


def _type(index: int, lexed: Tokens, *, array: bool) -> int:
    word = lexed.word(index)
    if word == "character" and lexed.word(index + 1) == "varying":
        end = index + 2
    elif word in _CASTS:
        end = index + 1
    else:
        return -1
    if not array:
        return end
    return end + 2 if lexed.word(end) == "[" and lexed.word(end + 1) == "]" else -1


def _is_literal(word: str) -> bool:
    return bool(_STRING.fullmatch(word) or _NUMBER.fullmatch(word)) or word in {"true", "false", "null"}


def _has_literal(start: int, end: int, lexed: Tokens) -> bool:
    return any(_is_literal(lexed.word(index)) for index in range(start, end))


def _start(node: Node, lexed: Tokens) -> int | None:
    """The first token of a constant that may be cast."""
    starts: list[int] = []
    while "TypeCast" in node:
        starts.append(node["TypeCast"].get("location", 0))
        node = node["TypeCast"]["arg"]
    for kind in ("A_Const", "ParamRef"):
        if kind in node:
            return lexed.at(min(start for start in [*starts, node[kind].get("location", 0)] if start >= 0))
    return None


def _text(start: int, end: int, lexed: Tokens) -> str:
    """Tokens [start, end) without what stood between them."""
    return " ".join(lexed.data[lexed.starts[i] : lexed.ends[i]].decode() for i in range(start, end))


def _are(constants: tuple[str, ...], nodes: list[Node]) -> bool:
    """Whether the constants, read on their own, are the nodes that the parser has found in the statement."""
    if len(constants) != len(nodes):
        return False
    targets = parse(encode("SELECT " + ", ".join(constants)))[0]["stmt"]["SelectStmt"]["targetList"]
    return len(targets) == len(nodes) and proof.same([target["ResTarget"]["val"] for target in targets], nodes)
