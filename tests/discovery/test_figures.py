"""Discovery on real servers over the labelled schemas: the figures of docs/discovery.md are what comes out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from discovery.labelled import LabelledSchema, figures, schemas, total
from discovery.made import make_on_mysql, make_on_postgres

from louver.discovery.bounds import Bounds
from louver.discovery.look import Look, look
from louver.discovery.target import from_url
from policies.discovery.standards import load_pack

if TYPE_CHECKING:
    from discovery.labelled import Figures

    from louver.demo.mysql import LocalMySQL
    from louver.demo.postgres import LocalPostgres

_DOCUMENT = (Path(__file__).parents[2] / "docs" / "discovery.md").read_text(encoding="utf-8")
_PACKS = (load_pack("jrt-0197"), load_pack("gdpr"))


def _figures(schema: LabelledSchema, found: Look) -> Figures:
    proposed = {
        each.column.name[2:]: each.finding.category
        for each in found.proposals
        if each.finding is not None and each.grade is not None
    }
    labels = {(table, column): label for (table, column), label in schema.labels.items()}
    if found.tables and found.tables[0].database == found.tables[0].schema:  # MySQL: labels go by the lower case
        labels = {(table, column.lower()): label for (table, column), label in labels.items()}
    return figures(labels, proposed)


def _rows(measured: dict[str, Figures]) -> list[str]:
    """The table of the document."""
    by_name = {schema.name: schema for schema in schemas()}
    rows = [
        f"| {by_name[name].origin} | {'held out' if by_name[name].held_out else 'tuned on'} | {each.row} |"
        for name, each in measured.items()
    ]
    for title, held in (("tuned on", False), ("held out", True)):
        each = total(each for name, each in measured.items() if by_name[name].held_out is held)
        rows.append(f"| **all** | **{title}** | {each.row} |")
    return rows


def _documented(heading: str) -> list[str]:
    found = re.search(rf"^### {heading}\n(.*?)(?=^##|\Z)", _DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found is not None
    return [line for line in found[1].splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize(
    ("heading", "bounds"), [("With samples", Bounds()), ("By catalogs only", Bounds(catalogs_only=True))]
)
async def test_the_figures_of_the_document_are_those_on_postgresql(
    postgres: LocalPostgres, heading: str, bounds: Bounds
) -> None:
    """Precision, recall and categories over each labelled schema are as documented, to the tenth of a percent."""
    measured = {}
    for schema in schemas():
        name = f"discovery_{schema.name}_{bounds.catalogs_only}".lower()
        dsn = postgres.create_database(name)
        await make_on_postgres(schema, dsn)
        measured[schema.name] = _figures(schema, await look(from_url(dsn), bounds, _PACKS))
    assert _rows(measured) == _documented(heading)


async def test_mysql_and_mariadb_give_nearly_the_same(either: LocalMySQL) -> None:
    """The same schemas give the same figures there, but for what a type tells otherwise (`tinyint(1)`, `datetime`)."""
    measured = []
    for schema in schemas():
        name = f"discovery_{schema.name}"
        make_on_mysql(schema, either, name)
        measured.append(_figures(schema, await look(from_url(_url(either, name)), Bounds(), _PACKS)))
    documented = _documented("With samples")
    held = next(row for row in documented if "**held out**" in row).split(" | ")
    everything = total(measured)
    assert everything.columns >= 600
    assert everything.sensitive >= 200
    assert everything.precision > 0.9
    assert everything.recall > float(held[6].rstrip("%")) / 100 - 0.02


def _url(server: LocalMySQL, schema: str) -> str:
    return f"mysql://{server.user}:{server.password}@{server.host}:{server.port}/{schema}?sslmode=disable"
