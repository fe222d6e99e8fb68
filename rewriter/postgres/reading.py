"""Reading PostgreSQL statements with PostgreSQL's own grammar (libpg_query): checks, trees, tokens, positions.

Owns the way from text to a JSON tree and everything that is refused before the C parser sees it, for that parser has
no guard of its own stack. May not do: decide what a statement means for a caller.
"""

from __future__ import annotations

import ctypes
import re
from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from postgast.native import PgQueryError, lib

from rewriter.model import MAX_BYTES, Description, Refusal
from rewriter.postgres.abridging import abridge
from rewriter.postgres.kinds import changes

if TYPE_CHECKING:
    from collections.abc import Iterator

Node = dict[str, Any]
"""A node of libpg_query's JSON tree: {"NodeName": {...}} where the field may hold any node, bare fields elsewhere."""

Unparted = list[bytes]
"""Tokens as the lexer gives them, each not taken apart: where they are only counted."""


MAX_TOKENS = 20_000
"""More nesting tokens than this are refused: the C parser overflows its stack from some 80,000 operators on."""

MAX_FLAT_TOKENS = 50_000
"""More tokens of any kind are refused, where they are not long lists of constants that need not be read in full."""

MAX_RUNS = 10_000_000
"""The C lexer reads a run of operator signs anew for each of its signs, and so the rest of it after each /**/: the squares of
the lengths of the longer runs may come to this, which takes some tens of milliseconds."""

# Token numbers of libpg_query 18 that do not nest (a comma, constants, parameters), and its two kinds of comment.
_FLAT = frozenset({44, 260, 261, 262, 263, 264, 266, 267})
_COMMENTS = frozenset({275, 276})

_SIGNS = b"~!@#^&|`?+*/%<>=-"
_APART = _SIGNS + b" \t\n\r\f\v,;:()[]"
_LONG_RUN = b"+" * 32
_RUN = re.compile(rb"[" + re.escape(_SIGNS) + rb"]{%d,}" % len(_LONG_RUN))
_TO_PLUS = bytes(b"+"[0] if byte in _SIGNS else b" "[0] for byte in range(256))
_CLASSES = {
    **dict.fromkeys(b" \t\n\r\f\v", b" "),
    **dict.fromkeys([*b"_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", *range(128, 256)], b"a"),
    b"'"[0]: b"'",
}
_TO_CLASSES = b"".join(_CLASSES.get(byte, b"+") for byte in range(256))
_TOGETHER = 1000
"""Tokens that may stand together in a long text without a space, a sign or a bracket between them."""

_PIECE = 8 * 1024
"""Bytes that are lexed at once where tokens are counted, so that a hostile text is given up soon."""

_VARINT = rb"[\x80-\xff]*+[\x00-\x7f]"
_VERSION = re.compile(rb"\x08" + _VARINT)
_UNPARTED = re.compile(rb"\x12[\x00-\x7f](?:\x08%b)?\x10%b\x20%b(?:\x28[\x00-\x7f])?" % (_VARINT, _VARINT, _VARINT))
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text without its comments: byte offsets, starts ascending."""

    data: bytes
    starts: list[int]
    ends: list[int]

    def at(self, offset: int) -> int:
        """Index of the token that starts at byte `offset`; raises Refusal XX000 when none does."""
        index = bisect_left(self.starts, offset)
        if index == len(self.starts) or self.starts[index] != offset:
            raise Refusal("XX000", "the statement could not be edited safely: no token at the parsed position")
        return index

    def word(self, index: int) -> str:
        """Text of token `index` in lower case; empty outside the text. A quoted name keeps its quotes."""
        if 0 <= index < len(self.starts):
            return self.data[self.starts[index] : self.ends[index]].decode().lower()
        return ""


@dataclass(frozen=True, slots=True)
class Reading:
    """Raw statements ({"stmt": ..., "stmt_location": ...}) and the number of relation names anywhere in them."""

    statements: list[Node]
    relations: int


def encode(text: str, limit: int = MAX_BYTES) -> bytes:
    """Bytes of a statement; raises Refusal 22021 for NUL or invalid text, 54000 for more than `limit` bytes."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise Refusal("22021", "the statement is not valid UTF-8 text", hint="Send statements as UTF-8.") from None
    if b"\0" in data:
        raise Refusal("22021", "the statement contains a NUL character", hint="Remove the character and send again.")
    if len(data) > limit:
        message = (
            f"the statement has {len(data)} bytes; at most {limit} can be analysed for a caller with masked columns"
        )
        raise Refusal("54000", message, hint="Split the statement, or load many rows with COPY ... FROM STDIN.")
    return data


def read(data: bytes) -> Reading:
    """Parse an encoded text.

    Raises Refusal 42601 with the parser's own message, 54001 when the statement is nested too deeply or too long for it.
    """
    tree = read_tree(data)
    try:
        # a quote inside a JSON string is escaped, so this finds the field and nothing else
        return Reading(_decode(tree).get("stmts", []), tree.count(b'"relname":'))
    except (RecursionError, msgspec.DecodeError):
        raise Refusal("54001", "the statement is nested too deeply", hint="Use fewer nested expressions.") from None


def read_tree(data: bytes) -> bytes:
    """Parse an encoded text into the JSON that the parser prints: {"version": ..., "stmts": [...]}.

    Raises Refusal 42601 with the parser's own message, 54001 when there is too much of it for the parser.
    """
    if len(data) ** 2 > MAX_RUNS:  # a shorter one cannot hold such runs
        _check_runs(data)
    if len(data) > MAX_TOKENS:  # nor so many tokens
        _check_nesting(data)
    result = lib.pg_query_parse(data)
    try:
        if result.error:
            raise _syntax_error(result.error.contents)
        tree: bytes = result.parse_tree
        return tree
    finally:
        lib.pg_query_free_parse_result(result)


def parse(data: bytes) -> list[Node]:
    """Raw statements of an encoded text; raises what `read` raises."""
    return read(data).statements


def tokens(data: bytes) -> Tokens:
    """Tokens of an encoded text; raises Refusal 42601 when it does not lex."""
    message, at = _message(data)
    starts: list[int] = []
    ends: list[int] = []
    while at < len(message):
        start, end, number, at = _token_at(message, at)
        if number not in _COMMENTS:
            starts.append(start)
            ends.append(end)
    return Tokens(data, starts, ends)


def character(data: bytes, offset: int) -> int:
    """Character offset of a byte offset into encoded text."""
    return len(data[:offset].decode())


def position(data: bytes, node: Node) -> int | None:
    """1-based character of a node's location, as an ErrorResponse gives it; None when the tree holds no location."""
    location = node.get("location", -1)
    return character(data, location) + 1 if location >= 0 else None


def kind(statement: Node) -> str:
    """Node name of a raw statement, e.g. SelectStmt."""
    return str(next(iter(statement["stmt"])))


def describe(text: str, limit: int = MAX_BYTES) -> Description:
    """Describe a statement for a caller who sees everything; a text that does not parse has no kinds.

    Such a text may still change anything as far as we know, so it counts as changing names and catalog.
    """
    try:
        data = encode(text, limit)
        short = abridge(data)
        statements = parse(data if short is None else short.data)
    except Refusal:
        return Description((), (), changes_names=True, changes_catalog=True)
    flags = [changes(statement["stmt"]) for statement in statements]
    configures = "set_config" in text.lower()  # it may set search_path
    relations, calls = _written(statements)
    kinds = tuple(kind(statement) for statement in statements)
    return Description(
        kinds=kinds,
        relations=tuple(dict.fromkeys(relations)),
        changes_names=configures or any(names for names, _ in flags),
        changes_catalog=any(catalog for _, catalog in flags),
        calls=None if "DoStmt" in kinds else frozenset(calls),
    )


_CALLING: Final = ("funcname", "operName", "useOp")
"""Where a tree names functions and operators, but for those of expressions."""


def _written(statements: list[Node]) -> tuple[list[tuple[str | None, str]], set[str]]:
    """Names of every RangeVar in a tree, in no particular order; and those of functions and operators."""
    names: list[tuple[str | None, str]] = []
    calls: set[str] = set()
    stack: list[Any] = [statements]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(reversed(node))
            continue
        if "relname" in node:
            names.append((node.get("schemaname"), node["relname"]))
        named = [node[key] for key in _CALLING if key in node]
        if "kind" in node and isinstance(node.get("name"), list):  # an operator's
            named.append(node["name"])
        calls.update(parts[-1]["String"]["sval"].lower() for parts in named if parts and "String" in parts[-1])
        stack.extend(value for value in node.values() if isinstance(value, dict | list))
    return names, calls


def _check_runs(data: bytes) -> None:
    """Refuse what would keep the C lexer busy; raises Refusal 54001."""
    if _LONG_RUN in data.translate(_TO_PLUS) and sum(len(run) ** 2 for run in _RUN.findall(data)) > MAX_RUNS:
        hint = "Split the statement, and put spaces between comments."
        raise Refusal("54001", "the statement has long runs of operators or comments", hint=hint)


def _check_nesting(data: bytes) -> None:
    """Refuse what would overflow the stack of the C parser; raises Refusal 54001, or 42601 for what does not lex."""
    if _most_tokens(data) <= MAX_TOKENS:
        return
    total = nesting = 0
    for found in _scan_pieces(data):
        together = b"".join(found)
        total += len(found)
        nesting += len(found) - sum(map(together.count, _NOT_NESTING))
        if nesting > MAX_TOKENS or total > MAX_FLAT_TOKENS:
            raise _too_many(total, nesting)


def _most_tokens(data: bytes) -> int:
    """No less than the tokens of a text: a run of letters or of quotes begins one at most, and so does any other sign."""
    shown = data.translate(_TO_CLASSES)
    signs = shown.count(b"+")
    if signs >= MAX_TOKENS:
        return len(data)
    words = shown.count(b" a") + shown.count(b"+a") + shown.count(b"'a")
    quotes = shown.count(b" '") + shown.count(b"+'") + shown.count(b"a'")
    return 1 + words + quotes + signs


def _scan_pieces(data: bytes) -> Iterator[Unparted]:
    """The tokens of a long text, some thousands at a time, so that a hostile one can be given up soon.

    A token that may go on behind a piece begins the next one; one that is longer, as strings may be, makes the piece longer.
    """
    start, size = 0, _PIECE
    while start + size < len(data):
        found, begun = _begin(data[start : start + size])
        yield found
        start, size = (start + begun, _PIECE) if begun else (start, 2 * size)
    try:
        yield _unparted(data[start:])
    except Refusal as refusal:
        if refusal.position is not None:
            refusal.position += character(data, start)
        raise


def _begin(piece: bytes) -> tuple[Unparted, int]:
    """The first tokens of a piece of text, and how many bytes it has before the next: what follows cannot change them.

    None and 0 where that is in doubt. A token that what follows makes longer has no space, comma or bracket in it, and no colon
    or operator sign before another character, unless it is quoted; then it does not end here, and the lexer says where it begins.
    """
    try:
        found = _unparted(piece)
    except Refusal as refusal:
        end = len(piece.decode(errors="ignore")[: (refusal.position or 1) - 1].encode())
        with suppress(Refusal):  # where the error is one within a token
            return _unparted(piece[:end]), end
        return [], 0
    for index in range(len(found) - 1, max(0, len(found) - _TOGETHER), -1):
        start, _, _, _ = _token_at(found[index], 0)
        if piece[start - 1] in _APART and piece[start] not in _SIGNS:
            return found[:index], start
    if len(found) > _TOGETHER:
        raise Refusal("54001", "the statement has too many tokens without spaces", hint="Put spaces between them.")
    return [], 0 if found else len(piece)


def _too_many(total: int, nesting: int) -> Refusal:
    message = f"the statement has more than {total} tokens, {nesting} of them neither constants nor commas; at most {MAX_FLAT_TOKENS} and {MAX_TOKENS} can be analysed"
    return Refusal("54001", message, hint="Split the statement, or load many rows with COPY ... FROM STDIN.")


def _token_at(message: bytes, at: int) -> tuple[int, int, int, int]:
    """Of the token at a place of the lexer's answer: its start, its end, its number, and where the next one is.

    Raises Refusal XX000 for anything else than a token, IndexError where one is cut off.
    """
    if message[at] != 0x12:
        raise _not_whole()
    behind = at + 2 + message[at + 1]
    at += 2
    start = end = number = 0
    while at < behind:
        tag, value, shift = message[at], 0, 0
        at += 1
        while message[at] >= 0x80:
            value |= (message[at] & 0x7F) << shift
            shift += 7
            at += 1
        value |= message[at] << shift
        at += 1
        if tag == 0x08:
            start = value
        elif tag == 0x10:
            end = value
        elif tag == 0x20:
            number = value
        elif tag != 0x28:
            raise _not_whole()
    if at != behind:
        raise _not_whole()
    return start, end, number, at


def _unparted(data: bytes) -> Unparted:
    """Lex a text whose tokens are only counted; raises Refusal 42601 when it does not lex."""
    message, begin = _message(data)
    found: Unparted = _UNPARTED.findall(message, begin)
    if begin + sum(map(len, found)) != len(message):
        raise _not_whole()
    return found


def _message(data: bytes) -> tuple[bytes, int]:
    """The answer of pg_query_scan, and where its tokens begin.

    It is a protobuf ScanResult {version = 1, tokens = 2: ScanToken {start = 1, end = 2, token = 4, keyword_kind = 5}}, where
    a field that is 0 is left out. It is taken apart here, for the generated classes cost fifty times as much.
    Raises Refusal 42601 when the text does not lex.
    """
    result = lib.pg_query_scan(data)
    try:
        if result.error:
            raise _syntax_error(result.error.contents)
        message = ctypes.string_at(result.pbuf.data, result.pbuf.len)
    finally:
        lib.pg_query_free_scan_result(result)
    version = _VERSION.match(message)
    return message, version.end() if version else 0


def _not_whole() -> Refusal:
    return Refusal("XX000", "the statement could not be taken apart", hint="Report this message.")


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + _varint(number >> 7)


_NOT_NESTING = [b"\x20" + _varint(number) for number in sorted(_FLAT | _COMMENTS)]
"""How the numbers of these tokens stand in the lexer's answer. A byte 0x20 that ends another field has a field's tag behind it:
0x08, 0x10, 0x12, 0x20 or 0x28, with which none of these goes on."""


def _syntax_error(error: PgQueryError) -> Refusal:
    message = (error.message or b"syntax error").decode(errors="replace")
    sqlstate = "54001" if "stack depth" in message else "42601"
    return Refusal(sqlstate, message, position=error.cursorpos if error.cursorpos > 0 else None)
