"""C7: alert rules and dashboard name what /metrics really exposes, with labels and values that are there."""

import asyncio
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import orjson
import pytest
from api_kit import FILES, MAIN, NOW, World
from promql import NotPromql, Parser
from ruamel.yaml import YAML

from gateway.api.metrics import Collector, Metrics
from gateway.api.request_counts import RequestCounts
from gateway.api.source_metrics import source_metrics
from gateway.domain.reading import empty_batch
from gateway.domain.record import Parcel

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
ALERTS = YAML(typ="safe").load((DEPLOY / "alerts.yaml").read_text("utf-8"))
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
BOARD = orjson.loads((DEPLOY / "dashboard.json").read_bytes())
OURS = {"instance", "job"}
"""Labels that the scrape gives."""
ExposedLabels = dict[str, dict[str, set[str]]]
"""metric -> label -> values"""
SOURCES = """\
sources:
  broker:
    type: mqtt
    url: mqtt://127.0.0.1:1883
    client_id: watched
    routes: [{filter: "d/{device}", device: "{device}", points: {energy: {path: e}}}]
  meters:
    type: modbus
    links: {bus: {tcp: "127.0.0.1:502"}}
    devices: [{device: D2, link: bus, unit: 1}]
"""
METER = FILES["profiles/dc.yaml"] + "modbus: {points: {energy: {at: 10, type: u32, unit: kWh}}}\n"


def drawn() -> list[str]:
    return [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())]


@pytest.fixture(scope="module")
def exposed_labels(tmp_path_factory: pytest.TempPathFactory) -> ExposedLabels:
    """Of a gateway with sources of both kinds, a message, an order and its delivery."""
    return asyncio.run(exposed(tmp_path_factory.mktemp("watched")))


async def exposed(folder: Path) -> ExposedLabels:
    world = World(folder, {"gateway.yaml": MAIN + SOURCES, "profiles/dc.yaml": METER})
    await world.app.ingest.intake.emit(Parcel("broker", empty_batch(), (), messages=0))
    world.raise_alarm()
    world.app.operation.housekeeping.committed.latency.reading.append(40)
    context, requests = world.app.context, RequestCounts()
    rows = Metrics(context, requests)._query()
    families = list(source_metrics(context.sources()))
    families += Collector(*context.look(), requests, rows, NOW).collect()
    await world.close()
    found: ExposedLabels = {"up": {}}
    for family in families:
        values: dict[str, set[str]] = defaultdict(set)
        values.update({label: set() for label in family._labelnames})  # type: ignore[attr-defined]
        for sample in family.samples:
            for label, value in sample.labels.items():
                values[label].add(value)
        found[family.name + ("_total" if family.type == "counter" else "")] = values
    return found


def problems(expr: str, exposed_labels: ExposedLabels) -> Iterator[str]:
    """What is wrong with an expression."""
    parsed, labels = Parser(expr).parse(), set(OURS)
    for one in parsed.selectors:
        if one.metric not in exposed_labels:
            yield f"no metric {one.metric}"
            continue
        known = exposed_labels[one.metric]
        labels |= set(known)
        if one.metric.endswith("_total") and not one.ranged:
            yield f"{one.metric} only ever grows: write rate or increase"
        for label, sign, value in one.matchers:
            if label not in OURS and label not in known:
                yield f"{one.metric} has no label {label}"
            elif sign == "=" and label not in OURS and known[label] and value not in known[label]:
                yield f"{one.metric} has no {label}={value}, only {sorted(known[label])}"
    yield from (f"nothing has a label {name}" for name in parsed.by - labels)


def test_the_check_finds_what_is_wrong() -> None:
    exposed_labels: ExposedLabels = {"fieldgate_a_total": {"state": {"dead"}}, "fieldgate_b": {}}
    good = 'sum by (state, instance) (rate(fieldgate_a_total{state="dead"}[5m])) > 2 * fieldgate_b'
    assert list(problems(good, exposed_labels)) == []
    for wrong, said in (
        ("fieldgate_c > 0", "no metric"), ('fieldgate_b{state="x"} > 0', "no label"),
        ("fieldgate_a_total > 0", "grows"),
        ('rate(fieldgate_a_total{state="new"}[5m]) > 0', "no state=new"), ("sum by (x) (fieldgate_b)", "label x"),
    ):  # fmt: skip
        assert any(said in problem for problem in problems(wrong, exposed_labels)), wrong
    for broken in (
        "fieldgate_b >",
        "rate(fieldgate_b)",
        "sum(fieldgate_b",
        "mean(fieldgate_b)",
        "fieldgate_b{a=}",
        "b[5m]",
    ):
        with pytest.raises(NotPromql):
            Parser(broken).parse()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_names_what_is_exposed(rule: dict[str, Any], exposed_labels: ExposedLabels) -> None:
    assert list(problems(rule["expr"], exposed_labels)) == []
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
    assert set(rule["annotations"]) == {"summary", "summary_zh"}
    labels = OURS.union(*(exposed_labels[one.metric] for one in Parser(rule["expr"]).parse().selectors))
    used = {name for text in rule["annotations"].values() for name in re.findall(r"\$labels\.(\w+)", text)}
    assert used <= labels


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    if promtool := shutil.which("promtool"):
        done = subprocess.run([promtool, "check", "rules", str(DEPLOY / "alerts.yaml")], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("chapter", ["operations.md", "operations.zh.md"])
def test_the_chapter_says_of_every_alert_what_to_do(chapter: str) -> None:
    text = (DEPLOY.parent / chapter).read_text("utf-8")
    assert set(re.findall(r"^\| `(Fieldgate\w+)`", text, re.MULTILINE)) == {rule["alert"] for rule in RULES}


def test_every_panel_draws_what_is_exposed(exposed_labels: ExposedLabels) -> None:
    assert {expr: found for expr in drawn() if (found := list(problems(expr, exposed_labels)))} == {}
    for panel in BOARD["panels"]:
        for target in panel.get("targets", ()):
            labels = OURS.union(*(exposed_labels[one.metric] for one in Parser(target["expr"]).parse().selectors))
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= labels


def test_panels_have_their_own_place_and_number() -> None:
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)

    def covers(panel: dict[str, Any]) -> set[tuple[int, int]]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        rows = range(place["y"], place["y"] + place["h"])
        return {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in rows}

    assert [(a["title"], b["title"]) for a, b in combinations(panels, 2) if covers(a) & covers(b)] == []
    used = set(re.findall(r"\$\{?(\w+)", orjson.dumps(panels).decode()))
    assert used - {"__rate_interval"} <= {one["name"] for one in BOARD["templating"]["list"]}
