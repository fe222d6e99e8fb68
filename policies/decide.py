"""Deciding: what one caller sees of every labelled column, at this moment.

Owns the combining rule. Rules are asked in the order of the file; the first that means a column and whose condition
holds decides. When none does, a copy is shown to those who see all that it is made of, and to all others the category's
default mask applies. A rule that cannot be evaluated denies the column:
skipping it could let a later, weaker rule decide. May not do: I/O, clocks, SQL.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from policies.conditions import ConditionFailed, Facts
from policies.filters import FilteredColumns, for_caller
from policies.limits import limit_of
from policies.masks import CATEGORY_DEFAULTS, DEFAULT_MASK
from policies.model import ColumnName, Decision, Label, Mask, Principal, RowCondition, Session, Treatment
from policies.remembered import Read, Remembered
from policies.rows import BindingError
from policies.statements import KINDS, together
from policies.vocabulary import Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from policies.approvals import Approval
    from policies.dictionary import Dictionary
    from policies.filters import Filter
    from policies.limits import LimitRule
    from policies.rules import Rule

_REMEMBERED: Final = 256
"""Decisions kept, so that equal outcomes give the same object. Callers fall into few kinds; 256 is generous."""

_WORLDS: Final = 64
"""Sets of labels kept: one for each database and revision of its catalog that is in use."""

_PLAIN: Final = Vocabulary()

# The rules that mean a column, in order, its category, and the columns that it was copied from.
_Group: TypeAlias = tuple[tuple[int, ...], str, tuple[ColumnName, ...]]
_Outcome: TypeAlias = (
    bool | str | RowCondition
)  # applies or not; why it could not be evaluated; on which rows it applies


@dataclass(slots=True)
class _World:
    """The labelled columns of one database, grouped by the rules that mean them."""

    labels: Mapping[ColumnName, Label]
    groups: dict[_Group, list[ColumnName]]
    rules: tuple[int, ...]  # those that mean any column
    decisions: OrderedDict[object, Decision] = field(default_factory=OrderedDict)


class PolicySet:
    """The policies of one file, ready to decide. Immutable but for a memory of past decisions.

    `revision` names the text it was made from; `functions` are those that masked callers may call, as (schema, name);
    `defaults` are the masks of the file's `categories`, `filters` those of rows, `limits` how much is read, `vocabulary` its calendar and
    what sessions may declare, `approvals` say who may agree to grants.
    """

    def __init__(  # noqa: PLR0913  one argument for each part of the file
        self,
        revision: str,
        dictionary: Dictionary,
        rules: tuple[Rule, ...],
        *,
        defaults: Mapping[str, Mask],
        functions: frozenset[tuple[str, str]] = frozenset(),
        filters: tuple[Filter, ...] = (),
        limits: tuple[LimitRule, ...] = (),
        vocabulary: Vocabulary = _PLAIN,
        approvals: tuple[Approval, ...] = (),
        description: str | None = None,
    ) -> None:
        self.revision = revision
        self.dictionary = dictionary
        self.rules = rules
        self.defaults = dict(defaults)
        self.functions = functions
        self.filters = filters
        self.filtered = FilteredColumns(filters)
        self.limits = limits
        self.files: tuple[Path, ...] = ()  # that they were read from
        self.vocabulary = vocabulary
        self.approvals = approvals
        self.description = description
        self._worlds: OrderedDict[int, _World] = OrderedDict()
        self._together: dict[tuple[int, ...], tuple[tuple[Decision, ...], Decision]] = {}
        conditions = (*(each.when for each in rules), *(each.when for each in filters), *(each.when for each in limits))
        self._read = Read.of(conditions, (*(each.rows for each in rules), *(each.rows for each in filters)), vocabulary)
        self._remembered = Remembered()

    @property
    def has_labels(self) -> bool:
        """True when the dictionary names anything, or rows are filtered; without it nothing is sensitive anywhere."""
        return self.dictionary.labels_any or bool(self.filters)

    def label(self, database: str, schema: str, relation: str, column: str) -> Label | None:
        """Give what the dictionary says of a column, or None. Names as the catalog spells them."""
        return self.dictionary.label(database, schema, relation, column)

    def default_mask(self, category: str) -> Mask:
        """Give the mask of a category that no rule decides: the file's own, the built-in one, or `full`."""
        return self.defaults.get(category) or CATEGORY_DEFAULTS.get(category, DEFAULT_MASK)

    def decide(self, principal: Principal, session: Session, labels: Mapping[ColumnName, Label]) -> Decision:
        """Give the treatment of every labelled column. Deterministic; raises nothing.

        `labels` must not change once given. While it is the same object and the rules come out the same, the answer
        is the same object too, so comparing two decisions costs next to nothing. What was decided before for all that
        the rules look at is found again (`policies.remembered`).
        """
        key = self._read.key(principal, session)
        found = None if key is None else self._remembered.find(labels, key)
        if found is None:
            found = self._decided(principal, session, labels)
            if key is not None:
                self._remembered.keep(labels, key, found)
        return found

    def _decided(self, principal: Principal, session: Session, labels: Mapping[ColumnName, Label]) -> Decision:
        """`decide`, anew."""
        world = self._grouped(labels)
        session = self.vocabulary.calendar.local(session)
        known = Facts.of(principal, session, self.vocabulary)
        if not any(_per_statement(self.rules[index]) for index in world.rules):
            return self._decide(world, known, principal, session, labels)
        by_kind = {kind: self._decide(world, known.of_statement(kind), principal, session, labels) for kind in KINDS}
        key = tuple(
            id(each) for each in by_kind.values()
        )  # what is kept for it holds them, so that their ids stay theirs
        kept = self._together.get(key)
        if kept is None:
            if len(self._together) >= _REMEMBERED:
                self._together.clear()
            kept = self._together[key] = (tuple(by_kind.values()), together(by_kind))
        return kept[1]

    def _decide(
        self,
        world: _World,
        known: Facts,
        principal: Principal,
        session: Session,
        labels: Mapping[ColumnName, Label],
    ) -> Decision:
        """The decision by facts that may tell the kind of the statement."""
        outcomes = {
            index: self._outcome(self.rules[index], known, principal, session)
            for index in world.rules
            if not _per_column(self.rules[index])
        }
        filters = for_caller(self.filters, known, principal, session) if self.filters else ()
        limit = limit_of(self.limits, known) if self.limits else None
        key: object = (tuple(outcomes.values()), filters, limit)
        treatments = None
        if len(outcomes) < len(world.rules):
            treatments = self._treatments(world, outcomes, known, principal, session)
            key = (key, tuple(treatments.values()))
        decision = world.decisions.get(key)
        if decision is None:
            treatments = treatments or self._treatments(world, outcomes, known, principal, session)
            decision = world.decisions[key] = Decision(self.revision, treatments, labels, filters, limit)
            if len(world.decisions) > _REMEMBERED:
                world.decisions.popitem(last=False)
        else:
            world.decisions.move_to_end(key)
        return decision

    def _grouped(self, labels: Mapping[ColumnName, Label]) -> _World:
        world = self._worlds.get(id(labels))  # the world holds the labels, so their id stays theirs
        if world is not None:
            return world
        groups: dict[_Group, list[ColumnName]] = {}
        by_label: dict[Label, tuple[int, ...]] = {}
        for column, label in labels.items():
            if label not in by_label:
                by_label[label] = tuple(i for i, rule in enumerate(self.rules) if rule.columns.matches_label(label))
            meant = tuple(index for index in by_label[label] if self.rules[index].columns.matches_name(column))
            groups.setdefault((meant, label.category, label.sources), []).append(column)
        used = tuple(sorted({index for meant, _, _ in groups for index in meant}))
        world = self._worlds[id(labels)] = _World(labels, groups, used)
        if len(self._worlds) > _WORLDS:
            _, gone = self._worlds.popitem(last=False)
            self._remembered.forget(gone.labels)
        return world

    def _treatments(
        self,
        world: _World,
        outcomes: Mapping[int, _Outcome],
        known: Facts,
        principal: Principal,
        session: Session,
    ) -> dict[ColumnName, Treatment]:
        treatments: dict[ColumnName, Treatment] = {}
        copies: list[ColumnName] = []
        for (meant, category, sources), columns in world.groups.items():
            default = self._default(category)
            alike = None
            if all(index in outcomes for index in meant):
                alike = self._first(meant, category, outcomes)
                if alike is not None or not sources:
                    treatments.update(dict.fromkeys(columns, alike or default))
                    continue
            for column in columns:
                found = alike or self._of(column, meant, world, outcomes, known, principal, session)
                if found is None and sources:
                    copies.append(column)
                treatments[column] = found or default
        seen = {column: self._seen(world.labels[column].sources, treatments) for column in copies}
        treatments.update({column: treatment for column, treatment in seen.items() if treatment is not None})
        return treatments

    def _of(  # noqa: PLR0913, PLR0917  all that a condition may look at
        self,
        column: ColumnName,
        meant: tuple[int, ...],
        world: _World,
        outcomes: Mapping[int, _Outcome],
        known: Facts,
        principal: Principal,
        session: Session,
    ) -> Treatment | None:
        """The treatment of one column by rules of which some ask for the column itself."""
        label = world.labels[column]
        here = known.of_column(column, label)
        own = {
            index: outcomes[index] if index in outcomes else self._outcome(self.rules[index], here, principal, session)
            for index in meant
        }
        return self._first(meant, label.category, own)

    @staticmethod
    def _seen(sources: tuple[ColumnName, ...], treatments: Mapping[ColumnName, Treatment]) -> Treatment | None:
        """The treatment of a copy that no rule means, for who sees all that it is made of; None for all others."""
        found = [treatments.get(source) for source in sources]
        clear = [treatment for treatment in found if treatment is not None and not treatment.hides]
        return Treatment("clear", clear[0].rule) if len(clear) == len(found) else None

    def _default(self, category: str) -> Treatment:
        return Treatment("mask", f"default mask of category `{category}`", self.default_mask(category))

    def _outcome(self, rule: Rule, known: Facts, principal: Principal, session: Session) -> _Outcome:
        try:
            if rule.when is not None and not rule.when.holds(known):
                return False
            return True if rule.rows is None else rule.rows.bind(principal, session)
        except (ConditionFailed, BindingError) as error:
            return str(error)

    def _first(self, meant: tuple[int, ...], category: str, outcomes: Mapping[int, _Outcome]) -> Treatment | None:
        """What the first rule that applies says; None when none does."""
        default = self.default_mask(category)
        for index in meant:
            rule, outcome = self.rules[index], outcomes[index]
            match outcome:
                case False:
                    continue
                case str():
                    return Treatment("deny", rule.name, reason=outcome)
                case RowCondition() if rule.kind != "deny":
                    return Treatment(
                        rule.kind,
                        rule.name,
                        rule.mask,
                        outcome,
                        default,
                        on_write=rule.on_write,
                        explain=rule.explain,
                    )
                case _:
                    return Treatment(
                        rule.kind,
                        rule.name,
                        rule.mask,
                        search=rule.search,
                        join=rule.join,
                        on_write=rule.on_write,
                        explain=rule.explain,
                    )
        return None


def _per_statement(rule: Rule) -> bool:
    return rule.when is not None and rule.when.per_statement


def _per_column(rule: Rule) -> bool:
    return rule.when is not None and rule.when.per_column
