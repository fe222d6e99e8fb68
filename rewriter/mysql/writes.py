"""What a statement does to the tables that it writes: they cannot be substituted, so their columns are replaced one by one.

Owns the rules for INSERT, REPLACE, UPDATE and DELETE of protected tables and of tables with triggers: what is replaced, what keeps
its value, what is refused. May not do: resolve names, or judge constraints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from rewriter.model import Refusal, Use
from rewriter.mysql import filtering, preserving, proof, telling, visiting
from rewriter.mysql.assignments import Assignment, assignments, inserted
from rewriter.mysql.bindings import bound
from rewriter.mysql.catalog import Table
from rewriter.mysql.names import fold
from rewriter.mysql.reading import Statement
from rewriter.mysql.ruling import Circumstances, Ruling
from rewriter.mysql.scopes import Findings, Reference
from rewriter.mysql.substitution import TextEdit
from rewriter.mysql.surfaces import Surface, behind, surface_of
from rewriter.mysql.telling import Effect
from rewriter.mysql.views import CallerView, quote

if TYPE_CHECKING:
    from policies.model import Treatment
    from rewriter.mysql.catalog import Column


_EVENTS: Final = frozenset({"INSERT", "UPDATE", "DELETE"})


@dataclass(slots=True)
class Written:
    """The edits of the text that writes need, and the labelled columns they show. The tree is changed when `expect` is called."""

    edits: list[TextEdit] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    replaced: list[tuple[exp.Expr, str]] = field(default_factory=list)
    kept: list[tuple[exp.Expr, str]] = field(default_factory=list)
    narrowed: list[tuple[exp.Expr, str]] = field(default_factory=list)
    filtered: list[tuple[Table, str]] = field(default_factory=list)
    visits: list[visiting.Visit] = field(default_factory=list)

    def expect(self) -> None:
        """Change the tree into what the edited text must read as: first columns, then the values that hold them."""
        for node, sql in self.replaced:
            proof.expect_expression(node, sql)
        for assignment, template in self.kept:
            proof.expect_template(assignment.args["expression"], template)
        for tree, template in self.narrowed:  # last: it stands around all others
            proof.expect_where(tree, template)
        for visit in self.visits:
            visit.expect()


def written(  # noqa: PLR0913, PLR0917  what a statement names, and where it stands
    found: Findings,
    targets: list[tuple[Reference, Table]],
    tables: Mapping[int, Table],
    ruling: Ruling,
    where: Circumstances,
    first: int = 0,
) -> Written:
    """Rule on what a statement writes; raises Refusal. `tables` are the known tables of references, by the id of their node.

    `first` is the token of the statement at which it begins, behind EXPLAIN and the like.
    """
    made = Written()
    replaces = ruling.statement.word(first) == "REPLACE"
    for reference, table in targets:
        _Target(found, reference, table, tables, where.reading.text, ruling.statement, where, made, replaces).rule()
    return made


@dataclass(frozen=True, slots=True)
class _Target:
    found: Findings
    reference: Reference
    table: Table
    tables: Mapping[int, Table]
    text: str
    statement: Statement
    where: Circumstances
    made: Written
    replaces: bool

    def rule(self) -> None:
        world = self.where.world
        surface = self._surface()
        tree = self.found.tree
        assigned = [a for a in assignments(tree, self.statement) if self._assigns(a)]
        effect, events = self._effect(tree, assigned)
        if not world.open:
            self._check_told(surface, effect, events)
        if surface is None:
            return
        self._check_replaced(surface)
        self._filter(surface, tree, effect)
        self._visit(surface, tree)
        treated = surface.treatments(world)
        if not treated:
            return
        hidden = frozenset(column for column, treatment in treated.items() if treatment.hides)
        self._check_assigned(effect, treated)
        self._check_joins(hidden)
        view = CallerView(self.table, treated, self.where.key)
        self._check_accounted(hidden)
        self._replace_columns(view, assigned)
        for assignment in assigned:
            self._preserve(assignment, view)

    def _visit(self, surface: Surface, tree: exp.Expr) -> None:
        """Keep the server from visiting rows in the order of hidden values; raises Refusal."""
        treated = self.where.world.treatments.get((surface.table.schema, surface.table.name), {})
        view = CallerView(surface.table, treated, self.where.key)
        direct = self.table.kind != "view"
        found = visiting.visit(tree, self.reference, view, self.statement, self.text, direct=direct)
        if found is not None:
            self.made.edits += found.edits
            self.made.visits.append(found)

    def _filter(self, surface: Surface, tree: exp.Expr, effect: Effect) -> None:
        """Keep the statement to the rows that the caller has, and new ones to those that he will have; raises Refusal."""
        world = self.where.world
        name = (surface.table.schema, surface.table.name)
        filtered = world.filters.get(name) or world.filters.get((self.table.schema, self.table.name))
        if filtered is None:
            return
        self.made.filtered.append((surface.table, filtered.rule))
        view = CallerView(self.table, {}, self.where.key, filtered=filtered)
        if self.table.kind == "view":
            reason: str | None = "writing through this view"
        elif self.reference.role == "joined" or not isinstance(tree, exp.Insert | exp.Update | exp.Delete):
            reason = "writing to it together with other tables"
        elif isinstance(tree, exp.Insert):
            view.condition("`louver_new`")  # a filter that closes the table says so
            reason = filtering.against_insert(tree, self.table, filtered, effect, replaces=self.replaces)
        else:
            condition = view.condition(quote(self.reference.called))
            edits, template = filtering.narrowed(tree, self.table, self.statement, self.text, condition)
            self.made.edits += edits
            self.made.narrowed.append((tree, template))
            return
        if reason is not None:
            message = f"{reason} is not available on {self._full}, because rows of it are hidden from you"
            raise Refusal("42000", message, hint="Use UPDATE and DELETE of it alone, or INSERT of constants.")

    def _surface(self) -> Surface | None:
        """What is written, None for a view of any form over tables that hide nothing. Raises Refusal."""
        name = (self.table.schema, self.table.name)
        world = self.where.world
        found = "it cannot be read" if name in world.barred else surface_of(self.table, world, self.where.catalog)
        if not isinstance(found, str):
            return found
        if name in world.views or name in world.barred:
            message = f"writing through view {self._full} is not available to you: {found}"
            raise Refusal("42000", message, hint="Write to the table.")
        return None

    def _check_told(self, surface: Surface | None, effect: Effect, events: frozenset[str]) -> None:
        """Refuse what a write would tell by what it fires, or by its success; of a view, by those of the tables behind it."""
        judge, world = self.where.judge, self.where.world
        if surface is not None:
            reason = judge.against_triggers(surface.table, events)
            reason = reason or telling.fault(surface.table, effect.on(surface.beneath), world)
            if reason is not None:
                raise Refusal("42000", f"this write of {self._full} is not available to you: {reason}")
            return
        for table in behind(self.table, self.where.catalog):
            every = frozenset(column.name.lower() for column in table.columns)
            everything = Effect(every, updated=every, deletes=True)
            reason = judge.against_triggers(table, _EVENTS) or telling.fault(table, everything, world)
            if reason is not None:
                raise Refusal("42000", f"this write of {self._full} is not available to you: {reason}")

    def _effect(self, tree: exp.Expr, assigned: list[Assignment]) -> tuple[Effect, frozenset[str]]:
        updated = frozenset(assignment.name for assignment in assigned)
        if isinstance(tree, exp.Insert):
            names, nulls = inserted(tree, self.table)
            events = {"INSERT"} | ({"UPDATE"} if updated else set())
            events |= {"DELETE"} if self.replaces else set()
            return Effect(names, nulls, updated, deletes=self.replaces), frozenset(events)
        if isinstance(tree, exp.Delete):
            return Effect(deletes=True), frozenset({"DELETE"})
        return Effect(updated=updated), frozenset({"UPDATE"})

    def _assigns(self, assignment: Assignment) -> bool:
        """Whether an assignment is of a column of this table; without a qualifier it counts for every table that has it."""
        qualifier = assignment.column.table
        if qualifier:
            return fold(qualifier, self.where.catalog) == fold(self.reference.called, self.where.catalog)
        return self._column(assignment.name) is not None

    def _check_replaced(self, surface: Surface) -> None:
        """Refuse REPLACE: the old row's hidden values would go, and the count of rows tell whether they differ."""
        treated = self.where.world.treatments.get((surface.table.schema, surface.table.name), {})
        hidden = {name for name, treatment in treated.items() if treatment.hides and treatment.on_write != "allow"}
        if self.replaces and hidden:
            message = (
                f"REPLACE into {self._full} is not available, because {', '.join(sorted(hidden))} is hidden from you"
            )
            hint = "Use INSERT ... ON DUPLICATE KEY UPDATE, which keeps hidden values."
            raise Refusal("42000", message, hint=hint)

    def _check_assigned(self, effect: Effect, treated: Mapping[str, Treatment]) -> None:
        for column in sorted((effect.inserted or frozenset()) | effect.updated):
            treatment = treated.get(column)
            if treatment is None or not treatment.hides:
                continue
            if treatment.on_write == "deny":
                message = f'permission denied to write column {self._full}.{column} by rule "{treatment.rule}"'
                raise Refusal("42000", message, hint="Leave the column out.", rule=treatment.rule)

    def _check_joins(self, hidden: frozenset[str]) -> None:
        """Refuse joins that compare hidden columns by name, where no expression can be replaced."""
        if self.reference.role != "joined" or not hidden:
            return
        for join in self.found.tree.find_all(exp.Join):
            using = {column.name.lower() for column in join.args.get("using") or ()}
            natural = str(join.args.get("method") or "").upper() == "NATURAL"
            if natural or using & hidden:
                raise Refusal("42000", "a join by column names is not available here", hint="Write ON with conditions.")

    def _check_accounted(self, hidden: frozenset[str]) -> None:
        """Refuse a name of a hidden column where the parser saw none: there is nothing that could be replaced."""
        parts = (part for column in self.found.columns for part in column.parts)
        known = {int(part.meta["start"]) for part in parts if "start" in part.meta}
        known |= self.found.defined
        for index, token in enumerate(self.statement.tokens):
            if (
                not token.named or token.start in known or self.statement.word(index + 1) == "("
            ):  # the last calls a function
                continue
            name = token.text.lower()
            if name in hidden or (name == "_rowid" and hidden):
                message = f"{name} stands where it is not clear what it means"
                hint = "Put a space behind the operator, or compute the value first."
                raise Refusal("42000", message, hint=hint, position=token.start + 1)
        for column in self.found.columns:
            if column.name.lower() == "_rowid" and hidden:
                raise Refusal("42000", "_rowid is not available, because columns are masked", hint="Name the column.")

    def _replace_columns(self, view: CallerView, assigned: list[Assignment]) -> None:
        targets = {id(assignment.column) for assignment in assigned}
        earlier = {a.name for a in assigned}
        for column in self.found.columns:
            if id(column) in targets:
                continue
            if isinstance(column.this, exp.Star):
                if self._is_returned(column) and self._hides(view):
                    self._refuse_star()
                continue
            known = self._column(column.name.lower())
            if known is None or known.name.lower() not in view.treatments or not self._visible(column):
                continue
            if self._is_new(column.parent):
                continue
            if not bound(column, self.reference, self.table, self.tables, self.where.catalog):
                continue
            shown, uses = view.shown_as(known, self.reference.called)
            self.made.uses += uses
            if not view.treatments[known.name.lower()].hides:
                continue
            self._check_sequence(column, known.name.lower(), earlier)
            self._replace(column, f"({shown})", known.name)
        if id(self.found.tree) in self.found.stars and self.found.tree.args.get("returning") and self._hides(view):
            self._refuse_star()

    def _hides(self, view: CallerView) -> bool:
        return any(treatment.hides for treatment in view.treatments.values())

    def _is_new(self, above: exp.Expr | None) -> bool:
        """Whether a node is VALUES(column), the value that a new row would have had; MariaDB calls it VALUE, too."""
        names = {"VALUE_", "VALUE"} if self.where.catalog.flavour == "mariadb" else {"VALUE_"}
        called = isinstance(above, exp.Anonymous) and str(above.this).upper() in names
        return called and above is not None and above.find_ancestor(exp.OnConflict) is not None

    def _visible(self, column: exp.Column) -> bool:
        """Whether the table's stored columns can be seen where a column stands: not from what an INSERT inserts."""
        if not isinstance(self.found.tree, exp.Insert):
            return True
        child: exp.Expr = column
        while child.parent is not None and child.parent is not self.found.tree:
            child = child.parent
        return child.arg_key in {"conflict", "returning"}

    def _check_sequence(self, column: exp.Column, name: str, assigned: set[str]) -> None:
        """Refuse a hidden column that is read by an assignment of a statement that assigns it, too: the order matters."""
        above = column.find_ancestor(exp.EQ)
        while above is not None and above.parent is not self.found.tree and above.parent is not None:
            if isinstance(above.parent, exp.OnConflict):
                break
            above = above.parent.find_ancestor(exp.EQ) if not isinstance(above.parent, exp.EQ) else above.parent
        inside = above is not None and above.arg_key == "expressions"
        if name not in assigned or not inside:
            return
        own = isinstance(above, exp.EQ) and isinstance(above.this, exp.Column) and above.this.name.lower() == name
        first = isinstance(above, exp.EQ) and above.index == min(self._indices(name), default=0)
        if not (own and first):
            message = f"{name} is assigned and read by one statement, and it is hidden from you"
            raise Refusal("42000", message, hint="Use one statement for each.")

    def _indices(self, name: str) -> list[int]:
        tree = self.found.tree
        listed = tree.expressions if isinstance(tree, exp.Update) else tree.args["conflict"].expressions
        return [i for i, node in enumerate(listed) if isinstance(node, exp.EQ) and node.this.name.lower() == name]

    def _replace(self, column: exp.Column, shown: str, name: str) -> None:
        tokens = self.statement.tokens
        at = {token.start: index for index, token in enumerate(tokens)}
        parts = [column.args[key] for key in ("catalog", "db", "table", "this") if column.args.get(key)]
        last = at[int(parts[-1].meta["start"])]
        start, end = int(parts[0].meta["start"]), tokens[last].end
        if self.statement.word(last + 1) in {"->", "->>"}:
            message = f"{name} is hidden from you, and MySQL takes -> behind a column's name only"
            raise Refusal("42000", message, hint="Write JSON_EXTRACT or JSON_VALUE.", position=start + 1)
        if isinstance(column.parent, exp.Returning):
            shown = f"{shown} AS {quote(column.name or name)}"
        self.made.edits.append((start, end, shown))
        self.made.replaced.append((column, shown))

    def _preserve(self, assignment: Assignment, view: CallerView) -> None:
        column = self._column(assignment.name)
        treatment = view.treatments.get(assignment.name)
        if column is None or treatment is None or not treatment.hides or treatment.on_write == "allow":
            return
        if isinstance(assignment.value, exp.Null):
            return  # where a value is NULL can be seen
        if self.text[assignment.start : assignment.end].strip().upper() == "DEFAULT" or self._ignores:
            message = f"{assignment.name} is hidden from you, and can only keep its value"
            raise Refusal(
                "42000", message, hint="Leave it out, without IGNORE, or have a rule allow it by `on_write: allow`."
            )
        shown, uses = view.shown_as(column, self.reference.called)
        self.made.uses += uses
        template = preserving.kept(column, f"{quote(self.reference.called)}.{quote(column.name)}", shown)
        before, after = template.split("?")
        self.made.edits.append((assignment.start, assignment.start, before))
        self.made.edits.append((assignment.end, assignment.end, after))
        self.made.kept.append((assignment.node, template))

    @property
    def _ignores(self) -> bool:
        """Whether the statement makes warnings of errors."""
        return any(token.kind == "word" and token.text == "IGNORE" for token in self.statement.tokens)

    def _is_returned(self, column: exp.Column) -> bool:
        return isinstance(column.parent, exp.Returning)

    def _refuse_star(self) -> None:
        message = f"RETURNING * of {self._full} is not available, because columns of it are masked"
        raise Refusal("42000", message, hint="List the columns in RETURNING.")

    def _column(self, name: str) -> Column | None:
        return next((column for column in self.table.columns if column.name.lower() == name), None)

    @property
    def _full(self) -> str:
        return f"{self.table.schema}.{self.table.name}"
