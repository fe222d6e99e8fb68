"""Row conditions of policies: the author's SQL over one table's columns, checked and printed with every name qualified.

Owns the small language that a condition may use: columns of the table, constants, attribute values, comparisons, AND,
OR, NOT, IN, BETWEEN, LIKE, IS NULL, arithmetic, CASE, casts to built-in types and some immutable built-in functions.
The tree is printed anew, for names and operators must mean pg_catalog's whatever the caller's search path is.
May not do: read the client's statement.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from rewriter.conditions import ConditionError, read_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policies.model import AttributeValue, RowCondition
    from rewriter.postgres.catalog import Relation

Node = dict[str, Any]

FUNCTIONS = frozenset(
    {
        *("lower", "upper", "btrim", "ltrim", "rtrim", "substring", "substr", "left", "right", "length", "char_length"),
        *("strpos", "starts_with", "split_part", "replace", "abs", "round", "floor", "ceil", "array_length"),
        *("cardinality", "jsonb_extract_path_text", "json_extract_path_text", "date_part", "extract", "like_escape"),
    }
)
"""Built-in functions, all immutable on the types they are used with here, that a condition may call."""

OPERATORS = frozenset(
    {"=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "||", "~", "~*", "!~", "!~*", "~~", "~~*", "!~~", "!~~*"}
    | {"->", "->>", "@>", "<@", "&&"}
)
"""Operators of pg_catalog that a condition may use: none that fails on a value, such as division."""

TYPES = frozenset(
    {"text", "varchar", "bpchar", "bool", "int2", "int4", "int8", "numeric", "float4", "float8", "date", "uuid"}
    | {"timestamp", "time", "jsonb"}
)
"""Built-in types that a constant may be cast to."""

_ZONED = frozenset({"timestamptz", "timetz"})
_DATED = frozenset({"date", "timestamp"})


_LOOSE_DATE = re.compile(r"\s*\d{1,2}[-/. ]")


def check_condition(condition: RowCondition, relation: Relation) -> None:
    """Check a condition against the table it is for, without running it; raises ConditionError."""
    print_condition(condition, relation, '"row"')


def print_condition(
    condition: RowCondition, relation: Relation, qualifier: str, shown: Mapping[str, str] | None = None
) -> str:
    """SQL of a condition over `qualifier`, the quoted name under which the table is known; raises ConditionError.

    `shown` has what stands for each column instead, where the table is not known under a name of its own.

    Fully parenthesised; every column is qualified, every operator and function named in pg_catalog, every attribute
    value a quoted constant.
    """
    expression, placeholders = read_condition(condition)
    printer = _Printer(relation, qualifier, condition.values, shown)
    printed = printer.expression(expression)
    if printer.parameters != placeholders:
        raise ConditionError("an attribute stands inside a quoted string; write it without quotes")
    if printer.dated and any(_LOOSE_DATE.match(text) for text in printer.texts):
        raise ConditionError("dates in a row condition are written YYYY-MM-DD")
    return printed


def quote_identifier(name: str) -> str:
    """Quote a name so that it means exactly itself."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Quote text as a constant that reads the same whether or not standard_conforming_strings is on."""
    if "\0" in text:
        raise ConditionError("an attribute value contains a NUL character")
    quoted = text.replace("'", "''")
    return " E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in quoted else f"'{quoted}'"


def _operator(name: str) -> str:
    if name not in OPERATORS:
        raise ConditionError(f"the operator {name} is not allowed in a row condition")
    return f"OPERATOR(pg_catalog.{name})"


class _Printer:
    """Prints the nodes of the language; any other node is an error."""

    def __init__(
        self, relation: Relation, qualifier: str, values: tuple[AttributeValue, ...], shown: Mapping[str, str] | None
    ) -> None:
        self.columns = {column.name: column.base_type for column in relation.columns}
        self.relation = relation
        self.qualifier = qualifier
        self.shown = shown
        self.values = values
        self.parameters = 0
        self.dated = False  # a column is compared whose constants the caller's DateStyle could reread
        self.texts: list[str] = []

    def expression(self, node: Node) -> str:
        name, fields = next(iter(node.items()))
        printer = _PRINTERS.get(name)
        if printer is None:
            raise ConditionError(f"{name} is not allowed in a row condition")
        return printer(self, fields)

    def column(self, fields: Node) -> str:
        parts = [part.get("String", {}).get("sval") for part in fields["fields"]]
        if len(parts) != 1 or parts[0] is None:
            raise ConditionError("columns in a row condition are written without a table name")
        if parts[0] not in self.columns:
            raise ConditionError(f'{self.relation.schema}.{self.relation.name} has no column "{parts[0]}"')
        base = self.columns[parts[0]]
        if base in _ZONED:
            raise ConditionError(f'"{parts[0]}" has a time zone, so the condition would follow a setting of the caller')
        self.dated |= base in _DATED
        return f"{self.qualifier}.{quote_identifier(parts[0])}" if self.shown is None else self.shown[parts[0]]

    def constant(self, fields: Node) -> str:
        if fields.get("isnull"):
            return "NULL"
        if "ival" in fields:
            return f"({fields['ival'].get('ival', 0)})"
        if "fval" in fields:
            return f"({fields['fval']['fval']})"
        if "boolval" in fields:
            return "true" if fields["boolval"].get("boolval") else "false"
        if "sval" in fields:
            self.texts.append(fields["sval"].get("sval", ""))
            return quote_literal(self.texts[-1])
        raise ConditionError("bit strings are not allowed in a row condition")

    def parameter(self, fields: Node) -> str:
        number = fields.get("number", 0)
        if not 1 <= number <= len(self.values):
            raise ConditionError("the row condition names a parameter; only {attributes} are bound")
        self.parameters += 1
        return _value(self.values[number - 1])

    def operation(self, fields: Node) -> str:
        kind = fields["kind"]
        names = [part["String"]["sval"] for part in fields["name"]]
        if len(names) != 1:
            raise ConditionError("operators in a row condition are written without a schema")
        if kind == "AEXPR_IN":
            return self.membership(names[0], fields)
        if kind in {"AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN"}:
            left = self.expression(fields["lexpr"])
            low, high = (self.expression(item) for item in fields["rexpr"]["List"]["items"])
            within = f"(({left} {_operator('>=')} {low}) AND ({left} {_operator('<=')} {high}))"
            return f"(NOT {within})" if kind == "AEXPR_NOT_BETWEEN" else within
        right = self.expression(fields["rexpr"])
        if kind in {"AEXPR_OP_ANY", "AEXPR_OP_ALL"}:
            quantifier = "ANY" if kind == "AEXPR_OP_ANY" else "ALL"
            return f"({self.expression(fields['lexpr'])} {_operator(names[0])} {quantifier} ({right}))"
        if kind in {"AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT"}:
            raise ConditionError("IS DISTINCT FROM is not allowed in a row condition; use IS NULL and comparisons")
        if kind not in {"AEXPR_OP", "AEXPR_LIKE", "AEXPR_ILIKE"}:
            raise ConditionError(f"{kind} is not allowed in a row condition")
        left = f"{self.expression(fields['lexpr'])} " if "lexpr" in fields else ""
        return f"({left}{_operator(names[0])} {right})"

    def membership(self, operator: str, fields: Node) -> str:
        left = self.expression(fields["lexpr"])
        items = [self.expression(item) for item in fields["rexpr"]["List"]["items"]]
        joined = (" OR " if operator == "=" else " AND ").join(
            f"({left} {_operator(operator)} {item})" for item in items
        )
        return f"({joined})"

    def connective(self, fields: Node) -> str:
        arguments = [self.expression(argument) for argument in fields["args"]]
        if fields["boolop"] == "NOT_EXPR":
            return f"(NOT {arguments[0]})"
        return "(" + (" AND " if fields["boolop"] == "AND_EXPR" else " OR ").join(arguments) + ")"

    def null_test(self, fields: Node) -> str:
        word = "IS NULL" if fields["nulltesttype"] == "IS_NULL" else "IS NOT NULL"
        return f"({self.expression(fields['arg'])} {word})"

    def truth_test(self, fields: Node) -> str:
        return f"({self.expression(fields['arg'])} {fields['booltesttype'].replace('_', ' ')})"

    def conversion(self, fields: Node) -> str:
        names = [part["String"]["sval"] for part in fields["typeName"].get("names", [])]
        schema, name = (names[0], names[1]) if len(names) == 2 else ("pg_catalog", names[-1])
        if schema != "pg_catalog" or name not in TYPES or "arrayBounds" in fields["typeName"]:
            raise ConditionError(f"a cast to {'.'.join(names)} is not allowed in a row condition")
        if not set(fields["arg"]) <= {"A_Const", "ParamRef"}:
            raise ConditionError("only constants and attributes may be cast in a row condition, for a cast can fail")
        self.dated |= name in _DATED
        return f"CAST({self.expression(fields['arg'])} AS pg_catalog.{quote_identifier(name)})"

    def call(self, fields: Node) -> str:
        names = [part["String"]["sval"] for part in fields["funcname"]]
        plain = set(fields) <= {"funcname", "args", "funcformat", "location"}
        if names[-1] not in FUNCTIONS or not plain or (len(names) > 1 and names[0] != "pg_catalog"):
            raise ConditionError(f"the function {'.'.join(names)}() is not allowed in a row condition")
        arguments = ", ".join(self.expression(argument) for argument in fields.get("args", []))
        return f"pg_catalog.{quote_identifier(names[-1])}({arguments})"

    def choice(self, fields: Node) -> str:
        if "arg" in fields:
            raise ConditionError("CASE with an operand is not allowed in a row condition; write CASE WHEN")
        arms = [
            f"WHEN {self.expression(arm['CaseWhen']['expr'])} THEN {self.expression(arm['CaseWhen']['result'])}"
            for arm in fields["args"]
        ]
        default = f" ELSE {self.expression(fields['defresult'])}" if "defresult" in fields else ""
        return f"(CASE {' '.join(arms)}{default} END)"

    def first_value(self, fields: Node) -> str:
        return "COALESCE(" + ", ".join(self.expression(argument) for argument in fields["args"]) + ")"

    def array(self, fields: Node) -> str:
        return "ARRAY[" + ", ".join(self.expression(item) for item in fields.get("elements", [])) + "]"


_PRINTERS: dict[str, Callable[[_Printer, Node], str]] = {
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
    "A_ArrayExpr": _Printer.array,
}


def _value(value: AttributeValue) -> str:
    """An attribute's value as a constant; a list becomes an array constant that takes the other side's type."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"({value})"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ConditionError("an attribute value is not a finite number")
        return f"({value!r})"
    if isinstance(value, str):
        return quote_literal(value)
    return quote_literal("{" + ",".join(_element(item) for item in value) + "}")


def _element(value: AttributeValue) -> str:
    """One element of an array constant. Source: PostgreSQL manual, 8.15.2 Array Value Input."""
    if value is None:
        return "NULL"
    if isinstance(value, tuple):
        raise ConditionError("an attribute value is a list of lists")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
