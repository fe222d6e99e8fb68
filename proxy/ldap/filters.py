"""Search filters as people write them (RFC 4515), and as LDAP sends them (RFC 4511, section 4.5.1.7).

Owns their reading, once, and the putting in of values: a placeholder such as `{name}` is filled with bytes of an assertion, so that no
value can become a part of the filter. May not do: search.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from proxy.ldap import ber

if TYPE_CHECKING:
    from collections.abc import Mapping

_AND, _OR, _NOT = 0xA0, 0xA1, 0xA2
_EQUAL, _SUBSTRINGS, _GREATER, _LESS, _PRESENT, _APPROXIMATE, _EXTENSIBLE = 0xA3, 0xA4, 0xA5, 0xA6, 0x87, 0xA8, 0xA9
_INITIAL, _ANY, _FINAL = 0x80, 0x81, 0x82
_RULE, _TYPE, _VALUE, _DN = 0x81, 0x82, 0x83, 0x84

_ITEM = re.compile(
    r"(?P<attribute>[A-Za-z0-9][A-Za-z0-9.;-]*)?(?P<dn>:dn)?(?P<rule>:[A-Za-z0-9.-]+)?(?P<operator>:=|>=|<=|~=|=)(?P<value>[^()]*)"
)
_PARTS = re.compile(r"\\([0-9A-Fa-f]{2})|\{([a-z]+)\}|([^\\{}])")
_DEPTH: Final = 20
_OPERATORS: Final = {">=": _GREATER, "<=": _LESS, "~=": _APPROXIMATE}

Value = tuple[bytes | str, ...]
"""A value in parts: bytes as they are, and names of placeholders."""


class BadFilter(ValueError):  # noqa: N818  told to the operator as it is
    """A filter that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter with placeholders. `tag` and its parts: filters, or finished bytes and values with a tag of their own."""

    tag: int
    parts: tuple[Filter | bytes | tuple[int, Value], ...]

    def encoded(self, values: Mapping[str, bytes]) -> bytes:
        """The filter as LDAP sends it, with values put in."""
        return ber.element(self.tag, *(_encoded(part, values) for part in self.parts))

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of the values that it wants."""
        found: set[str] = set()
        for part in self.parts:
            if isinstance(part, Filter):
                found |= part.placeholders
            elif isinstance(part, tuple):
                found |= {each for each in part[1] if isinstance(each, str)}
        return frozenset(found)


def _encoded(part: Filter | bytes | tuple[int, Value], values: Mapping[str, bytes]) -> bytes:
    if isinstance(part, Filter):
        return part.encoded(values)
    if isinstance(part, bytes):
        return part
    tag, value = part
    return ber.element(tag, b"".join(values[each] if isinstance(each, str) else each for each in value))


def read_filter(text: str) -> Filter:
    """Read a filter. Raises BadFilter."""
    found, rest = _read(text.strip(), 0)
    if rest:
        raise BadFilter(f"there is something behind the end of the filter: `{rest}`")
    return found


def _read(text: str, depth: int) -> tuple[Filter, str]:
    if not text.startswith("("):
        raise BadFilter(f"a filter stands in parentheses, unlike `{text[:40]}`")
    if depth > _DEPTH:
        raise BadFilter("the filter is nested too deeply")
    kind, text = text[1:2], text[1:]
    if kind in {"&", "|"}:
        parts, text = [], text[1:]
        while text.startswith("("):
            part, text = _read(text, depth + 1)
            parts.append(part)
        found = Filter(_AND if kind == "&" else _OR, tuple(parts))
    elif kind == "!":
        part, text = _read(text[1:], depth + 1)
        found = Filter(_NOT, (part,))
    else:
        match = _ITEM.match(text)
        if match is None:
            raise BadFilter(f"`{text[:40]}` is no condition of a filter")
        found, text = _item(match), text[match.end() :]
    if not text.startswith(")"):
        raise BadFilter("a parenthesis of the filter is not closed")
    return found, text[1:]


def _item(match: re.Match[str]) -> Filter:
    attribute, rule, operator, value = match["attribute"], match["rule"], match["operator"], match["value"]
    if operator == ":=":
        return _extensible(match)
    if attribute is None or rule or match["dn"]:
        raise BadFilter(f"`{match[0]}` is no condition of a filter")
    named = ber.element(ber.OCTETS, attribute.encode())
    if operator != "=":
        return Filter(_OPERATORS[operator], (named, (ber.OCTETS, _value(value))))
    if value == "*":
        return Filter(_PRESENT, (attribute.encode(),))
    if "*" not in value:
        return Filter(_EQUAL, (named, (ber.OCTETS, _value(value))))
    first, *middle, last = value.split("*")
    pieces = [(_INITIAL, first), *((_ANY, each) for each in middle), (_FINAL, last)]
    return Filter(
        _SUBSTRINGS, (named, Filter(ber.SEQUENCE, tuple((tag, _value(each)) for tag, each in pieces if each)))
    )


def _extensible(match: re.Match[str]) -> Filter:
    """A condition by a matching rule, such as that of Active Directory for members of members."""
    parts: list[bytes | tuple[int, Value]] = []
    if match["rule"]:
        parts.append(ber.element(_RULE, match["rule"][1:].encode()))
    if match["attribute"]:
        parts.append(ber.element(_TYPE, match["attribute"].encode()))
    if not parts:
        raise BadFilter(f"`{match[0]}` names neither an attribute nor a rule")
    parts.append((_VALUE, _value(match["value"])))
    if match["dn"]:
        parts.append(ber.element(_DN, b"\xff"))
    return Filter(_EXTENSIBLE, tuple(parts))


def _value(text: str) -> Value:
    parts: list[bytes | str] = []
    position = 0
    while position < len(text):
        match = _PARTS.match(text, position)
        if match is None:
            raise BadFilter(f"`{text}` is no value: write `\\`, `{{` and `}}` as \\5c, \\7b and \\7d")
        escaped, placeholder, plain = match.groups()
        parts.append(bytes.fromhex(escaped) if escaped else placeholder or plain.encode())
        position = match.end()
    return tuple(parts)
