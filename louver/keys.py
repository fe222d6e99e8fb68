"""What the keys of the settings file take: the field metadata of its sections.

Owns the kinds of keys. May not do: read a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Key:
    """What one key takes: `kind`, its `unit` for people, and the limits of numbers or the choices of words."""

    kind: Literal[
        "text",
        "texts",
        "mapping",
        "secret",
        "boolean",
        "integer",
        "number",
        "choice",
        "path",
        "file",
        "files",
        "section",
        "list",
    ]
    unit: str = ""
    minimum: float = 0
    maximum: float = 0
    choices: tuple[str, ...] = ()
    section: type | None = None


def text(unit: str = "") -> Mapping[str, Key]:
    """Text of any kind; `unit` says which."""
    return {"key": Key("text", unit)}


def integer(unit: str, minimum: int, maximum: int) -> Mapping[str, Key]:
    """A whole number between two limits, both included."""
    return {"key": Key("integer", unit, minimum, maximum)}


def number(unit: str, minimum: float, maximum: float) -> Mapping[str, Key]:
    """A number between two limits, both included."""
    return {"key": Key("number", unit, minimum, maximum)}


def choice(*choices: str) -> Mapping[str, Key]:
    """One of these words."""
    return {"key": Key("choice", choices=choices)}


def path(unit: str) -> Mapping[str, Key]:
    """A path, of something that may not be there yet."""
    return {"key": Key("path", unit)}


def file(unit: str) -> Mapping[str, Key]:
    """A file that must be there when the settings are read."""
    return {"key": Key("file", unit)}


def files(unit: str) -> Mapping[str, Key]:
    """One file that must be there when the settings are read, or a list of them."""
    return {"key": Key("files", unit)}


def texts(unit: str) -> Mapping[str, Key]:
    """One text, or a list of them."""
    return {"key": Key("texts", unit)}


def choices(*words: str) -> Mapping[str, Key]:
    """One or more of these words, as a list."""
    return {"key": Key("texts", choices=words)}


def mapping(unit: str) -> Mapping[str, Key]:
    """Names with one text each, or a list of them."""
    return {"key": Key("mapping", unit)}


def section(kind: type) -> Mapping[str, Key]:
    """A mapping with keys of its own."""
    return {"key": Key("section", section=kind)}


def sections(kind: type) -> Mapping[str, Key]:
    """A list of such mappings."""
    return {"key": Key("list", section=kind)}


def boolean() -> Mapping[str, Key]:
    """Give true or false."""
    return {"key": Key("boolean")}


def secret() -> Mapping[str, Key]:
    """Text that is never shown."""
    return {"key": Key("secret")}
