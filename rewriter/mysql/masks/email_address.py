"""`email`: the start and the domain of an e-mail address; what does not look like one is hidden entirely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.mysql.masks.literals import literal, utf8
from rewriter.mysql.masks.target import Cases, padding

if TYPE_CHECKING:
    from rewriter.mysql.masks.target import Request, Shown

_MAX_ADDRESS = 320  # characters: 64 of the local part, 255 of the domain (RFC 5321, 4.5.3.1)
_PAD = 3
_HIDDEN_AT_LEAST = 2  # a local part of one character more than is shown would be nearly known
# One @, a local part without spaces, a domain of two labels or more that ends in letters (RFC 1035, 2.3.1). Ends are \A and
# \z, and no space stands in it, for MariaDB's default_regex_flags can give ^ and $ and spaces another meaning.
_ADDRESS = r"\A[^@\x20\x09-\x0d]+@[A-Za-z0-9](-*[A-Za-z0-9])*(\.[A-Za-z0-9](-*[A-Za-z0-9])*)*\.[A-Za-z]{2,}\z"


def render_email(request: Request) -> Shown | None:
    """Show `keep_first` characters of the local part, and the domain if `keep_domain`; other types do not fit."""
    if not request.target.is_text:
        return None
    first = int(request.parameters["keep_first"])
    character = str(request.parameters["character"])
    pad = character * _PAD
    value = request.text
    at = literal("@")
    domain = f"SUBSTRING_INDEX({value}, {at}, -1)"
    parts = [literal(pad + "@"), domain] if request.parameters["keep_domain"] else [literal(f"{pad}@{pad}")]
    if first:
        local = f"SUBSTRING_INDEX({value}, {at}, 1)"
        enough = f"CHAR_LENGTH({local}) >= {first + _HIDDEN_AT_LEAST}"
        parts.insert(0, f"CASE WHEN {enough} THEN LEFT({local}, {first}) ELSE {literal('')} END")
    hidden = literal(padding(request.target, character))
    # one after the other: the pattern is never tried on a long text
    cases = [(f"CHAR_LENGTH({value}) > {_MAX_ADDRESS}", hidden)]
    room = request.target.length
    if room is not None:  # a domain cut short would name another one
        cases.append((f"CHAR_LENGTH({domain}) > {room - first - _PAD - 1}", hidden))
    # case and accents count, whatever the column's collation is
    looked_at = f"CONVERT({value} USING utf8mb4) COLLATE utf8mb4_bin"
    shown = f"CONCAT({', '.join(parts)})" if len(parts) > 1 else parts[0]
    cases.append((f"{looked_at} REGEXP _utf8mb4 {utf8(_ADDRESS)}", shown))
    return Cases(tuple(cases), hidden)
