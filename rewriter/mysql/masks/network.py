"""`ip`: the network of an IP address, of text and of MariaDB's types inet4 and inet6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.masks.network import LONGEST, V4, V6
from rewriter.mysql.masks.literals import literal
from rewriter.mysql.masks.patterns import is_whole
from rewriter.mysql.masks.target import Cases, padding

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request, Shown


def render_ip(request: Request) -> Shown | None:
    """Show the network; other types do not fit."""
    octets, groups = int(request.parameters["v4_prefix"]) // 8, int(request.parameters["v6_prefix"]) // 16
    if request.target.base in ("inet4", "inet6"):
        value = f"CAST({request.reference} AS CHAR)"
        return _four(value, octets) if request.target.base == "inet4" else _six(value, groups)
    if not request.target.is_text:
        return None
    value, room = request.text, request.target.length
    hidden = literal(padding(request.target, "*"))
    six = _six(value, groups)
    if room is not None:
        six = f"CASE WHEN CHAR_LENGTH({six}) > {room} THEN {hidden} ELSE {six} END"
    cases = (
        (f"CHAR_LENGTH({value}) > {LONGEST}", hidden),
        (is_whole(value, V4), _four(value, octets)),
        (is_whole(value, V6), six),
    )
    return Cases(cases, hidden)


def _four(value: str, octets: int) -> str:
    return f"CONCAT(SUBSTRING_INDEX({value}, {literal('.')}, {octets}), {literal('.0' * (4 - octets))})"


def _six(value: str, groups: int) -> str:
    head = f"SUBSTRING_INDEX({value}, {literal('::')}, 1)"
    return f"CONCAT(SUBSTRING_INDEX({head}, {literal(':')}, {groups}), {literal('::')})"
