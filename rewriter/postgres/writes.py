"""Writing to a relation: what the statement sees of it, what it assigns, and what its success would tell.

The target of a write cannot be substituted, so each reference to one of its masked columns is replaced in place by what the
caller sees of it, and an assignment to one keeps the hidden value when the new one equals that.
Owns the edits of one target. May not do: read the text anew, or trust its own edits: `rewriter.postgres.proof` checks them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rewriter.model import Probe, Refusal, Use
from rewriter.postgres import filtering, proof
from rewriter.postgres.assignments import Assigned, Assignment, assigned, expect_query, expect_value, span_of
from rewriter.postgres.bindings import Binder, Bound
from rewriter.postgres.catalog import Catalog, Relation, column_name
from rewriter.postgres.conditions import quote_identifier
from rewriter.postgres.from_items import Item, Scope, from_clause
from rewriter.postgres.masks import KeyMaterial
from rewriter.postgres.preserving import Around, Guard, around
from rewriter.postgres.reading import Tokens, position, tokens
from rewriter.postgres.rows import typed_row
from rewriter.postgres.scopes import Findings, Reference
from rewriter.postgres.searching import in_place, probe_of, searchable
from rewriter.postgres.substitution import Patch, Splice, end_of_name, name_tokens
from rewriter.postgres.telling import faults, hidden_columns
from rewriter.postgres.updatable import Surface
from rewriter.postgres.views import CallerView
from rewriter.postgres.world import World

if TYPE_CHECKING:
    from policies.model import RowFilter
    from rewriter.postgres.catalog import Link
    from rewriter.postgres.constants import Equality

Node = dict[str, Any]

_NEW_ROWS = "It needs an account for which these columns are not masked."


@dataclass(slots=True)
class Target:
    """One relation that a statement writes, and what becomes of the statement for it.

    `columns_of` gives columns and real name of a RangeVar of the statement, as `rewriter.postgres.bindings` wants them.
    """

    data: bytes
    catalog: Catalog
    world: World
    key: KeyMaterial | None
    found: Findings
    kind: str
    fields: Node
    reference: Reference
    relation: Relation
    surface: Surface
    columns_of: Callable[[Node], tuple[tuple[str, ...] | None, tuple[str, str] | None]]
    searches: bool = False  # the statement runs when it is counted, so that its conditions may see real values
    probes: list[Probe] = field(default_factory=list)
    exact: set[int] = field(default_factory=set)  # ids of the ColumnRef fields that see real values
    literal_free: bool = True  # no edit took a literal with it
    patches: list[Patch] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    replaced: set[int] = field(default_factory=set)  # ids of the ColumnRef fields that are edited
    lexed: Tokens | None = None

    def rule(self) -> None:
        """Fill `patches` and `uses`; raises Refusal."""
        made = assigned(self.kind, self.fields, self.relation)
        self._check_rules(made)
        referring = self._referring(made)
        guards = self._guards(made, frozenset(referring))
        if self.hidden:
            self._bind()  # first: what is assigned goes with its references into what is made of it
        if self.hidden or guards:
            seen: list[Node] = []
            for assignment in made.updates:
                if assignment.source is None or assignment.source not in seen:
                    self._assign(assignment, made, guards)
                if assignment.source is not None:
                    seen.append(assignment.source)
        for name, link in referring.items():
            self._check_referring(name, link)
        if self.filters:
            self._filter()  # last: its edits stand around all others

    @property
    def filters(self) -> tuple[RowFilter, ...]:
        """What leaves out rows of the relation."""
        return self.world.filters.get(self.relation.oid, ())

    @property
    def tokens(self) -> Tokens:
        """The tokens of the text, read when they are needed."""
        if self.lexed is None:
            self.lexed = tokens(self.data)
        return self.lexed

    @property
    def hidden(self) -> frozenset[str]:
        """The columns of which the caller does not see every value."""
        return self.surface.hidden

    @property
    def counts_values(self) -> bool:
        """Whether the ruling depends on which columns get a value, and which NULL."""
        links = [link.other for link in self.surface.table.links]
        linked = any(other in self.world.filters or hidden_columns(other, self.world) for other in links)
        return bool(self.hidden) or bool(self.patches) or bool(self.filters) or linked

    # -- what may be assigned ------------------------------------------------------------------------------------

    def _check_rules(self, made: Assigned) -> None:
        """Refuse what a rule forbids to write."""
        for column in sorted((made.inserted or set()) | made.updated):
            for treatment in self.surface.treatments(column):
                if treatment.on_write == "deny" or (treatment.kind == "deny" and treatment.on_write != "allow"):
                    full = column_name(self.relation, column)
                    message = f'permission denied to write column {full} by rule "{treatment.rule}"'
                    hint = "Name the columns that you write and leave this one out."
                    raise Refusal("42501", message, hint=hint, position=self._where(), rule=treatment.rule)

    def _guards(self, made: Assigned, checked: frozenset[str]) -> dict[str, Guard]:
        """The columns that may only keep their value; raises Refusal when the statement would tell in any case."""
        guards: dict[str, Guard] = {}
        effect = replace(self.surface.effect(made.effect), checked=checked)
        for fault in faults(self.surface.table, effect, self.world, self.catalog):
            if not fault.columns:
                full = f"{self.relation.schema}.{self.relation.name}"
                message = f"this write to {full} is not allowed: {fault.reason}, so that its success would tell what is masked for you"
                raise Refusal("42501", message, hint=_NEW_ROWS, position=self._where())
            for column in self.surface.above(fault.columns) & made.updated:
                known = guards.get(column)
                unless: tuple[str, ...] | None = None
                if fault.unless is not None and (known is None or known.unless is not None):
                    condition = self.surface.condition(fault.unless, self.reference.alias)
                    unless = (*((known.unless if known else None) or ()), condition)
                first = known is not None and (known.unless is None or unless is not None)
                guards[column] = Guard(known.reason if known is not None and first else fault.reason, unless)
        return guards

    # -- rows ----------------------------------------------------------------------------------------------------

    def _filter(self) -> None:
        """Keep the statement to the rows that the caller has, and new ones to those that he will have."""
        treatments = self.world.treatments.get(self.relation.oid, {})
        view = CallerView(self.relation, treatments, self.key, self._where(), filters=self.filters)
        if self.kind == "InsertStmt":
            view.filter("louver_new")  # a filter that closes the relation says so
            decides = filtering.deciding(self.filters) or frozenset()
            if not decides:
                raise self._unseen(
                    "none of them is shown to you", "Insert through an account from which no rows are hidden."
                )
            named = " and ".join(sorted(decides))
            told = f"the new row would be hidden from you by {named}"
            verb = "decides" if len(decides) == 1 else "decide"
            self._check_new(decides, view.filter, told, f"{named} {verb} whether you see it")
            return
        first, _ = name_tokens(self.reference.node, self.tokens)
        span = filtering.where_of(first, self.fields, self.tokens)
        plain = filtering.is_plain(self.found, self.reference, self.relation, {self.kind: self.fields}, self.catalog)
        condition = view.filter(self.reference.alias)
        self.patches.append(filtering.narrowed(self.fields, condition, span, self.tokens, fenced=not plain))

    def _check_new(self, names: frozenset[str], condition: Callable[[str], str], told: str, reason: str) -> None:
        """Check the values that an INSERT gives to some columns."""
        columns = tuple(column for column in self.relation.columns if column.name in names)
        checks = (condition, told, reason, self._unseen, self.tokens, self.data)
        patches, repeated = filtering.NewValues(self.relation, columns, *checks).patches(self.fields)
        self.patches += patches
        self.literal_free &= not repeated

    def _referring(self, made: Assigned) -> dict[str, Link]:
        """The columns of which an INSERT's values can be checked against the filtered relation that they refer to."""
        if self.kind != "InsertStmt" or self.surface.levels or made.inserted is None:
            return {}
        own = (filtering.deciding(self.filters) or frozenset()) if self.filters else frozenset()
        plain = [link for link in self.relation.links if link.refers and len(link.columns) == 1]
        seen = [link for link in plain if link.other in self.world.filters and not set(link.columns) & own]
        hidden = self.world.hidden
        return {
            link.columns[0]: link
            for link in seen
            if link.columns[0] in made.inserted
            and not (hidden(link.other) & set(link.there) or self.hidden & set(link.columns))
        }

    def _check_referring(self, name: str, link: Link) -> None:
        """Let a new row refer to nothing but what the caller sees."""
        other = self.catalog.relations[link.other]
        view = CallerView(other, {}, self.key, self._where(), filters=self.world.filters[link.other])
        full = f"{other.schema}.{other.name}"
        told = f"no row of {full} that you see has this value of {link.there[0]}"
        condition = partial(filtering.seen, column=name, key=link.there[0], other=view)
        self._check_new(
            frozenset({name}), condition, told, f"{name} refers to rows of {full}, of which you see some only"
        )

    def _unseen(self, reason: str, hint: str) -> Refusal:
        full = f"{self.relation.schema}.{self.relation.name}"
        message = f"this INSERT into {full} is not available, because rows are hidden from you, and {reason}"
        return Refusal("42501", message, hint=hint, position=self._where())

    # -- SET -----------------------------------------------------------------------------------------------------

    def _assign(self, first: Assignment, made: Assigned, guards: dict[str, Guard]) -> None:
        """Edit one assignment, or all of one (a, b) = (SELECT ...)."""
        same = [a for a in made.updates if a is first or (a.source is not None and a.source == first.source)]
        kept = {a.column: self._around(a, guards.get(a.column)) for a in same}
        if not any(kept.values()):
            return
        if first.source is not None and "SubLink" in first.source:
            self._assign_query(same, kept)
            return
        for assignment in same:
            parts = kept[assignment.column]
            if parts is None or self._is_default(assignment, guards.get(assignment.column)):
                continue
            start, end = span_of(assignment, self.data, self.tokens)
            self._patch(start, end, parts, partial(expect_value, assignment, same, parts))

    def _around(self, assignment: Assignment, guard: Guard | None) -> Around | None:
        """What an assigned expression is put into; None when it is stored as it is."""
        treatments = self.surface.treatments(assignment.column)
        column = next((c for c in self.relation.columns if c.name == assignment.column), None)
        if column is None or not (guard or treatments):
            return None  # the server says that there is no such column
        if "indirection" in assignment.target:
            message = (
                f"assigning a part of {column.name} is not available, because its success would tell what is masked"
            )
            raise Refusal("42501", message, hint="Assign the whole value.", position=self._at(assignment.target))
        if guard is None and all(treatment.on_write == "allow" for treatment in treatments):
            return None
        alias = self.reference.alias
        denied = next((treatment for treatment in treatments if treatment.kind == "deny"), None)
        if denied is not None:  # written by permission, and guarded
            message = f"{column.name} cannot be written, because {guard.reason if guard else 'it is closed to you'}"
            raise Refusal("42501", message, position=self._at(assignment.target), rule=denied.rule)
        shown, uses = self.surface.shown_as(column, alias)
        self.uses += uses
        return around(column, alias, shown, guard)

    def _is_default(self, assignment: Assignment, guard: Guard | None) -> bool:
        """DEFAULT is stored as it is, unless the column must keep its value."""
        if assignment.value is None or "SetToDefault" not in assignment.value:
            return False
        if guard is not None:
            message = f"{assignment.column} must keep its value, because {guard.reason}"
            raise Refusal("42501", message, hint="Leave it out.", position=self._at(assignment.target))
        return True

    def _assign_query(self, same: list[Assignment], kept: dict[str, Around | None]) -> None:
        """(a, b) = (SELECT ...): the query goes into another one that treats its columns."""
        start, end = span_of(same[0], self.data, self.tokens)
        own = "louver_row" if self.reference.alias != "louver_row" else "louver_list"
        names = [f"c{number}" for number in range(1, len(same) + 1)]
        items = []
        for assignment, name in zip(sorted(same, key=lambda each: each.place), names, strict=True):
            parts = kept[assignment.column]
            items.append(f"{parts.before}{own}.{name}{parts.after}" if parts else f"{own}.{name}")
        before = f"(SELECT {', '.join(items)} FROM "  # noqa: S608  our own text, and proved after the edit
        parts = Around(before, f" AS {own}({', '.join(names)}))")
        self._patch(start, end, parts, partial(expect_query, same, parts))

    def _patch(self, start: int, end: int, parts: Around, expect: Callable[[], None]) -> None:
        first, last = self.tokens.starts[start], self.tokens.ends[end]
        splices = (Splice(first, first, parts.before), Splice(last, last, parts.after))
        self.patches.append(Patch(splices, expect))

    # -- references ----------------------------------------------------------------------------------------------

    def _bind(self) -> None:
        """Replace every reference to a masked column of the target."""
        fields = self.fields
        names = tuple(column.name for column in self.relation.columns)
        own = None if "alias" in self.reference.node else (self.relation.schema, self.relation.name)
        target = Item(self.reference.alias, names, target=True, relation=own)
        binder = Binder(self.data, target, self.columns_of, self.hidden)
        scope = binder.with_items(fields.get("withClause"), Scope().naming(dict.fromkeys(self.found.ctes)))
        others = self._others(fields, scope, binder)
        here = scope.inside([target, *others])
        for key in ("whereClause", "joinCondition"):
            binder.expression(fields.get(key, []), here)
        if self.kind == "UpdateStmt":
            binder.expression(fields.get("targetList", []), here)
        conflict = fields.get("onConflictClause", {})
        excluded = scope.inside([target, Item("excluded", names)])
        for key in ("targetList", "whereClause"):
            binder.expression(conflict.get(key, []), excluded)
        for clause in fields.get("mergeWhenClauses", []):
            self._bind_action(clause["MergeWhenClause"], binder, scope, target, others)
        self._bind_returning(binder, scope, target, others)
        equalities = in_place(self.fields, self.tokens) if self.searches else {}
        for bound in binder.found:
            held = equalities.get(id(bound.holder["ColumnRef"]))
            if held is None or not self._search(bound, *held):
                self._replace(bound)

    def _search(self, bound: Bound, holder: Node, equal: Equality) -> bool:
        """Let an equality with constants see the real value, where the rule allows it; False where it does not."""
        treatments = self.world.treatments
        name = bound.column or ""
        if not bound.item.plain or searchable(self.relation, name, treatments) is None:
            return False
        treatment = treatments[self.relation.oid][name]
        text = equal.on(f"{quote_identifier(bound.item.name or '')}.{quote_identifier(name)}")
        self.probes.append(probe_of(self.relation, name, treatment, equal))
        self.uses.append(Use(column_name(self.relation, name), treatment, search="exact"))
        self.literal_free &= not equal.literal
        self.replaced.add(id(equal.column))
        self.exact.add(id(equal.column))
        splice = Splice(self.tokens.starts[equal.first], self.tokens.ends[equal.last], text)
        self.patches.append(Patch((splice,), partial(proof.expect_expression, holder, text)))
        return True

    def _others(self, fields: Node, scope: Scope, binder: Binder) -> list[Item]:
        """The FROM items beside the target, which do not see it."""
        nodes = fields.get("fromClause") or fields.get("usingClause") or []
        if "sourceRelation" in fields:
            nodes = [fields["sourceRelation"]]
        return from_clause(nodes, scope, binder)

    def _bind_action(self, action: Node, binder: Binder, scope: Scope, target: Item, others: list[Item]) -> None:
        seen = {
            "MERGE_WHEN_MATCHED": [target, *others],
            "MERGE_WHEN_NOT_MATCHED_BY_SOURCE": [target],
            "MERGE_WHEN_NOT_MATCHED_BY_TARGET": others,
        }[action["matchKind"]]
        here = scope.inside(seen)
        binder.expression(action.get("condition", []), here)
        if action["commandType"] == "CMD_UPDATE":
            binder.expression(action.get("targetList", []), here)
        binder.expression(action.get("values", []), here)

    def _bind_returning(self, binder: Binder, scope: Scope, target: Item, others: list[Item]) -> None:
        clause = self.fields.get("returningClause", {})
        targets = clause.get("exprs", [])
        options = {o["ReturningOption"]["option"]: o["ReturningOption"]["value"] for o in clause.get("options", [])}
        taken = {target.name, *(item.name for item in others)}
        items = [*others, target] if self.kind == "MergeStmt" else [target, *others]
        before = []
        for option, usual in (("RETURNING_OPTION_OLD", "old"), ("RETURNING_OPTION_NEW", "new")):
            name = options.get(option, usual)
            if option in options or name not in taken:
                before.append(Item(name, target.columns, plain=False, target=True))
        for node in list(targets):
            if _is_bare_star(node):
                self._expand(node, targets, items)
        binder.targets(targets, scope.inside([*items, *before]))

    def _expand(self, node: Node, targets: list[Node], items: list[Item]) -> None:
        """RETURNING *: the target's columns, and a star for each other item, in the server's order."""
        column = node["ResTarget"]["val"]["ColumnRef"]
        parts = []
        for item in items:
            if item.target:
                parts.append(self._listed(item, labelled=True))
            elif item.plain:
                if item.name is None or item.merged:
                    hint = "List the columns in RETURNING."
                    message = "RETURNING * is not available with such a FROM clause, because columns are masked"
                    raise Refusal("0A000", message, hint=hint, position=self._at(column))
                parts.append(f"{quote_identifier(item.name)}.*")
        text = ", ".join(parts)
        self._edit(column, text, lambda: proof.expect_list(targets, node, proof.result_columns(text)))

    def _replace(self, bound: Bound) -> None:
        """Put what the caller sees in place of one reference to the target."""
        column = bound.holder["ColumnRef"]
        if bound.column is not None:
            known = next(c for c in self.relation.columns if c.name == bound.column)
            shown, uses = self.surface.shown_as(known, bound.item.name or "")
            self.uses += uses
            if bound.column in self.hidden:
                self._put(bound, f"({shown})", bound.column)
            return
        if bound.star and bound.among is not None:
            among, result = bound.among, _is_result(bound)
            text = self._listed(bound.item, labelled=result)
            listed = proof.result_columns(text)
            if not result:
                listed = [target["ResTarget"]["val"] for target in listed]
            node = bound.holder if not result else next(t for t in among if t["ResTarget"]["val"] is bound.holder)
            self._edit(column, text, lambda: proof.expect_list(among, node, listed))
            return
        if not bound.item.plain:
            message = f"a whole row of {bound.item.name} is not available, because columns of the relation are masked"
            raise Refusal("0A000", message, hint="Name the columns.", position=self._at(column))
        inner = f"SELECT {self._listed(bound.item, labelled=True)}"
        own = "louver_row" if self.reference.alias != "louver_row" else "louver_list"
        row = f"(SELECT {typed_row(own, self.relation)} FROM ({inner}) AS {own})"  # noqa: S608  our own text, and proved after the edit
        self._put(bound, row, bound.item.name or "")

    def _listed(self, item: Item, *, labelled: bool) -> str:
        """All columns of the target, as the caller sees them."""
        parts = []
        for column in self.relation.columns:
            shown, uses = self.surface.shown_as(column, item.name or "")
            self.uses += uses
            own = f"{quote_identifier(item.name or '')}.{quote_identifier(column.name)}"
            parts.append(f"({shown}) AS {quote_identifier(column.name)}" if shown != own and labelled else shown)
        return ", ".join(parts)

    def _put(self, bound: Bound, shown: str, name: str) -> None:
        """Replace a reference; a result column that is named after it keeps its name."""
        holder, target = bound.holder, bound.target
        if bound.label is None:
            self._edit(holder["ColumnRef"], shown, partial(proof.expect_expression, holder, shown))
        elif target is None or self._enclosed(holder["ColumnRef"]):
            inner = f"(SELECT {shown} AS {quote_identifier(name)})"
            self._edit(holder["ColumnRef"], inner, partial(proof.expect_expression, holder, inner))
        else:
            text = f"{shown} AS {quote_identifier(name)}"
            self._edit(holder["ColumnRef"], text, partial(_expect_labelled, holder, target["ResTarget"], shown, name))

    def _enclosed(self, column: Node) -> bool:
        """Whether a reference stands in parentheses of its own, where no label can follow it."""
        before = self.tokens.at(column["location"]) - 1
        return self.tokens.word(before) == "(" and self.tokens.word(before - 1) not in {"xmlforest", "xmlattributes"}

    def _edit(self, column: Node, text: str, expect: Callable[[], None]) -> None:
        self.replaced.add(id(column))
        start = self.tokens.at(column["location"])
        end = end_of_name(start, self.tokens)
        for _ in column["fields"][1:]:
            end = end_of_name(end + 2, self.tokens)
        splice = Splice(self.tokens.starts[start], self.tokens.ends[end], text)
        self.patches.append(Patch((splice,), expect))

    def _where(self) -> int | None:
        return position(self.data, self.reference.node)

    def _at(self, node: Node) -> int | None:
        return position(self.data, node)


def _expect_labelled(holder: Node, target: Node, sql: str, name: str) -> None:
    proof.expect_expression(holder, sql)
    proof.expect_label(target, name)


def _is_bare_star(target: Node) -> bool:
    column = target["ResTarget"]["val"].get("ColumnRef")
    return column is not None and len(column["fields"]) == 1 and "A_Star" in column["fields"][0]


def _is_result(bound: Bound) -> bool:
    return bound.among is not None and any("ResTarget" in node for node in bound.among)
