"""What a policy file adds to the words of its conditions: a calendar, and the attributes that sessions may declare.

Owns their shapes, and whether a declared value is one that the file allows. May not do: read YAML, know how a client declares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stubs come without a py.typed marker

if TYPE_CHECKING:
    from policies.model import AttributeValue, Session

MAX_DECLARED: Final = 200
"""Characters of a declared value: a purpose, a menu or the number of a case, not a document."""

RESERVED: Final = frozenset(
    {
        *("database", "address", "application", "database_user", "tls"),
        *("at", "now", "date", "time", "hour", "minute", "weekday", "workday", "declared", "user", "key"),
    }
)
"""What a declared attribute cannot be called: sessions have it already, or will be told who they speak for by it."""

Kind = Literal["text", "integer", "boolean"]
_WHOLE_MATCH: Final = cel.NewEnv(variables={"text": cel.Type.STRING, "pattern": cel.Type.STRING}).compile(
    "text.matches(pattern)"
)
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_TRUTH: Final = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


class NotAllowed(ValueError):  # noqa: N818  told to the caller as it is
    """A declared value that the policy file does not allow; the text says what it allows."""


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of RE2, in time linear in the text, matches all of it. Raises ValueError when it is no pattern."""
    # the library of conditions has RE2; Python's own patterns can be made to run for ever by a value
    result = _WHOLE_MATCH.eval(data={"text": text, "pattern": f"^(?:{pattern})$"}).value()
    if not isinstance(result, bool):
        raise ValueError(str(result))  # noqa: TRY004  the text is at fault, not a type
    return result


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute that a session may declare.

    Text has `values` to choose from or a `pattern` of RE2 for the whole
    of it; numbers have bounds.
    """

    name: str
    kind: Kind = "text"
    values: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None

    def read(self, text: str) -> AttributeValue:
        """Give the value that a client's text means. Raises NotAllowed."""
        if len(text) > MAX_DECLARED:
            raise NotAllowed(f"`{self.name}` takes at most {MAX_DECLARED} characters")
        if self.kind == "boolean":
            if text.lower() not in _TRUTH:
                raise NotAllowed(f"`{self.name}` takes true or false")
            return _TRUTH[text.lower()]
        if self.kind == "integer":
            return self._number(text)
        if self.values and text not in self.values:
            raise NotAllowed(f"`{self.name}` takes one of {', '.join(self.values)}")
        if self.pattern is not None and not matches(self.pattern, text):
            raise NotAllowed(f"`{self.name}` takes what matches {self.pattern}")
        return text

    def _number(self, text: str) -> int:
        if not _WHOLE.fullmatch(text):
            raise NotAllowed(f"`{self.name}` takes a whole number")
        number = int(text)
        if (self.minimum is not None and number < self.minimum) or (self.maximum is not None and number > self.maximum):
            bounds = [
                f"{word} {bound}"
                for word, bound in (("from", self.minimum), ("up to", self.maximum))
                if bound is not None
            ]
            raise NotAllowed(f"`{self.name}` takes a whole number {' '.join(bounds)}")
        return number


@dataclass(frozen=True, slots=True)
class Calendar:
    """Where and when people work: a time zone (None: the proxy's own), days off, and days at weekends that are worked."""

    zone: ZoneInfo | None = None
    holidays: frozenset[str] = frozenset()  # ISO 8601, YYYY-MM-DD
    workdays: frozenset[str] = frozenset()

    def local(self, session: Session) -> Session:
        """The same session with its moment told in this zone."""
        return session if self.zone is None else replace(session, at=session.at.astimezone(self.zone))

    def works(self, session: Session) -> bool:
        """Whether the session's day, as it is told, is a working day."""
        if session.date in self.workdays:
            return True
        return session.weekday <= 5 and session.date not in self.holidays


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The calendar of a policy file and its declared attributes, by name."""

    calendar: Calendar = field(default_factory=Calendar)
    attributes: Mapping[str, Attribute] = field(default_factory=lambda: MappingProxyType({}))

    def read(self, name: str, text: str) -> AttributeValue:
        """The value of a declared attribute. Raises NotAllowed, also for a name that the file does not have."""
        attribute = self.attributes.get(name)
        if attribute is None:
            known = ", ".join(self.attributes) or "none"
            raise NotAllowed(f"there is no attribute `{name}` to declare; the policies have {known}")
        return attribute.read(text)
