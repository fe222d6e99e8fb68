"""The rows that a catalog is read as, and what the rewriter knows by them: relations, functions, conversions, code.

Owns putting these together; the columns of each row are those of its query. May not do: ask the server, judge what is
protected.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rewriter.postgres.catalog import Attached, Column, Constraint, Conversion, Function, Link, Relation
from rewriter.postgres.definitions import DEFINED
from rewriter.postgres.functions import HARMLESS_EXTENSIONS, unjudged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import asyncpg

Row = Any
"""A row whose values are found by the name of their column: asyncpg.Record, or a dict."""


def relations_from(  # noqa: PLR0913, PLR0917  the rows of eight queries
    relations: Sequence[Row],
    columns: Sequence[Row],
    sources: Sequence[Row],
    runs: Sequence[Row],
    links: Sequence[Row],
    constraints: Sequence[Row],
    filled: Sequence[Row],
    functions: Sequence[Row],
) -> dict[int, Relation]:
    """Relations by OID from the rows of RELATIONS, COLUMNS, SOURCES, RUN_FUNCTIONS, LINKS, CONSTRAINTS, FILLED, FUNCTIONS."""
    user = sort_functions(functions, ()).user_by_oid
    found = _with_links(_with_functions(_relations(relations, columns, sources), runs, user), links)
    return _with_constraints(found, constraints, filled)


class Functions:
    """The functions of a database, sorted by what the rewriter asks of them."""

    def __init__(self) -> None:
        self.user_by_oid: dict[int, tuple[str, str]] = {}
        self.harmless: frozenset[tuple[str, str]] = frozenset()
        self.builtins: frozenset[str] = frozenset()
        self.unjudged: frozenset[str] = frozenset()
        self.row_functions: frozenset[str] = frozenset()
        self.volatile: frozenset[str] = frozenset()


def sort_functions(functions: Sequence[Row], types: Sequence[Row]) -> Functions:
    """Sort the rows of FUNCTIONS and TYPES."""
    sorted_out = Functions()
    builtins, harmless, rows, volatile = set(), set(), set(), set()
    for row in functions:
        name = (row["schema"], row["name"])
        if row["builtin"]:
            builtins.add(row["name"])
            if row["volatile"]:
                volatile.add(row["name"])
        elif row["extension"] in HARMLESS_EXTENSIONS:
            harmless.add(name)
        else:
            sorted_out.user_by_oid[row["oid"]] = name
            if row["takes_row"]:
                rows.add(row["name"])
    sorted_out.unjudged = frozenset(filter(unjudged, builtins))
    for row in types:
        if row["schema"] == "pg_catalog":
            builtins.add(row["name"])
        else:
            harmless.add((row["schema"], row["name"]))
    sorted_out.harmless = frozenset(harmless)
    sorted_out.builtins = frozenset(builtins)
    sorted_out.row_functions = frozenset(rows)
    sorted_out.volatile = frozenset(volatile)
    return sorted_out


def _relations(rows: Sequence[Row], columns: Sequence[Row], sources: Sequence[Row]) -> dict[int, Relation]:
    by_relation: dict[int, list[Column]] = {}
    for row in columns:
        column = Column(
            name=row["name"],
            number=row["number"],
            type_name=row["type_name"],
            base_type=row["base_type"],
            not_null=row["not_null"],
            collation=row["collation"],
            generated=row["generated"],
        )
        by_relation.setdefault(row["relation"], []).append(column)
    read: dict[int, list[int]] = {}
    for row in sources:
        read.setdefault(row["relation"], []).append(row["source"])
    return {
        row["oid"]: Relation(
            oid=row["oid"],
            schema=row["schema"],
            name=row["name"],
            kind=row["kind"],
            columns=tuple(by_relation.get(row["oid"], ())),
            parents=tuple(row["parents"]),
            sources=tuple(read.get(row["oid"], ())) if row["kind"] in DEFINED else (),
            primary_key=tuple(row["primary_key"]),
            definition=row["definition"],
            write_sources=() if row["kind"] in DEFINED else tuple(read.get(row["oid"], ())),
            row_security=row["row_security"],
            invoker=row["invoker"],
            barrier=row["barrier"],
        )
        for row in rows
    }


def code_of(rows: list[asyncpg.Record]) -> dict[tuple[str, str], tuple[Function, ...]]:
    """What is known of user functions, the overloads of a name together."""
    found: dict[tuple[str, str], tuple[Function, ...]] = {}
    for row in rows:
        function = function_of(row["function"])
        name = (function.schema, function.name)
        found[name] = (*found.get(name, ()), function)
    return found


def function_of(text: str) -> Function:
    """A function from what the server says of it as JSON."""
    told = json.loads(text)
    return Function(
        schema=told["schema"],
        name=told["name"],
        kind=told["kind"],
        language=told["language"],
        body=told["body"],
        parsed=told["parsed"],
        defaults=told["defaults"],
        least=told["least"],
        most=told["most"],
        settings=tuple(tuple(setting.split("=", 1)) for setting in told["settings"]),
        support=tuple((schema, name) for schema, name in told["support"]),
        types=tuple(told["types"]),
        harmless=told["extension"] in HARMLESS_EXTENSIONS,
        same_as=tuple(told["same_as"]),
    )


def attached_to(rows: list[asyncpg.Record]) -> dict[int, tuple[Attached, ...]]:
    """What code hangs on each relation, from the rows of ATTACHED."""
    found: dict[int, list[Attached]] = {}
    for row in rows:
        attached = Attached(row["what"], row["text"], row["reads"], row["writes"])
        found.setdefault(row["relation"], []).append(attached)
    return {oid: tuple(attached) for oid, attached in found.items()}


def conversions_of(rows: list[asyncpg.Record], user: Mapping[int, tuple[str, str]]) -> tuple[Conversion, ...]:
    """The casts that users have made, from the rows of CONVERSIONS."""
    return tuple(
        Conversion(
            functions=(user[row["function"]],),
            types=frozenset(row["types"]),
            relations=frozenset(row["relations"]),
            target=row["target"],
            context=row["context"],
        )
        for row in rows
        if row["function"] in user
    )


def _with_functions(
    relations: dict[int, Relation], runs: Sequence[Row], user: Mapping[int, tuple[str, str]]
) -> dict[int, Relation]:
    reads: dict[int, list[tuple[str, str]]] = {}
    writes: dict[int, list[tuple[str, str]]] = {}
    for row in runs:
        function = user.get(row["function"])
        if function is None or row["relation"] not in relations:
            continue
        if row["reads"]:
            reads.setdefault(row["relation"], []).append(function)
        if row["writes"]:
            writes.setdefault(row["relation"], []).append(function)
    for oid in {*reads, *writes}:
        found = replace(relations[oid], functions=tuple(reads.get(oid, ())), write_functions=tuple(writes.get(oid, ())))
        relations[oid] = found
    return relations


def _with_links(relations: dict[int, Relation], rows: Sequence[Row]) -> dict[int, Relation]:
    links: dict[int, list[Link]] = {}
    for row in rows:
        if row["relation"] in relations:
            columns, there = tuple(row["columns"]), tuple(row["there"])
            actions = row["on_update"], row["on_delete"]
            link = Link(row["name"], row["other"], columns, there, row["refers"], *actions)
            links.setdefault(row["relation"], []).append(link)
    for oid, found in links.items():
        relations[oid] = replace(relations[oid], links=tuple(found))
    return relations


def _with_constraints(
    relations: dict[int, Relation], rows: Sequence[Row], filled: Sequence[Row]
) -> dict[int, Relation]:
    constraints: dict[int, list[Constraint]] = {}
    for row in rows:
        constraint = Constraint(
            name=row["name"],
            kind=row["kind"],
            columns=frozenset(row["columns"]),
            keys=frozenset(row["keys"]),
            settled=row["settled"],
            functions=frozenset(row["functions"]),
        )
        constraints.setdefault(row["relation"], []).append(constraint)
    for oid in constraints.keys() & relations.keys():
        relations[oid] = replace(relations[oid], constraints=tuple(constraints[oid]))
    for row in filled:
        if row["relation"] in relations:
            given, numbered = frozenset(row["columns"]), frozenset(row["numbered"])
            relations[row["relation"]] = replace(relations[row["relation"]], filled=given, numbered=numbered)
    return relations


def by_name(
    pairs: Iterable[tuple[str, int]], user: Mapping[int, tuple[str, str]]
) -> dict[str, frozenset[tuple[str, str]]]:
    """The user functions of each name, from pairs of a name and the OID of a function."""
    found: dict[str, set[tuple[str, str]]] = {}
    for name, function in pairs:
        if function in user:
            found.setdefault(name, set()).add(user[function])
    return {name: frozenset(functions) for name, functions in found.items()}
