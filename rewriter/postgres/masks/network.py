"""`ip`: the network of an IP address, of text and of the types inet and cidr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.network import LONGEST, V4, V6
from rewriter.postgres.masks.literals import call, literal, operate
from rewriter.postgres.masks.patterns import is_whole, matching
from rewriter.postgres.masks.target import TEXTS, padding

if TYPE_CHECKING:
    from rewriter.postgres.masks.target import Request


def render_ip(request: Request) -> str | None:
    """Show the network; an inet comes with its prefix length. Other types do not fit."""
    four, six = int(request.parameters["v4_prefix"]), int(request.parameters["v6_prefix"])
    if request.target.base in ("inet", "cidr"):
        value = request.reference
        length = f"CASE WHEN {operate(call('family', value), '=', '4')} THEN {four} ELSE {six} END"
        return f"{call('network', call('set_masklen', f'{value}::pg_catalog.inet', length))}::pg_catalog.{request.target.base}"
    if request.target.base not in TEXTS:
        return None
    value = request.text
    hidden = literal(padding(request.target, "*"))
    octets, groups = four // 8, six // 16
    begin = matching(value, f"(?:[0-9]+[.]){{{octets}}}")
    shown4 = operate(begin, "||", literal(".".join(["0"] * (4 - octets))))
    head = call("split_part", value, literal("::"), "1")
    shown6 = operate(matching(head, f"(?:[^:]+:){{0,{groups - 1}}}[^:]*"), "||", literal("::"))
    room = request.target.length
    if room is not None:
        shown6 = f"CASE WHEN {operate(call('length', shown6), '>', str(room))} THEN {hidden} ELSE {shown6} END"
    cases = [
        f"WHEN {operate(call('length', value), '>', str(LONGEST))} THEN {hidden}",
        f"WHEN {is_whole(value, V4)} THEN {shown4}",
        f"WHEN {is_whole(value, V6)} THEN {shown6}",
    ]
    return f"CASE {' '.join(cases)} WHEN {request.reference} IS NOT NULL THEN {hidden} END"
