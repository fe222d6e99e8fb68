"""docs/metrics.md and the dashboard know exactly the metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from audit.writer import Standing
from louver.metrics import Sources, registry
from louver.settings import Metrics
from proxy.meter import Meter
from proxy.plans import Tally

_ROOT = Path(__file__).parents[2]
_DOCUMENT = (_ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
_BOARD = json.loads((_ROOT / "docker" / "grafana" / "louver.json").read_text(encoding="utf-8"))
_ROWS = {
    match[1]: (match[2], tuple(re.findall(r"`(\w+)`", match[3])), match[4])
    for match in re.finditer(r"^\| `(\w+)` \| (\w+) \|(.*?)\| (.+?) \|$", _DOCUMENT, re.MULTILINE)
}


def exposed() -> CollectorRegistry:
    """All that a proxy shows, which has not done anything yet."""
    server: Any = SimpleNamespace(sessions=0, most_sessions=5, tally=Tally())
    trail: Any = SimpleNamespace(standing=Standing(2, 1, 0, 1, 0, lenient=False, sound=True))
    readiness: Any = SimpleNamespace(ready=True, upstream=SimpleNamespace(up=True, seconds=0.1, failures=0))
    return registry(Sources(server, Meter(), trail, readiness, "1", "mysql"))


def families() -> dict[str, Any]:
    """Each metric by the name that a query has."""
    found = {}
    for family in exposed().collect():
        name = {"counter": f"{family.name}_total", "info": f"{family.name}_info"}.get(family.type, family.name)
        found[name] = family
    return found


def test_every_metric_is_documented_and_no_other() -> None:
    """The tables hold what is exposed; those of the process are named below them."""
    shown = families()
    assert set(_ROWS) == {name for name in shown if name.startswith("louver_")}
    assert {name for name in shown if name.startswith("process_")} <= set(re.findall(r"`(process_\w+)`", _DOCUMENT))


@pytest.mark.parametrize("name", _ROWS)
def test_a_metric_is_documented_as_it_is(name: str) -> None:
    """Its kind, its labels, and every value that a label can have."""
    family = families()[name]
    kind, labels, meaning = _ROWS[name]
    assert kind == ("gauge" if family.type == "info" else family.type)
    label_values: dict[str, set[str]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            label_values.setdefault(label, set()).add(value)
    label_values.pop("le", None)
    assert set(labels) == set(label_values)
    if family.type != "info":
        assert {value for values in label_values.values() for value in values} <= set(re.findall(r"`(\w+)`", meaning))


def test_the_exposition_is_valid() -> None:
    """In the stricter of the two forms."""
    from prometheus_client.openmetrics.exposition import generate_latest  # noqa: PLC0415

    assert len(list(text_string_to_metric_families(generate_latest(exposed()).decode()))) > 20


def names_in(expressions: str) -> set[str]:
    """The metrics that queries ask for."""
    return set(re.findall(r"\b(?:louver|process)_\w+", expressions))


def test_every_query_of_the_dashboard_has_its_metric() -> None:
    """Each name is exposed, each label is one that the metric has, and no metric is forgotten."""
    samples = {sample.name: set(sample.labels) for family in families().values() for sample in family.samples}
    targets = [target for panel in _BOARD["panels"] for target in panel.get("targets", ())]
    assert len(targets) > 20
    for target in targets:
        asked = names_in(target["expr"])
        assert asked
        assert asked <= set(samples), target["expr"]
        labels = set(re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", target["expr"])) - {"job", "instance"}
        grouped = {name for group in re.findall(r"by \((.*?)\)", target["expr"]) for name in re.split(r",\s*", group)}
        assert labels | (grouped - {"instance"}) <= set().union(*(samples[name] for name in asked)), target["expr"]
    asked = names_in(json.dumps(_BOARD))
    known = {re.sub("_bucket$", "", name) for name in asked}
    assert {name for name in families() if name.startswith("louver_")} - known <= {
        "louver_audit_segment", "louver_policies_reloads_total",
    }  # fmt: skip


def test_panels_have_places_of_their_own() -> None:
    """No two lie over each other, and each has its number."""
    taken = set()
    for panel in _BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in _BOARD["panels"]}) == len(_BOARD["panels"])


def test_the_page_has_the_port_of_the_settings() -> None:
    """In every example."""
    assert {int(port) for port in re.findall(r"(?:port: |127\.0\.0\.1:)(\d+)", _DOCUMENT)} == {Metrics().port}
    for name in names_in("".join(re.findall(r"^\| `(?!louver_\w+` \|).*$", _DOCUMENT, re.MULTILINE))):
        assert name in families()
