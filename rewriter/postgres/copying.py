"""COPY of a protected table to the client: the table and its column list become a query.

Owns that one edit. May not do: decide whether a COPY is allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewriter.model import Refusal
from rewriter.postgres.reading import position, tokens
from rewriter.postgres.substitution import Splice, Substitute, name_tokens, unedited

if TYPE_CHECKING:
    from rewriter.postgres.catalog import Column, Relation
    from rewriter.postgres.scopes import Reference
    from rewriter.postgres.views import CallerView

Node = dict[str, Any]


def copied(fields: Node, reference: Reference, view: CallerView, data: bytes) -> tuple[Substitute, Splice]:
    """COPY t (a, b) TO STDOUT becomes COPY (SELECT a, b FROM ONLY t) TO STDOUT; raises Refusal.

    Source of the columns and of ONLY: PostgreSQL manual, COPY: generated columns and child tables are left out.
    """
    relation, node = view.relation, reference.node
    if relation.kind == "v":
        hint = "Try the COPY (SELECT ...) TO variant."
        raise Refusal("42809", f'cannot copy from view "{relation.name}"', hint=hint, position=position(data, node))
    if relation.kind != "r":
        message = f"COPY of {relation.schema}.{relation.name} is only supported as COPY (SELECT ...) TO STDOUT"
        raise Refusal("0A000", message, hint="COPY (SELECT ...) TO STDOUT", position=position(data, node))
    lexed = tokens(data)
    first, last = name_tokens(node, lexed)
    if lexed.word(first - 1) == "binary":
        raise Refusal("0A000", "COPY BINARY is not supported here", hint="Write COPY ... WITH (FORMAT binary).")
    if lexed.word(last + 1) == "(":
        while lexed.word(last) != ")":
            last += 1
            if last >= len(lexed.starts):
                raise unedited()
    query, uses = view.query(_columns(fields, relation, position(data, node)), only=True)
    return Substitute(reference, relation, query, uses), Splice(lexed.starts[first], lexed.ends[last], f"({query})")


def _columns(fields: Node, relation: Relation, where: int | None) -> list[Column]:
    if "attlist" not in fields:
        return [column for column in relation.columns if not column.generated]
    named = [item["String"]["sval"] for item in fields["attlist"]]
    by_name = {column.name: column for column in relation.columns}
    for name in named:
        if name not in by_name:
            message = f'column "{name}" of relation "{relation.name}" does not exist'
            raise Refusal("42703", message, position=where)
        if by_name[name].generated:
            detail = "Generated columns cannot be used in COPY."
            raise Refusal("42P10", f'column "{name}" is a generated column', detail=detail, position=where)
        if named.count(name) > 1:
            raise Refusal("42701", f'column "{name}" specified more than once', position=where)
    return [by_name[name] for name in named]
