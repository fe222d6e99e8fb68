"""Reading a mask from a policy: its name, its parameters, and what is wrong with them.

May not do: know a mask by name; the registry says what each one takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from policies.masks.registry import SCHEMAS
from policies.masks.schema import PAD_CHARACTERS
from policies.model import Mask

if TYPE_CHECKING:
    from policies.masks.schema import MaskSchema, Parameter, ParameterValue
    from policies.positions import Checker, Node

_LARGEST: Final = 10**15  # of the numbers in a list: a double holds them exactly


def read_mask(node: Node, checker: Checker) -> Mask | None:
    """Read `{mask: NAME, parameters...}` or a bare name; problems go to the checker."""
    given: dict[str, Node] = {}
    if not isinstance(node.value, str):
        given = {key: entry.value for key, entry in checker.mapping(node, "a mask").items()}
    name_node = given.pop("mask", node)
    if name_node is node and not isinstance(node.value, str):
        if given:
            checker.problem(node, "a mask needs the key `mask` with its name")
        return None
    if name_node.value is None:
        checker.problem(
            name_node, "a mask must be text, not nothing", 'the mask that gives NULL is written "null", in quotes'
        )
        return None
    name = checker.choice(name_node, "a mask", SCHEMAS)
    if name is None:
        return None
    before = len(checker.problems)
    if isinstance(node.value, Mapping):
        checker.fields(node, f"mask `{name}`", ("mask", *SCHEMAS[name].parameters))
    values = _read_parameters(SCHEMAS[name], name_node, given, checker)
    if len(checker.problems) > before:
        return None
    if message := SCHEMAS[name].problem(values):
        checker.problem(name_node, message)
        return None
    return Mask(name, tuple(sorted(values.items())))


def _read_parameters(
    schema: MaskSchema, name_node: Node, given: Mapping[str, Node], checker: Checker
) -> dict[str, ParameterValue]:
    values: dict[str, ParameterValue] = {}
    for key, parameter in schema.parameters.items():
        if key in given:
            value = _read_parameter(given[key], f"`{key}`", parameter, checker)
            if value is not None:
                values[key] = value
        elif parameter.default is None:
            checker.problem(name_node, f"mask `{schema.name}` needs the parameter `{key}`", parameter.meaning)
        else:
            values[key] = parameter.default
    return values


def _read_parameter(node: Node, what: str, parameter: Parameter, checker: Checker) -> ParameterValue | None:  # noqa: PLR0911  one for each kind
    match parameter.kind:
        case "integer":
            return checker.integer(node, what, parameter.minimum, parameter.maximum)
        case "boolean":
            return checker.boolean(node, what)
        case "character":
            if isinstance(node.value, str) and len(node.value) == 1 and node.value in PAD_CHARACTERS:
                return node.value
            checker.problem(node, f"{what} must be one of `{PAD_CHARACTERS}`, in quotes")
        case "choice":
            if (
                not isinstance(node.value, bool)
                and node.value in parameter.choices
                and isinstance(node.value, str | int)
            ):
                return node.value
            checker.problem(node, f"{what} must be one of {', '.join(f'`{choice}`' for choice in parameter.choices)}")
        case "numbers" | "texts":
            return _read_list(node, what, parameter, checker)
        case "value" | "text":
            return _read_value(node, what, parameter, checker)
    return None


def _read_value(node: Node, what: str, parameter: Parameter, checker: Checker) -> ParameterValue | None:
    if isinstance(node.value, str):
        return _bounded(node, node.value, what, parameter, checker)
    if parameter.kind == "text":
        checker.problem(node, f"{what} must be text, not {node.kind}", "put quotes around it")
        return None
    if isinstance(node.value, bool | int):
        return node.value
    checker.problem(node, f"{what} must be text, a whole number, `true` or `false`, not {node.kind}")
    return None


def _bounded(node: Node, text: str, what: str, parameter: Parameter, checker: Checker) -> str | None:
    if len(text) <= parameter.maximum and "\0" not in text:
        return text
    checker.problem(node, f"{what} must be at most {parameter.maximum} characters long")
    return None


def _read_list(node: Node, what: str, parameter: Parameter, checker: Checker) -> str | None:
    nodes = checker.items(node, what)
    if parameter.kind == "numbers":
        numbers = [checker.integer(item, f"each of {what}", -_LARGEST, _LARGEST) for item in nodes]
        return ",".join(map(str, numbers)) if _counts(node, numbers, what, parameter, checker) else None
    texts = [checker.text(item, f"each of {what}") for item in nodes]
    return "\n".join(map(str, texts)) if _counts(node, texts, what, parameter, checker) else None


def _counts(node: Node, items: Sequence[object], what: str, parameter: Parameter, checker: Checker) -> bool:
    """Tell whether a list is read without a problem and neither too short nor too long."""
    if not isinstance(node.value, tuple) or None in items:
        return False
    if parameter.minimum <= len(items) <= parameter.maximum:
        return True
    checker.problem(node, f"{what} must have {parameter.minimum} to {parameter.maximum} items, not {len(items)}")
    return False
