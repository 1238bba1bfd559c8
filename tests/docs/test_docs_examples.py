"""The examples of the pages, loaded and run by the real loaders, mapper, register codec and rule engine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from gateway.clock import SystemClock
from gateway.domain.device import PointKind
from gateway.domain.text import localize
from gateway.registry import Registry
from gateway.settings.code_tables_and_fences import load_lookups
from gateway.settings.profiles import load_profiles, vocabulary
from gateway.settings.project import Project, inspect_project, load_project
from gateway.settings.yaml_document import read_document
from gateway.store import Database, SqlRegistryStore
from protocols.mapping.mapper import Mapper
from protocols.modbus.registers import bind
from protocols.mqtt.config import MqttConfig
from rules.casetest import as_text
from rules.casetest.run import run_cases
from rules.compiled import Names
from rules.format import load_text, policy_source

ROOT = Path(__file__).parents[2]
LOOKUPS = load_lookups(ROOT / "config" / "codes", ROOT / "config" / "fences.yaml")
PAGES = sorted((ROOT / "docs").rglob("*.md"))
GUIDE = (ROOT / "docs" / "profiles-and-routes.md").read_text("utf-8")
RULES = re.findall(r"<!-- rules -->\n```yaml\n(.*?)```", (ROOT / "docs" / "rules.md").read_text("utf-8"), re.DOTALL)
_FILE = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
_MESSAGE = re.compile(r"<!-- message: (\S+) -->\n```json\n(.*?)```", re.DOTALL)


@dataclass
class Publish:
    topic: str
    payload: bytes
    retain: bool = False


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("guide")
    for name, text in _FILE.findall(GUIDE):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    report = inspect_project(folder / "gateway.yaml", {})
    assert [problem.render() for problem in report.problems] == []
    return load_project(folder / "gateway.yaml", {})


@pytest.fixture(scope="module")
def registry(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('db') / 'guide.sqlite'}")
    database.upgrade()
    tenant = project.settings.tenant
    registry = Registry(SqlRegistryStore(database, SystemClock(), tenant), tenant, SystemClock())
    registry.apply(project.declared)
    yield registry
    database.close()


def _rows(header: str) -> list[list[str]]:
    """The rows of the table whose head begins so."""
    _, _, below = GUIDE.partition(f"| {header} |")
    lines = below.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_guide_is_a_whole_configuration_without_warnings_of_substance(project: Project) -> None:
    counts = project.counts()
    assert (counts["devices"], counts["profiles"], counts["rules"], counts["sources"]) == (2, 2, 1, 2)
    keys = {problem.key for problem in project.warnings}
    assert keys <= {"config.warn.mosquitto", "config.warn.no_endpoint"}, [localize(key) for key in keys]


def test_the_message_becomes_what_the_table_says(project: Project, registry: Registry) -> None:
    ((topic, text),) = _MESSAGE.findall(GUIDE)
    config = project.settings.sources["broker"]
    assert isinstance(config, MqttConfig)
    received = 1_767_225_601_000_000
    mapped = Mapper("broker", config, registry, project.as_sent).map(
        [Publish(topic, text.strip().encode())], np.array([received], np.int64)
    )
    assert mapped.rejected == ()
    assert set(mapped.batch.at.tolist()) == {1_767_225_600_000_000}
    found = {}
    for reading in mapped.batch.readings():
        point = registry.point_by_id(reading.point)
        assert point is not None
        assert point.component == 1
        if isnan(reading.value):
            found[point.name] = "bad"
        elif point.kind is PointKind.STATE:
            found[point.name] = point.values[int(reading.value)]
        else:
            found[point.name] = f"{reading.value:g} {point.unit}"
    assert found == {row[0]: row[1] for row in _rows("point | value | why")}


def test_the_words_mean_what_the_table_says(project: Project, registry: Registry) -> None:
    bound = {
        register.address: register
        for register in bind(project.maps["modbus"]["meter_g4"], registry.points("meter_g4"), 0)
    }
    units = {name: point.unit for (name, _), point in registry.points("meter_g4").items()}
    rows = _rows("registers | as read | value")
    assert {int(row[0].split(",")[0]) for row in rows} == set(bound)
    for places, words, meaning in rows:
        register = bound[int(places.split(",")[0])]
        value = register.value([int(word, 16) for word in words.strip("`").split()])
        if value is None:
            assert meaning.startswith("missing")
        elif isinstance(value, str):
            assert meaning.endswith(f": {value}")
        else:
            assert meaning.endswith(f"= {value:g} {units[register.name]}")


@pytest.mark.parametrize("text", RULES, ids=[f"example-{number}" for number in range(1, len(RULES) + 1)])
def test_the_rules_load_and_pass_their_own_cases(text: str) -> None:
    profiles, wrong = load_profiles(ROOT / "config" / "profiles")
    assert wrong == []
    words, _ = vocabulary([one.profile for one in profiles.values()])
    units: dict[str, dict[str, str]] = {}
    for one in profiles.values():
        units.setdefault(one.profile.kind, {}).update(one.declared)
    loaded = load_text(text, "rules.md", Names(words, LOOKUPS.codes, LOOKUPS.fences))
    assert [problem.render() for problem in loaded.problems] == []
    assert {case.rule for case in loaded.tests.cases} == {rule.id for rule in loaded.rules}, "an example without a test"
    tests = loaded.tests if loaded.tests.own else replace(loaded.tests, units=units)
    outcomes, problems = run_cases(tests, loaded.rules, policy_source([loaded]))
    assert [problem.render() for problem in problems] == []
    assert all(outcome.ok for outcome in outcomes), as_text(outcomes, "en")


def test_the_names_the_rules_use_exist_in_the_configuration_that_ships() -> None:
    env = {"FIELDGATE_OA_SECRET": "whsec_" + "c2hpcHBlZC1jb25maWd1cmF0aW9uLXRlc3QhIQ=="}
    settings = load_project(ROOT / "config" / "demo" / "library.yaml", env)
    profiles = settings.vocabulary
    for text in RULES:
        for rule in load_text(text, "rules.md", Names(profiles, LOOKUPS.codes, LOOKUPS.fences)).rules:
            if rule.order is not None:
                assert rule.order.type in settings.settings.desk.order_types
            if rule.notice is not None:
                assert rule.notice.audience in settings.settings.desk.audiences
                assert rule.notice.template in settings.templates


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_yaml_block_is_yaml(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, "utf-8")
        assert [problem.render() for problem in read_document(path).problems] == []


def test_there_are_examples() -> None:
    assert len(RULES) >= 15
    assert len(_FILE.findall(GUIDE)) >= 5
