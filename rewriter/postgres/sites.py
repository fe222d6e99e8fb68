"""Where the conditions of a statement stand, and the rows of which FROM items each of them may narrow.

Owns the sites: WHERE of each query, UPDATE and DELETE, and ON of each join; and what outer joins make of them. A condition
that a site takes apart from the others may act on an item before the join instead of after it only where an item is not
filled with NULL in between. Source: PostgreSQL, prep/README of the optimizer, "outer joins". May not do: resolve names in a
catalog, know a treatment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewriter.model import Probe
from rewriter.postgres.substitution import Splice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exact:
    """A condition that is answered on real values: its ColumnRefs, the edit of the client's text, and what it asks.

    `literal`: the text of a constant moved with it.
    """

    columns: tuple[Node, ...]
    splice: Splice
    probes: tuple[Probe, ...]
    literal: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A condition with the FROM items that it sees, each with whether the condition must act behind an outer join of it.

    `single`: the only item is a relation, so that a bare name that is a column of it means it.
    """

    condition: Node
    items: tuple[tuple[Node, bool], ...]
    single: bool = False

    def narrowed(self, places: Mapping[int, int]) -> dict[str, int]:
        """By alias, the places of the RangeVars (by id) whose rows the condition may narrow.

        No alias stands twice, none hides in an aliased join, and none has its columns named anew.
        """
        return self._owners(places, early=True)

    def owners(self, places: Mapping[int, int]) -> dict[str, int]:
        """By alias, the places of the RangeVars (by id) whose columns the condition may name, under the same provisos."""
        return self._owners(places, early=False)

    def _owners(self, places: Mapping[int, int], *, early: bool) -> dict[str, int]:
        found: dict[str, list[int | None]] = {}

        def collect(node: Node, *, late: bool) -> None:
            if "JoinExpr" in node:
                join = node["JoinExpr"]
                kind = join.get("jointype", "JOIN_INNER")
                outer = early and kind != "JOIN_INNER"
                hidden = late or "alias" in join
                collect(join["larg"], late=hidden or (outer and kind != "JOIN_LEFT"))
                collect(join["rarg"], late=hidden or (outer and kind != "JOIN_RIGHT"))
                if "alias" in join:
                    found.setdefault(join["alias"]["aliasname"], []).append(None)
                return
            item = next(iter(node.values()))
            alias = item.get("alias", {})
            name = alias.get("aliasname", item.get("relname", ""))
            place = places.get(id(item)) if "RangeVar" in node and not late and "colnames" not in alias else None
            found.setdefault(name, []).append(place)

        for item, late in self.items:
            collect(item, late=late and early)
        return {name: owners[0] for name, owners in found.items() if len(owners) == 1 and owners[0] is not None}


def sites(root: Node) -> Iterator[Site]:
    """Every site of a statement, in order of depth."""
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if type(node) is list:
            stack.extend(item for item in node if type(item) is dict)
            continue
        if "larg" in node and "jointype" in node and "quals" in node:
            yield _of_join(node)
        elif "whereClause" in node and (items := _items(node)):
            # an UPDATE has a relation besides, whose columns a bare name may mean
            single = len(items) == 1 and "RangeVar" in items[0] and "relation" not in node
            yield Site(node["whereClause"], tuple((item, False) for item in items), single)
        stack.extend(value for value in node.values() if type(value) in {dict, list})


def conjuncts(condition: Node) -> Iterator[Node]:
    """The conditions that must all hold; each is the dict that holds its node."""
    stack = [condition]
    while stack:
        holder = stack.pop()
        if holder.get("BoolExpr", {}).get("boolop") == "AND_EXPR":
            stack.extend(holder["BoolExpr"]["args"])
        else:
            yield holder


def _items(node: Node) -> list[Node]:
    """The FROM items of a query or of an UPDATE, those in USING of a DELETE."""
    if "targetList" in node and "fromClause" in node:
        return list(node["fromClause"])
    if "relation" in node and "usingClause" in node:
        return list(node["usingClause"])
    return []


def _of_join(join: Node) -> Site:
    """ON: of an outer join it says which rows of the optional side are there, and nothing of the other side."""
    kind = join["jointype"]
    left = kind in {"JOIN_INNER", "JOIN_RIGHT"}
    right = kind in {"JOIN_INNER", "JOIN_LEFT"}
    return Site(join["quals"], ((join["larg"], not left), (join["rarg"], not right)))
