"""Row conditions of policies, printed for MySQL and MariaDB so that they hold on the rows on which PostgreSQL's would.

Owns the small language that a condition may use here: columns of the table, constants, attribute values, comparisons, AND,
OR, NOT, IN, ANY, BETWEEN, LIKE, IS NULL, sums, CASE, casts of constants and some functions. Text is compared byte by byte,
whatever the column's collation is; numbers, texts and dates never meet, for the servers would convert one of them and warn.
May not do: read the client's statement.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from rewriter.conditions import ConditionError, read_condition
from rewriter.mysql.comparing import (
    CASTS,
    NULL,
    NUMBERS,
    Value,
    alike,
    bytes_of,
    column_value,
    compared,
    constant,
    converted,
    like,
    number,
    operated,
    text_of,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policies.model import AttributeValue, RowCondition
    from rewriter.mysql.catalog import Table

Node = dict[str, Any]

_UNITS: Final = frozenset({"year", "month", "day", "hour", "minute"})


def check_condition(condition: RowCondition, table: Table) -> None:
    """Check a condition against the table it is for, without running it; raises ConditionError."""
    print_condition(condition, table, "`row`")


def print_condition(
    condition: RowCondition, table: Table, qualifier: str, shown: Mapping[str, str] | None = None
) -> str:
    """SQL of a condition over `qualifier`, the quoted name under which the table is known; raises ConditionError.

    `shown` has what stands for each column instead, by its name in lower case, where the table is not known under a name
    of its own. Fully parenthesised; every attribute value is a constant that no sql_mode and no character set changes.
    """
    expression, placeholders = read_condition(condition)
    printer = _Printer(table, qualifier, condition.values, shown)
    printed = truth(printer.expression(expression))
    if printer.parameters != placeholders:
        raise ConditionError("an attribute stands inside a quoted string; write it without quotes")
    return printed


def quote_identifier(name: str) -> str:
    """Quote a name so that it means exactly itself, under every sql_mode."""
    return "`" + name.replace("`", "``") + "`"


class _Printer:
    """Prints the nodes of the language; any other node is an error."""

    def __init__(
        self, table: Table, qualifier: str, values: tuple[AttributeValue, ...], shown: Mapping[str, str] | None
    ) -> None:
        self.table = table
        self.columns = {column.name.lower(): column for column in table.columns}
        self.qualifier = qualifier
        self.shown = shown
        self.values = values
        self.parameters = 0

    def expression(self, node: Node) -> Value:
        name, fields = next(iter(node.items()))
        printer = _PRINTERS.get(name)
        if printer is None:
            raise ConditionError(f"{name} is not allowed in a row condition on MySQL")
        return printer(self, fields)

    def items(self, node: Node) -> tuple[Value, ...]:
        """The values of an array: an attribute that is a list, or ARRAY[...]."""
        name, fields = next(iter(node.items()))
        if name == "A_ArrayExpr":
            return tuple(self.expression(item) for item in fields.get("elements", []))
        value = self.attribute(fields) if name == "ParamRef" else None
        if not isinstance(value, tuple):
            raise ConditionError("ANY and ALL take a list in a row condition")
        return tuple(constant(item) for item in value)

    def column(self, fields: Node) -> Value:
        parts = [part.get("String", {}).get("sval") for part in fields["fields"]]
        if len(parts) != 1 or parts[0] is None:
            raise ConditionError("columns in a row condition are written without a table name")
        column = self.columns.get(parts[0].lower())
        if column is None:
            raise ConditionError(f'{self.table.schema}.{self.table.name} has no column "{parts[0]}"')
        bare = f"{self.qualifier}.{quote_identifier(column.name)}"
        return column_value(column, bare if self.shown is None else self.shown[column.name.lower()])

    def constant(self, fields: Node) -> Value:
        if fields.get("isnull"):
            return NULL
        if "ival" in fields:
            return number(str(fields["ival"].get("ival", 0)))
        if "fval" in fields:
            return number(fields["fval"]["fval"])
        if "boolval" in fields:
            return constant(bool(fields["boolval"].get("boolval")))
        if "sval" in fields:
            return constant(fields["sval"].get("sval", ""))
        raise ConditionError("bit strings are not allowed in a row condition")

    def attribute(self, fields: Node) -> AttributeValue:
        place = int(fields.get("number", 0))
        if not 1 <= place <= len(self.values):
            raise ConditionError("the row condition names a parameter; only {attributes} are bound")
        self.parameters += 1
        value: AttributeValue = self.values[place - 1]
        return value

    def parameter(self, fields: Node) -> Value:
        return constant(self.attribute(fields))

    def operation(self, fields: Node) -> Value:
        kind = fields["kind"]
        names = [part["String"]["sval"] for part in fields["name"]]
        if len(names) != 1:
            raise ConditionError("operators in a row condition are written without a schema")
        if kind in {"AEXPR_IN", "AEXPR_OP_ANY", "AEXPR_OP_ALL"}:
            return self.membership(kind, names[0], fields)
        if kind in {"AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN"}:
            left = self.expression(fields["lexpr"])
            low, high = (self.expression(item) for item in fields["rexpr"]["List"]["items"])
            within = f"({compared(left, '>=', low)} AND {compared(left, '<=', high)})"
            return Value(f"(NOT {within})" if kind == "AEXPR_NOT_BETWEEN" else within, "boolean")
        if kind not in {"AEXPR_OP", "AEXPR_LIKE"}:
            raise ConditionError(f"{kind} is not allowed in a row condition on MySQL")
        right = self.expression(fields["rexpr"])
        left = self.expression(fields["lexpr"]) if "lexpr" in fields else number("0")
        if kind == "AEXPR_LIKE":
            return like(left, right, negated=names[0].startswith("!"))
        return operated(left, names[0], right)

    def membership(self, kind: str, operator: str, fields: Node) -> Value:
        left = self.expression(fields["lexpr"])
        if kind == "AEXPR_IN":
            items = tuple(map(self.expression, fields["rexpr"]["List"]["items"]))
            some = operator == "="
        else:
            items, some = self.items(fields["rexpr"]), kind == "AEXPR_OP_ANY"
        if not items:
            return constant(not some)
        words = " OR " if some else " AND "
        return Value(f"({words.join(compared(left, operator, item) for item in items)})", "boolean")

    def connective(self, fields: Node) -> Value:
        arguments = [truth(self.expression(argument)) for argument in fields["args"]]
        if fields["boolop"] == "NOT_EXPR":
            return Value(f"(NOT {arguments[0]})", "boolean")
        return Value(f"({(' AND ' if fields['boolop'] == 'AND_EXPR' else ' OR ').join(arguments)})", "boolean")

    def null_test(self, fields: Node) -> Value:
        word = "IS NULL" if fields["nulltesttype"] == "IS_NULL" else "IS NOT NULL"
        # not the bare column: of a zero date that may not be NULL the servers say that it is
        return Value(f"(COALESCE({self.expression(fields['arg']).sql}) {word})", "boolean")

    def truth_test(self, fields: Node) -> Value:
        words = fields["booltesttype"].replace("_", " ")
        return Value(f"({truth(self.expression(fields['arg']))} {words})", "boolean")

    def conversion(self, fields: Node) -> Value:
        names = [part["String"]["sval"] for part in fields["typeName"].get("names", [])]
        kind = CASTS.get(names[-1])
        if kind is None or (len(names) == 2 and names[0] != "pg_catalog") or "arrayBounds" in fields["typeName"]:
            raise ConditionError(f"a cast to {'.'.join(names)} is not allowed in a row condition on MySQL")
        if not set(fields["arg"]) <= {"A_Const", "ParamRef"}:
            raise ConditionError("only constants and attributes may be cast in a row condition, for a cast can fail")
        value = self.expression(fields["arg"])
        if value.raw is None and value.kind in NUMBERS and kind in NUMBERS | {"text"}:
            value = constant(value.sql.strip("()")) if kind == "text" else value
        return value if value.kind == "null" or (value.raw is None and value.kind == kind) else converted(value, kind)

    def call(self, fields: Node) -> Value:
        names = [part["String"]["sval"] for part in fields["funcname"]]
        plain = set(fields) <= {"funcname", "args", "funcformat", "location"}
        function = _FUNCTIONS.get(names[-1])
        if function is None or not plain or (len(names) > 1 and names[0] != "pg_catalog"):
            raise ConditionError(f"the function {'.'.join(names)}() is not allowed in a row condition on MySQL")
        count, make = function
        arguments = [self.expression(argument) for argument in fields.get("args", [])]
        if len(arguments) not in count:
            raise ConditionError(f"{names[-1]}() takes other arguments in a row condition on MySQL")
        return make(*arguments)

    def choice(self, fields: Node) -> Value:
        if "arg" in fields:
            raise ConditionError("CASE with an operand is not allowed in a row condition; write CASE WHEN")
        conditions = [truth(self.expression(arm["CaseWhen"]["expr"])) for arm in fields["args"]]
        results = [self.expression(arm["CaseWhen"]["result"]) for arm in fields["args"]]
        if "defresult" in fields:
            results.append(self.expression(fields["defresult"]))
        kind, shown = alike(results)
        default = f" ELSE {shown[-1]}" if "defresult" in fields else ""
        arms = " ".join(f"WHEN {when} THEN {then}" for when, then in zip(conditions, shown, strict=False))
        return Value(f"(CASE {arms}{default} END)", kind)

    def first_value(self, fields: Node) -> Value:
        kind, shown = alike([self.expression(argument) for argument in fields["args"]])
        return Value(f"COALESCE({', '.join(shown)})", kind)


_PRINTERS: Final[Mapping[str, Callable[[_Printer, Node], Value]]] = {
    "ColumnRef": _Printer.column,
    "A_Const": _Printer.constant,
    "ParamRef": _Printer.parameter,
    "A_Expr": _Printer.operation,
    "BoolExpr": _Printer.connective,
    "NullTest": _Printer.null_test,
    "BooleanTest": _Printer.truth_test,
    "TypeCast": _Printer.conversion,
    "FuncCall": _Printer.call,
    "CaseExpr": _Printer.choice,
    "CoalesceExpr": _Printer.first_value,
}


def _whole(value: Value, least: int) -> str:
    """A constant whole number of `least` or more, for the functions that mean something else by smaller ones."""
    match = re.fullmatch(r"\((-?\d{1,9})\)", value.sql)
    if match is None or int(match[1]) < least:
        raise ConditionError(f"a position or length in a row condition on MySQL is a number from {least}")
    return match[1]


def _exact(value: Value) -> str:
    """Text in which searching goes by characters as they are written."""
    return f"{text_of(value)} COLLATE utf8mb4_bin"


def _numeric(function: str) -> Callable[[Value], Value]:
    def make(value: Value) -> Value:
        if value.kind != "number":
            raise ConditionError(f"{function.lower()}() takes whole numbers and decimals in a row condition on MySQL")
        return Value(f"{function}({value.sql})", "number")

    return make


def _textual(form: str) -> Callable[[Value], Value]:
    return lambda value: Value(form.format(text_of(value)), "text")


def _substring(value: Value, start: Value, length: Value | None = None) -> Value:
    numbers = [_whole(start, 1)] + ([_whole(length, 0)] if length else [])
    return Value(f"SUBSTRING({', '.join([text_of(value), *numbers])})", "text")


def _extract(unit: Value, value: Value) -> Value:
    if unit.raw is None or unit.raw.lower() not in _UNITS or value.kind not in {"date", "datetime"}:
        raise ConditionError(f"a row condition on MySQL can extract {', '.join(sorted(_UNITS))} of a date")
    return Value(f"EXTRACT({unit.raw.upper()} FROM {value.sql})", "number")


def _starts(value: Value, start: Value) -> Value:
    found = f"LEFT({text_of(value)}, CHAR_LENGTH({text_of(start)}))"
    return Value(f"(CONVERT({found} USING binary) = {bytes_of(start)})", "boolean")


_FUNCTIONS: Final[Mapping[str, tuple[frozenset[int], Callable[..., Value]]]] = {
    "lower": (frozenset({1}), _textual("LOWER({})")),
    "upper": (frozenset({1}), _textual("UPPER({})")),
    "btrim": (frozenset({1}), _textual("TRIM({})")),
    "ltrim": (frozenset({1}), _textual("LTRIM({})")),
    "rtrim": (frozenset({1}), _textual("RTRIM({})")),
    **dict.fromkeys(("substring", "substr"), (frozenset({2, 3}), _substring)),
    "left": (frozenset({2}), lambda value, count: Value(f"LEFT({text_of(value)}, {_whole(count, 0)})", "text")),
    "right": (frozenset({2}), lambda value, count: Value(f"RIGHT({text_of(value)}, {_whole(count, 0)})", "text")),
    **dict.fromkeys(
        ("length", "char_length"), (frozenset({1}), lambda value: Value(f"CHAR_LENGTH({text_of(value)})", "number"))
    ),
    "strpos": (frozenset({2}), lambda value, part: Value(f"LOCATE({text_of(part)}, {_exact(value)})", "number")),
    "starts_with": (frozenset({2}), _starts),
    "abs": (frozenset({1}), _numeric("ABS")),
    "round": (frozenset({1}), _numeric("ROUND")),
    "floor": (frozenset({1}), _numeric("FLOOR")),
    "ceil": (frozenset({1}), _numeric("CEIL")),
    **dict.fromkeys(("date_part", "extract"), (frozenset({2}), _extract)),
}
"""Functions of PostgreSQL that a condition may call here, with how many arguments, and what prints them."""
