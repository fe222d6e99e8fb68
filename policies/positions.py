"""YAML with positions: text becomes nodes that know their line and column, and mistakes become problems.

Owns the reading of every YAML file of the project (policies, settings, users): `compose` builds the nodes,
`Checker` turns nodes into values and collects all problems of a file before anything is raised.
May not do: open files, know what a key means.

Values follow the YAML 1.2 core schema (section 10.3.2), so `on`, `yes` and `12:30` are text. Anchors, aliases and
tags are refused: a file that decides what is shown must read the same to its author and to the program.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import yaml

Scalar: TypeAlias = str | int | float | bool | None

MAX_CHARACTERS: Final = 16_000_000
"""A file may hold some 10,000 columns at 80 characters many times over; more is a mistake."""
MAX_DEPTH: Final = 32
"""No file of the project nests deeper than six levels."""

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CONSTANTS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
# The complement of c-printable (YAML 1.2.2, section 5.1), without the byte order mark.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_LONGEST_INTEGER = 30  # more digits fit no setting, and int() of a long text is slow
# The C loader reads 10,000 dictionary entries in half a second, the Python one takes three.
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A mistake in a file. Lines and columns count from 1. `hint` says what to write instead."""

    file: str
    line: int
    column: int
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: {self.message}"
        return f"{place}; {self.hint}" if self.hint else place


class DocumentError(Exception):
    """A file that cannot be used: all its problems, in the order of the file; `str` has one a line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file and where it stands. Lists are tuples of nodes; mappings map text to entries."""

    file: str
    line: int
    column: int
    value: Scalar | tuple[Node, ...] | Mapping[str, Entry]
    style: str | None = None  # of a scalar: ' " | > or None for plain

    @property
    def kind(self) -> str:
        """What the value is, for messages."""
        if self.value is None:
            return "nothing"
        return next(name for type_, name in _KINDS if isinstance(self.value, type_))


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (tuple, "a list"),
    (str, "text"),
    (bool, "true or false"),  # before int, of which bool is a kind
    (int, "a whole number"),
    (float, "a number"),
    (Mapping, "a mapping"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value."""

    key: Node
    value: Node


def suggestion(word: str, known: Collection[str]) -> str | None:
    """Give "did you mean `x`?" for the nearest known word, or None when none is near."""
    near = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else None


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


class _Composer:
    """Builds the nodes of one document from the parser's events, without recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.documents = 0
        # each open collection: its start event, its finished children
        self.open: list[tuple[yaml.Event, list[Node]]] = []

    def take(self, event: yaml.Event) -> bool:
        """Take one event; False when reading on makes no sense."""
        match event:
            case yaml.AliasEvent():
                self._problem(event, f"alias `*{event.anchor}` is not supported", "write the value out")
                self._add(self._node(event, None))
            case yaml.ScalarEvent():
                self._check(event)
                self._add(self._node(event, self._scalar(event), event.style))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._check(event)
                self.open.append((event, []))
                if len(self.open) > MAX_DEPTH:
                    self._problem(event, f"nested deeper than {MAX_DEPTH} levels")
                    return False
            case yaml.SequenceEndEvent():
                start, children = self.open.pop()
                self._add(self._node(start, tuple(children)))
            case yaml.MappingEndEvent():
                start, children = self.open.pop()
                self._add(self._node(start, self._mapping(children)))
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self._problem(event, "a second document starts here", "keep one document in a file")
                    return False
            case _:
                pass
        return True

    def _problem(self, event: yaml.Event, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(self.file, *_place(event), message, hint))

    def _node(
        self, event: yaml.Event, value: Scalar | tuple[Node, ...] | Mapping[str, Entry], style: str | None = None
    ) -> Node:
        return Node(self.file, *_place(event), value, style or None)

    def _check(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            self._problem(event, f"anchor `&{event.anchor}` is not supported", "write the value out where it is used")
        if event.tag is not None:
            self._problem(event, f"tag `{event.tag}` is not supported", "write the plain value")

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        text: str = event.value
        if event.style:  # quoted or block; a plain scalar has '' or None
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            if len(text) > _LONGEST_INTEGER:
                self._problem(event, "the number is too long")
                return None
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if _FLOAT.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return text

    def _mapping(self, children: list[Node]) -> Mapping[str, Entry]:
        entries: dict[str, Entry] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key.value, str):
                message = f"a key must be text, not {key.kind}"
                self.problems.append(Problem(self.file, key.line, key.column, message, "put quotes around it"))
            elif key.value in entries:
                first = entries[key.value].key
                message = f"key `{key.value}` stands twice; the first is in line {first.line}"
                self.problems.append(Problem(self.file, key.line, key.column, message))
            else:
                entries[key.value] = Entry(key, value)
        return entries

    def _add(self, node: Node) -> None:
        if self.open:
            self.open[-1][1].append(node)
        else:
            self.root = node


def compose(text: str, file: str) -> tuple[Node | None, tuple[Problem, ...]]:
    """Read one YAML document. Gives its root, or None when there is none, and all problems found; raises nothing."""
    if len(text) > MAX_CHARACTERS:
        return None, (Problem(file, 1, 1, f"the file is longer than {MAX_CHARACTERS} characters"),)
    if match := _FORBIDDEN.search(text):
        line, column = text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start())
        message = f"character U+{ord(match[0]):04X} is not allowed in YAML"
        return None, (Problem(file, line, column, message, "write it as an escape within double quotes"),)
    composer = _Composer(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if not composer.take(event):
                return None, tuple(composer.problems)
    except yaml.YAMLError as error:
        return None, (*composer.problems, _syntax_problem(error, text, file))
    return composer.root, tuple(composer.problems)


def _syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(file, 1, 1, f"not valid YAML: {error}")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines()
    here = lines[line] if line < len(lines) else ""
    message = (error.problem or "not valid YAML").replace("'", "`")
    if here[column : column + 1] == "\t" or re.match(r"[ ]*\t", here):
        return Problem(file, line + 1, column + 1, "a tab is used for indentation", "YAML is indented with spaces")
    if error.context and error.context_mark:
        message = f"{message} ({error.context.replace(chr(39), '`')} of line {error.context_mark.line + 1})"
    hint = "put quotes around text that holds `: `, or starts with a sign such as `*`, `&`, `{`, `[`, `@`, `%`, `>`"
    return Problem(file, line + 1, column + 1, message, hint)


class Checker:
    """Turns nodes into values; each method records a problem and gives None where the node does not fit."""

    def __init__(self, problems: Collection[Problem] = ()) -> None:
        self._problems = list(problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems so far, in the order of the file."""
        return tuple(sorted(set(self._problems), key=lambda p: (p.file, p.line, p.column, p.message)))

    def problem(self, node: Node, message: str, hint: str | None = None) -> None:
        """Record a problem at a node."""
        self._problems.append(Problem(node.file, node.line, node.column, message, hint))

    def take(self, problems: Collection[Problem]) -> None:
        """Take over the problems of another file."""
        self._problems += problems

    def mapping(self, node: Node, what: str) -> Mapping[str, Entry]:
        """Give the entries of a mapping with free keys; empty when it is none."""
        if isinstance(node.value, Mapping):
            return node.value
        self.problem(node, f"{what} must be a mapping of keys to values, not {node.kind}")
        return {}

    def fields(self, node: Node, what: str, known: Collection[str], required: Collection[str] = ()) -> dict[str, Node]:
        """Give the known keys of a mapping; unknown and missing ones are problems."""
        found: dict[str, Node] = {}
        entries = self.mapping(node, what)
        for name, entry in entries.items():
            if name in known:
                found[name] = entry.value
            else:
                keys = ", ".join(f"`{key}`" for key in known)
                self.problem(
                    entry.key, f"unknown key `{name}` in {what}", suggestion(name, known) or f"keys are {keys}"
                )
        if isinstance(node.value, Mapping):
            for name in required:
                if name not in entries:
                    self.problem(node, f"{what} needs the key `{name}`")
        return found

    def items(self, node: Node, what: str) -> tuple[Node, ...]:
        """Give the items of a list; empty when it is none."""
        if isinstance(node.value, tuple):
            return node.value
        self.problem(node, f"{what} must be a list, not {node.kind}", "start each item with `- `")
        return ()

    def one_or_more(self, node: Node) -> tuple[Node, ...]:
        """Give the items of a list, or the node itself as the only one."""
        return node.value if isinstance(node.value, tuple) else (node,)

    def text(self, node: Node, what: str) -> str | None:
        """Give text that is not empty."""
        if isinstance(node.value, str) and node.value.strip():
            return node.value
        if isinstance(node.value, str):
            self.problem(node, f"{what} is empty")
        else:
            hint = "put quotes around it" if isinstance(node.value, bool | int | float) else None
            self.problem(node, f"{what} must be text, not {node.kind}", hint)
        return None

    def integer(self, node: Node, what: str, minimum: int, maximum: int) -> int | None:
        """Give a whole number between the limits, both included."""
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            self.problem(node, f"{what} must be a whole number, not {node.kind}")
        elif not minimum <= node.value <= maximum:
            self.problem(node, f"{what} must be between {minimum} and {maximum}, not {node.value}")
        else:
            return node.value
        return None

    def number(self, node: Node, what: str, minimum: float, maximum: float) -> float | None:
        """Give a number between the limits, both included."""
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            self.problem(node, f"{what} must be a number, not {node.kind}")
        elif not minimum <= node.value <= maximum:  # false for NaN as well
            self.problem(node, f"{what} must be between {minimum:g} and {maximum:g}, not {node.value:g}")
        else:
            return float(node.value)
        return None

    def boolean(self, node: Node, what: str) -> bool | None:
        """Give true or false."""
        if isinstance(node.value, bool):
            return node.value
        self.problem(node, f"{what} must be `true` or `false`, not {node.kind}")
        return None

    def choice(self, node: Node, what: str, choices: Collection[str]) -> str | None:
        """Give one of the named choices."""
        chosen = self.text(node, what)
        if chosen is None or chosen in choices:
            return chosen
        names = ", ".join(f"`{choice}`" for choice in choices)
        self.problem(node, f"{what} must be one of {names}, not `{chosen}`", suggestion(chosen, choices))
        return None
