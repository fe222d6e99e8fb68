"""The masks by name: which there are, which parameters they take, what each lets through, in words.

Owns names and parameters, so that a policy is checked without a database. May not do: SQL; `rewriter.postgres.masks` renders
what is named here, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from policies.model import Mask

if TYPE_CHECKING:
    from policies.positions import Checker, Node

ParameterValue: TypeAlias = str | int | bool

MAX_KEPT: Final = 64
"""Characters that `partial` may keep at one end: an IBAN has 34; more is hardly a mask."""
MAX_STEP: Final = 10**15
"""Steps of `round`: above any amount of money, below what a double holds exactly."""
MAX_CONSTANT: Final = 1000
"""Characters of a `constant`; it stands in the SQL of every statement."""
PAD_CHARACTERS: Final = "*#?_.-+=~^%@!$&/|<>()[]{}:;,xX"
"""What stands for hidden characters: one byte in every encoding, so that a masked value is never longer in bytes."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a mask. `minimum` and `maximum` bound whole numbers, and the length of text."""

    kind: Literal["integer", "boolean", "character", "value"]
    default: ParameterValue | None  # None: it must be given
    meaning: str
    minimum: int = 0
    maximum: int = 0


@dataclass(frozen=True, slots=True)
class MaskSchema:
    """A mask: its parameters, what a caller sees in words, and what it needs of its parameters together."""

    name: str
    summary: str
    parameters: Mapping[str, Parameter]
    words: Callable[[Mapping[str, ParameterValue]], str]
    keyed: bool = False
    problem: Callable[[Mapping[str, ParameterValue]], str | None] = lambda _: None


def _partial_words(parameters: Mapping[str, ParameterValue]) -> str:
    first, last = parameters["keep_first"], parameters["keep_last"]
    ends = [f"{end} {count}" for end, count in (("first", first), ("last", last)) if count]
    length = " and its length" if parameters["keep_length"] else ""
    shown = f"the {' and '.join(ends)} characters"
    return f"is shown with {_singular(shown)}{length}"


def _email_words(parameters: Mapping[str, ParameterValue]) -> str:
    count = parameters["keep_first"]
    start = f"the first {count} characters" if count else "nothing of the name"
    domain = " and the domain" if parameters["keep_domain"] else ""
    return f"is shown as an e-mail address with {_singular(start)}{domain}"


def _singular(text: str) -> str:
    return text.removesuffix(" 1 characters") + " character" if text.endswith(" 1 characters") else text


def _partial_problem(parameters: Mapping[str, ParameterValue]) -> str | None:
    if not parameters["keep_first"] and not parameters["keep_last"]:
        return "`partial` needs `keep_first` or `keep_last`; to show nothing, use the mask `full`"
    return None


_CHARACTER = Parameter("character", "*", f"what stands for hidden characters: one of `{PAD_CHARACTERS}`")

_SCHEMAS: Final = (
    MaskSchema(
        "full",
        "hides the value behind a constant of its type, whatever the value is",
        MappingProxyType({"character": _CHARACTER}),
        lambda _: "is hidden entirely",
    ),
    MaskSchema(
        "null",
        "gives NULL",
        MappingProxyType({}),
        lambda _: "is shown as NULL",
    ),
    MaskSchema(
        "partial",
        "shows the ends of a text",
        MappingProxyType(
            {
                "keep_first": Parameter("integer", 0, "characters shown at the start", 0, MAX_KEPT),
                "keep_last": Parameter("integer", 0, "characters shown at the end", 0, MAX_KEPT),
                "hide_at_least": Parameter(
                    "integer", 4, "characters that must stay hidden, or nothing of the value is shown", 1, 1000
                ),
                "keep_length": Parameter("boolean", False, "as many pad characters as are hidden, instead of four"),
                "character": _CHARACTER,
            }
        ),
        _partial_words,
        problem=_partial_problem,
    ),
    MaskSchema(
        "email",
        "shows the start and the domain of an e-mail address",
        MappingProxyType(
            {
                "keep_first": Parameter("integer", 1, "characters shown of the part before the `@`", 0, 8),
                "keep_domain": Parameter("boolean", True, "whether the domain is shown"),
                "character": _CHARACTER,
            }
        ),
        _email_words,
    ),
    MaskSchema(
        "hash",
        "gives a keyed hash: equal values look equal, and nobody without the key can try values",
        MappingProxyType({}),
        lambda _: "is shown as a keyed hash, so that equal values look equal",
        keyed=True,
    ),
    MaskSchema(
        "round",
        "rounds a number to the nearest multiple of a step",
        MappingProxyType({"step": Parameter("integer", None, "the step, a whole number", 1, MAX_STEP)}),
        lambda parameters: f"is rounded to {parameters['step']}",
    ),
    MaskSchema(
        "year",
        "keeps the year of a date or timestamp (in UTC) and makes it 1 January",
        MappingProxyType({}),
        lambda _: "is shown with its year only",
    ),
    MaskSchema(
        "constant",
        "shows one value that the policy gives",
        MappingProxyType(
            {"value": Parameter("value", None, "the value shown: text, a whole number or a boolean", 0, MAX_CONSTANT)}
        ),
        lambda parameters: f"is shown as the constant `{parameters['value']}`",
    ),
)

SCHEMAS: Final[Mapping[str, MaskSchema]] = MappingProxyType({schema.name: schema for schema in _SCHEMAS})
"""Every mask by its name."""


def make_mask(name: str, **given: ParameterValue) -> Mask:
    """Build a mask with its defaults filled in. Raises KeyError for unknown names; values are taken as they are."""
    schema = SCHEMAS[name]
    values: dict[str, ParameterValue] = {
        key: parameter.default for key, parameter in schema.parameters.items() if parameter.default is not None
    }
    for key, value in given.items():
        _ = schema.parameters[key]
        values[key] = value
    return Mask(name, tuple(sorted(values.items())))


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


def _read_parameter(node: Node, what: str, parameter: Parameter, checker: Checker) -> ParameterValue | None:
    match parameter.kind:
        case "integer":
            return checker.integer(node, what, parameter.minimum, parameter.maximum)
        case "boolean":
            return checker.boolean(node, what)
        case "character":
            if isinstance(node.value, str) and len(node.value) == 1 and node.value in PAD_CHARACTERS:
                return node.value
            checker.problem(node, f"{what} must be one of `{PAD_CHARACTERS}`, in quotes")
        case "value":
            if isinstance(node.value, str):
                if len(node.value) <= parameter.maximum and "\0" not in node.value:
                    return node.value
                checker.problem(node, f"{what} must be at most {parameter.maximum} characters long")
            elif isinstance(node.value, bool | int):
                return node.value
            else:
                checker.problem(node, f"{what} must be text, a whole number, `true` or `false`, not {node.kind}")
    return None


def mask_words(mask: Mask) -> str:
    """Say what a caller sees: "is shown with the first 3 and last 4 characters"."""
    return SCHEMAS[mask.name].words(dict(mask.parameters))


DEFAULT_MASK: Final = make_mask("full")
"""The mask of a category that neither the policy nor `CATEGORY_DEFAULTS` names."""

DERIVED: Final = "derived"
"""The category of columns that a statement has computed from labelled ones: nothing of them shows by default."""

CATEGORY_DEFAULTS: Final[Mapping[str, Mask]] = MappingProxyType(
    {
        "phone": make_mask("partial", keep_first=3, keep_last=4),
        "email": make_mask("email"),
        "id_card": make_mask("partial", keep_last=4),
        "passport": make_mask("partial", keep_last=2),
        "bank_card": make_mask("partial", keep_last=4),
        "account_number": make_mask("partial", keep_last=4),
        "name": make_mask("partial", keep_first=1, hide_at_least=1),
        "birth_date": make_mask("year"),
        "address": DEFAULT_MASK,
        "salary": DEFAULT_MASK,
        "amount": DEFAULT_MASK,
        DERIVED: DEFAULT_MASK,
        "balance": DEFAULT_MASK,
        "ip_address": DEFAULT_MASK,
        "secret": make_mask("null"),
    }
)
"""What a caller sees of a category when no rule matches and the policy names no mask for it."""
