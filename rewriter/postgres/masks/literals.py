"""Text that stands safely in SQL: literals, identifiers, casts, operators of pg_catalog.

Owns all quoting of the masks. Everything names its schema, for an overload of the caller's that matches better
would be handed the clear value.
"""

from __future__ import annotations


def literal(text: str) -> str:
    """Quote text as a string constant that reads the same whatever `standard_conforming_strings` is.

    Raises ValueError for a NUL, which no PostgreSQL text can hold.
    Source: PostgreSQL manual, 4.1.2.1 and 4.1.2.2.
    """
    if "\0" in text:
        raise ValueError("a NUL character cannot stand in SQL")
    quoted = text.replace("'", "''")
    return " E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in text else f"'{quoted}'"


def cast(expression: str, type_name: str) -> str:
    """Cast an expression; the result can stand anywhere."""
    return f"(({expression})::{type_name})"


def call(function: str, *arguments: str) -> str:
    """Call a function of pg_catalog."""
    return f"pg_catalog.{function}({', '.join(arguments)})"


def operate(left: str, operator: str, right: str) -> str:
    """Apply a binary operator of pg_catalog; the result can stand anywhere."""
    return f"({left} OPERATOR(pg_catalog.{operator}) {right})"


def typed(text: str, type_name: str) -> str:
    """Write a constant of a built-in type: `typed("0", "int4")`."""
    return f"({literal(text)}::pg_catalog.{type_name})"


def unless_null(reference: str, constant: str) -> str:
    """Show the constant in place of every value, and NULL for NULL."""
    return f"CASE WHEN {reference} IS NOT NULL THEN {constant} END"
