"""Reading the file of rules: YAML in, a rulebook out, or every mistake with its place.

Owns the keys of the file. The ready-made kinds are rules of kinds.yaml, read by the same words. May not do: open sockets.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from alerts.channels import read_channel
from alerts.conditions import pattern, read_condition
from alerts.lengths import read_length
from alerts.rules import COUNTED, DAY, KEYS, MINUTE, SEVERITIES, Baseline, Measure, Response, Rule, Rulebook
from audit.record import EVENTS
from policies.positions import Checker, DocumentError, Entry, Node, Problem, compose, suggestion

if TYPE_CHECKING:
    from alerts.rules import Channel, Condition, ResponseKind, Severity
    from policies.patterns import NamePattern

RULE_KEYS: Final = (
    "kind", "name", "description", "severity", "events", "when", "unless", "count", "rows", "distinct", "new", "idle", "learn",
    "within", "by", "baseline", "notify", "respond",
)  # fmt: skip
_MEASURES: Final = ("count", "rows", "distinct", "new", "idle")
_LASTING: Final = ("suspend", "tighten")
_MOST: Final = 10**12
_QUIET: Final = 60 * MINUTE
_OUTCOME: Final = frozenset({"outcome"})


class RulesError(DocumentError):
    """The file of rules cannot be used; `problems` says where and why."""


def load_rules(path: Path) -> Rulebook:
    """Read a file of rules. Raises RulesError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise RulesError((Problem(str(path), 1, 1, f"cannot read the file: {reason}"),)) from None
    return parse_rules(text, str(path))


def kinds() -> Mapping[str, Entry]:
    """The ready-made kinds, by name."""
    file = Path(__file__).with_name("kinds.yaml")
    root, _ = compose(file.read_text(encoding="utf-8"), file.name)
    assert root is not None
    assert isinstance(root.value, Mapping)
    return root.value


def parse_rules(text: str, file: str) -> Rulebook:
    """Turn the text of a file into rules. Raises RulesError with all problems."""
    root, found = compose(text, file)
    if root is None or root.value is None:
        raise RulesError(found or (Problem(file, 1, 1, "the file is empty; write `version: 1` and `standard: true`"),))
    checker = Checker(found)
    book = _Reader(checker).book(root)
    if checker.problems or book is None:
        raise RulesError(checker.problems)
    return book


class _Reader:
    """Reads one file; mistakes go to the checker."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._kinds = kinds()

    def book(self, root: Node) -> Rulebook | None:
        check = self._checker
        known = ("version", "timezone", "quiet", "standard", "off", "notify", "spare", "rules")
        top = check.fields(root, "the file of rules", known, ("version",))
        if "version" in top and top["version"].value != 1:
            check.problem(top["version"], "`version` must be 1")
        zone = self._zone(top["timezone"]) if "timezone" in top else "UTC"
        quiet = read_length(check, top["quiet"], "`quiet`") if "quiet" in top else _QUIET
        channels = self._channels(top["notify"]) if "notify" in top else ()
        spare = self._spare(top["spare"]) if "spare" in top else ()
        rules = self._rules(top, tuple(channel.name for channel in channels))
        if not rules and not check.problems:
            check.problem(root, "there is no rule", "write `standard: true` for all ready-made ones, or `rules`")
        return Rulebook(tuple(rules), zone, quiet or _QUIET, channels, spare)

    def _zone(self, node: Node) -> str:
        name = self._checker.text(node, "`timezone`") or "UTC"
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            self._checker.problem(node, f"there is no time zone `{name}`", "write one as Asia/Shanghai")
            return "UTC"
        return name

    def _channels(self, node: Node) -> tuple[Channel, ...]:
        found: dict[str, Channel] = {}
        for item in self._checker.items(node, "`notify`"):
            channel = read_channel(self._checker, item)
            if channel is None:
                continue
            if channel.name in found:
                self._checker.problem(item, f"`{channel.name}` stands twice under `notify`")
            found[channel.name] = channel
        return tuple(found.values())

    def _spare(self, node: Node) -> tuple[NamePattern, ...]:
        texts = [self._checker.text(item, "`spare`") for item in self._checker.one_or_more(node)]
        return tuple(pattern(text) for text in texts if text)

    def _rules(self, top: Mapping[str, Node], channels: tuple[str, ...]) -> list[Rule]:
        check = self._checker
        written = check.items(top["rules"], "`rules`") if "rules" in top else ()
        rules = [rule for item in written if (rule := self._rule(item, channels)) is not None]
        if "standard" in top and check.boolean(top["standard"], "`standard`"):
            off = {rule.kind for rule in rules if rule.name == rule.kind} | self._off(top.get("off"))
            rules += [
                rule
                for name, entry in self._kinds.items()
                if name not in off and (rule := self._of_kind(name, entry.key)) is not None
            ]
        elif "off" in top:
            check.problem(top["off"], "`off` leaves out ready-made rules, and there are none without `standard: true`")
        names: set[str] = set()
        for rule in rules:
            if rule.name in names:
                check.problem(
                    top.get("rules", next(iter(top.values()))),
                    f"two rules are named `{rule.name}`",
                    "give one a `name`",
                )
            names.add(rule.name)
        return rules

    def _off(self, node: Node | None) -> set[str]:
        found = set()
        for item in () if node is None else self._checker.one_or_more(node):
            name = self._checker.choice(item, "`off`", tuple(self._kinds))
            if name:
                found.add(name)
        return found

    def _of_kind(self, name: str, at: Node) -> Rule | None:
        return self._rule(
            Node(at.file, at.line, at.column, {"kind": Entry(at, Node(at.file, at.line, at.column, name))}), ()
        )

    # -- one rule ------------------------------------------------------------------------------------------------

    def _rule(self, item: Node, channels: tuple[str, ...]) -> Rule | None:
        check = self._checker
        before = len(check.problems)
        if isinstance(item.value, str):  # a kind alone
            item = Node(item.file, item.line, item.column, {"kind": Entry(item, item)})
        own = check.fields(item, "a rule", RULE_KEYS)
        kind = check.choice(own["kind"], "`kind`", tuple(self._kinds)) if "kind" in own else ""
        if "kind" in own and not kind:
            return None
        fields = self._with_kind(own, kind or "")
        if not kind:
            for needed in ("name", "events"):
                if needed not in fields:
                    check.problem(item, f"a rule without a `kind` needs `{needed}`")
        name = (check.text(fields["name"], "`name`") if "name" in fields else kind) or ""
        says = (check.text(fields["description"], "`description`") if "description" in fields else name) or name
        severity = (
            check.choice(fields["severity"], "`severity`", SEVERITIES) if "severity" in fields else "medium"
        ) or "medium"
        events = self._events(fields["events"]) if "events" in fields else frozenset[str]()
        when = (
            read_condition(check, fields["when"], "`when`")
            if "when" in fields
            else read_condition(check, None, "`when`")
        )
        unless = read_condition(check, fields["unless"], "`unless`") if "unless" in fields else None
        by = self._by(fields["by"]) if "by" in fields else ("principal",)
        measure, within = self._measured(item, fields)
        baseline = self._baseline(fields["baseline"]) if "baseline" in fields else None
        respond = self._respond(fields["respond"], events, by) if "respond" in fields else ()
        notify = self._notify(fields["notify"], channels) if "notify" in fields else None
        self._fit(fields, events, measure, (when, unless))
        if baseline is not None and measure.kind in {"new", "idle"}:
            check.problem(fields["baseline"], f"`baseline` has no meaning with `{measure.kind}`")
        if len(check.problems) > before:
            return None
        return Rule(
            name=name,
            kind=kind or "",
            says=says,
            severity=cast("Severity", severity),
            events=events,
            when=when,
            measure=measure,
            by=by,
            within=within,
            baseline=baseline,
            unless=unless,
            notify=notify,
            respond=respond,
        )

    def _with_kind(self, own: dict[str, Node], kind: str) -> dict[str, Node]:
        """What a rule says, in place of what its kind says; of `when`, each key by itself, and one measure in place of another."""
        if not kind:
            return own
        base = self._kinds[kind].value.value
        assert isinstance(base, Mapping)
        given = {name: entry.value for name, entry in base.items()}
        if any(name in own for name in _MEASURES):
            given = {name: node for name, node in given.items() if name not in _MEASURES}
        both = {**given, **own}
        if "when" in own and "when" in given:
            ours, theirs = own["when"].value, given["when"].value
            if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
                at = own["when"]
                both["when"] = Node(at.file, at.line, at.column, {**theirs, **ours})
        return both

    def _events(self, node: Node) -> frozenset[str]:
        known = tuple(event for event in EVENTS if event not in {"segment", "closed", "text_key"})
        chosen = (self._checker.choice(item, "`events`", known) for item in self._checker.one_or_more(node))
        return frozenset(event for event in chosen if event)

    def _by(self, node: Node) -> tuple[str, ...]:
        chosen = (self._checker.choice(item, "`by`", KEYS) for item in self._checker.one_or_more(node))
        return tuple(key for key in chosen if key)

    def _measured(self, item: Node, fields: Mapping[str, Node]) -> tuple[Measure, int]:
        """The measure and the length of its window."""
        check = self._checker
        named = [name for name in _MEASURES if name in fields]
        if len(named) > 1:
            check.problem(fields[named[1]], f"a rule has one measure, `{named[0]}` or `{named[1]}`")
        name = named[0] if named else "count"
        within = read_length(check, fields["within"], "`within`") if "within" in fields else None
        learn = read_length(check, fields["learn"], "`learn`") if "learn" in fields else None
        if learn is not None and name != "new":
            check.problem(fields["learn"], "`learn` has a meaning with `new` alone")
        match name:
            case "new":
                of = check.choice(fields["new"], "`new`", COUNTED) or ""
                return Measure("new", of=of, learn=7 * DAY if learn is None else learn), within or 30 * DAY
            case "idle":
                return Measure("idle"), read_length(check, fields["idle"], "`idle`") or 60 * DAY
            case "distinct":
                parts = check.fields(fields["distinct"], "`distinct`", ("of", "count"), ("of", "count"))
                of = (check.choice(parts["of"], "`of`", COUNTED) if "of" in parts else None) or ""
                limit = (check.integer(parts["count"], "`count`", 1, 10_000) if "count" in parts else None) or 1
                measure = Measure("distinct", limit, of)
            case _:
                limit = (check.integer(fields[name], f"`{name}`", 1, _MOST) if name in fields else None) or 1
                measure = Measure("rows" if name == "rows" else "count", limit)
        if within is None and (measure.limit > 1 or "baseline" in fields):
            check.problem(item, "a rule that counts needs `within`", "as `within: 10m`")
        return measure, within or DAY

    def _baseline(self, node: Node) -> Baseline | None:
        check = self._checker
        if node.value is False:
            return None
        fields = check.fields(node, "`baseline`", ("times", "days", "known"))
        times = check.number(fields["times"], "`times`", 1, 1000) if "times" in fields else None
        days = check.integer(fields["days"], "`days`", 2, 366) if "days" in fields else None
        known = check.integer(fields["known"], "`known`", 1, 366) if "known" in fields else None
        return Baseline(times or 3.0, days or 30, known or 5)

    def _respond(self, node: Node, events: frozenset[str], by: tuple[str, ...]) -> tuple[Response, ...]:
        check = self._checker
        found = [each for item in check.items(node, "`respond`") if (each := self._response(item)) is not None]
        if found and "login_refused" in events:
            hint = (
                "whoever knows a name could lock its owner out by wrong passwords; limit addresses where they come in"
            )
            check.problem(node, "a rule about refused logins takes no `respond`", hint)
        elif found and (not by or by[0] not in {"principal", "account"}):
            check.problem(node, "`respond` needs a rule that counts `by: principal` or `by: account`")
        return tuple(found)

    def _response(self, item: Node) -> Response | None:
        check = self._checker
        if isinstance(item.value, str):
            kind = check.choice(item, "`respond`", ("end_session", *_LASTING))
            if kind in _LASTING:
                check.problem(item, f"`{kind}` needs to know for how long", f"write `{kind}: 2h`")
                return None
            return Response("end_session") if kind else None
        fields = check.fields(item, "a response", ("end_session", *_LASTING))
        if len(fields) != 1:
            check.problem(item, "one response is one item of the list")
            return None
        ((kind, node),) = fields.items()
        if kind == "end_session":
            check.problem(node, "`end_session` is written alone, without a length of time")
            return None
        lasts = read_length(check, node, f"`{kind}`")
        return None if lasts is None else Response(cast("ResponseKind", kind), lasts)

    def _notify(self, node: Node, channels: tuple[str, ...]) -> tuple[str, ...]:
        found = []
        for item in self._checker.one_or_more(node):
            name = self._checker.text(item, "`notify`")
            if name is not None and name not in channels:
                hint = suggestion(name, channels) or "name one of those under the file's own `notify`"
                self._checker.problem(item, f"nothing under `notify` is named `{name}`", hint)
            elif name is not None:
                found.append(name)
        return tuple(found)

    def _fit(
        self,
        fields: Mapping[str, Node],
        events: frozenset[str],
        measure: Measure,
        conditions: tuple[Condition | None, ...],
    ) -> None:
        """What is known at the end of a statement alone can be asked of its end alone."""
        hint = "write `events: [outcome]`"
        if measure.kind == "rows" and events and events != _OUTCOME:
            self._checker.problem(
                fields.get("rows") or fields["events"], "rows are known when a statement has ended", hint
            )
        for name, condition in zip(("when", "unless"), conditions, strict=True):
            asked = condition is not None and (
                condition.rows is not None or any(each.field == "status" for each in condition.names)
            )
            if asked and events and events != _OUTCOME:
                self._checker.problem(fields[name], f"`{name}` asks what is known when a statement has ended", hint)
