"""Who may agree to a grant: the `approvals` of a policy file.

Owns their keys, and how many persons it takes. Nobody agrees to a grant that he has asked for or gets. Without `approvals`
nobody can. May not do: know how grants are kept, or who somebody is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stubs come without a py.typed marker

from policies.conditions import ConditionError, ConditionFailed, compiled, plain, truth
from policies.model import Label, Principal
from policies.rules import Selector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policies.grants import Grant
    from policies.positions import Checker, Node

KEYS: Final = ("name", "description", "columns", "when", "persons", "break_glass")
COLUMNS: Final = ("category", "level")
"""The keys of an approval and of its `columns`."""

VARIABLES: Final = ("principal", "requester", "grantee", "grant")
"""What its `when` sees: who would approve, who has asked, who gets the grant, each with attributes, and the grant."""

GRANT_FIELDS: Final = (
    *("categories", "level", "minutes", "rows", "database", "purpose", "reason"),
    *("statements", "row_limit", "break_glass"),
)
"""What conditions see of a grant."""

TWO_PERSONS_FROM: Final = 4
"""The level from which two persons have to agree, unless the approval says otherwise."""

MAX_PERSONS: Final = 5


class NotEntitled(Exception):  # noqa: N818  told to the person as it is
    """Somebody may not approve a grant, or break the glass; the text says why."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One entry: whoever meets `when` may agree to grants of columns with such labels.

    `persons` None: as many as the level asks for. With `break_glass` they may give it to themselves, at once.
    """

    name: str
    line: int
    columns: Selector
    when: ApprovalCondition | None = None
    persons: int | None = None
    break_glass: bool = False

    def needs(self, level: int) -> int:
        """How many persons have to agree to columns of a level."""
        if self.persons is not None:
            return self.persons
        return 2 if level >= TWO_PERSONS_FROM else 1


class ApprovalCondition:
    """A compiled condition over `VARIABLES`."""

    __slots__ = ("_program", "text")

    def __init__(self, text: str) -> None:
        """Compile and check. Raises ConditionError."""
        self.text = text
        self._program = compiled(text, _environment(), VARIABLES)

    def __repr__(self) -> str:
        return f"ApprovalCondition({self.text!r})"

    def holds(self, facts: Mapping[str, object]) -> bool:
        """Evaluate. Raises ConditionFailed."""
        return truth(self._program, _environment().Activation(facts))


def read_approvals(
    node: Node, checker: Checker, selector: Callable[[Node], Selector], inside: Callable[[Node, int, int], Node]
) -> tuple[Approval, ...]:
    """Read the section; mistakes go to the checker. `selector` reads columns, `inside` finds a place in a scalar's text."""
    found = []
    for item in checker.items(node, "`approvals`"):
        fields = checker.fields(item, "an approval", KEYS, ("name",))
        if "description" in fields:
            checker.text(fields["description"], "`description`")
        name = checker.text(fields["name"], "`name`") if "name" in fields else None
        columns = Selector()
        if "columns" in fields and checker.fields(fields["columns"], "`columns` of an approval", COLUMNS):
            columns = selector(fields["columns"])
        persons = checker.integer(fields["persons"], "`persons`", 1, MAX_PERSONS) if "persons" in fields else None
        breaks = checker.boolean(fields["break_glass"], "`break_glass`") if "break_glass" in fields else False
        if breaks and "persons" in fields:
            checker.problem(fields["persons"], "`persons` cannot go with `break_glass`", "nobody is asked before")
        when = _condition(fields["when"], checker, inside) if "when" in fields else None
        if name is not None:
            found.append(Approval(name.strip(), item.line, columns, when, persons, bool(breaks)))
    return tuple(found)


def _condition(node: Node, checker: Checker, inside: Callable[[Node, int, int], Node]) -> ApprovalCondition | None:
    text = checker.text(node, "`when`")
    try:
        return None if text is None else ApprovalCondition(text)
    except ConditionError as error:
        for problem in error.problems:
            checker.problem(inside(node, problem.line, problem.column), f"`when`: {problem.message}", problem.hint)
        return None


@lru_cache(maxsize=1)
def _environment() -> Any:  # noqa: ANN401  the library has no types
    fields = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    return cel.NewEnv(variables=dict.fromkeys(VARIABLES, fields))


def persons_needed(approvals: tuple[Approval, ...], people: People, grant: Grant) -> int:
    """How many persons have to agree to a grant, of whom `people.principal` is one. Raises NotEntitled.

    For each label that it means, the first entry that holds for this person decides; of these, the most.
    """
    if people.principal.name in {grant.requested_by, grant.principal}:
        raise NotEntitled("nobody decides on a grant that they have asked for or get")
    return max(
        _first(approvals, label, people, grant, break_glass=False).needs(label.level) for label in _labels(grant)
    )


def check_break_glass(approvals: tuple[Approval, ...], people: People, grant: Grant) -> None:
    """Raise NotEntitled unless `people.principal`, who has asked for a grant to themselves, may have it at once."""
    if not people.principal.name == grant.requested_by == grant.principal:
        raise NotEntitled("the glass is broken for oneself only")
    for label in _labels(grant):
        _first(approvals, label, people, grant, break_glass=True)


@dataclass(frozen=True, slots=True)
class People:
    """Who has to do with a grant: `principal` decides, `requester` has asked for it, `grantee` gets it."""

    principal: Principal
    requester: Principal
    grantee: Principal


def satisfied(needs: Mapping[str, int]) -> bool:
    """Whether those who have agreed, with how many each of them needs with himself, are enough."""
    return any(sum(need <= most for need in needs.values()) >= most for most in needs.values())


def _labels(grant: Grant) -> list[Label]:
    return [Label(category, level) for category, level in sorted(grant.labels)]


def _first(
    approvals: tuple[Approval, ...], label: Label, people: People, grant: Grant, *, break_glass: bool
) -> Approval:
    facts = _facts(people, grant)
    reason = ""
    for approval in approvals:
        if approval.break_glass != break_glass or not approval.columns.matches_label(label):
            continue
        try:
            if approval.when is None or approval.when.holds(facts):
                return approval
        except ConditionFailed as error:  # it lets nobody in; a later entry may
            reason = f" (approval `{approval.name}` could not be evaluated: {error})"
    what = "break the glass for" if break_glass else "decide on"
    who = people.principal.name
    raise NotEntitled(
        f"no approval lets {who} {what} columns of category `{label.category}`, level {label.level}{reason}"
    )


def _facts(people: People, grant: Grant) -> dict[str, object]:
    shown = {
        "categories": sorted({category for category, _ in grant.labels}),
        "level": max((level for _, level in grant.labels), default=0),
        "minutes": grant.minutes,
        "rows": "" if grant.rows is None else grant.rows.source,
        "database": grant.database or "",
        "purpose": grant.purpose or "",
        "reason": grant.reason,
        "statements": grant.statements or 0,
        "row_limit": grant.row_limit or 0,
        "break_glass": grant.break_glass,
    }
    return {
        "principal": _person(people.principal),
        "requester": _person(people.requester),
        "grantee": _person(people.grantee),
        "grant": shown,
    }


def _person(principal: Principal) -> dict[str, object]:
    return {**{key: plain(value) for key, value in principal.attributes.items()}, "name": principal.name}
