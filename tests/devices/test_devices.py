"""Every profile of a real device: a document, values, both languages; its values through the real route or server."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner
from device_kit import (
    FIRST_UNIT,
    ORIGINS,
    PROFILES,
    ROOT,
    SAMPLES,
    UNITS_APART,
    VALUES,
    Case,
    Message,
    Unit,
    as_written,
    cases,
    devices,
    key,
    wrong,
    yaml,
)
from ruamel.yaml import YAML

from gateway.cli import main
from gateway.clock import SystemClock
from gateway.domain.device import PointKind
from gateway.domain.reading import Quality
from gateway.settings.project import Project, inspect_project, load_project
from gateway.try_out import try_message, try_poll
from gateway.try_out.project_registry import in_memory_registry
from gateway.try_out.try_message import ReadingRow
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.presence_config import OFFLINE, ONLINE
from protocols.mqtt.presence_words import PresenceWords
from simulators.modbus_server import HOST, ModbusServer

LIBRARY = ROOT / "config" / "demo" / "library.yaml"
RULE_FILES = ("profiles", "rules", "templates", "codes", "fences", "calendars")
"""What every rule and code table of Fieldgate needs, and where it stands."""
KIND_FOLDERS = ("chargers", "gas", "meters", "sensors", "vehicles")
ALL = [case for name in devices() for case in cases(name)]
POLLED = [case for case in ALL if "modbus" in devices()[case.profile].sections]
PUSHED = [case for case in ALL if case not in POLLED]


def samples(profile: str) -> dict[str, object]:
    found = yaml(SAMPLES / f"{profile}.yaml")
    assert isinstance(found, dict)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def project(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Project]:
    """One project with every device, every sample and every rule that Fieldgate brings; its Modbus server runs."""
    units = {FIRST_UNIT + place * UNITS_APART: Unit(case) for place, case in enumerate(POLLED)}
    folder = tmp_path_factory.mktemp("devices")
    async with ModbusServer(units) as server:
        sources = {name: one for profile in devices() if profile in _pushed() for name, one in samples(profile).items()}
        sources["field"] = {
            "type": "modbus",
            "links": {"hall": {"tcp": f"{HOST}:{server.port}"}},
            "devices": [{"device": unit.case.device, "link": "hall", "unit": number} for number, unit in units.items()],
        }
        document = yaml(LIBRARY) | {name: str(LIBRARY.parent / yaml(LIBRARY)[name]) for name in RULE_FILES}
        document |= {
            "language": "en",
            "data_dir": str(folder / "var"),
            "registry": {"devices": "devices.csv"},
            "series": {"retention": "20000d"},
            "sources": sources,
        }
        document["desk"]["audiences"]["fleet"] = "customer"
        (folder / "devices.csv").write_text(_listed(), "utf-8")
        with (folder / "gateway.yaml").open("w", encoding="utf-8") as file:
            YAML(typ="safe", pure=True).dump(document, file)
        report = inspect_project(folder / "gateway.yaml", {"PUSH_TOKEN": "t" * 32}, offline=True)
        assert report.problems == []
        assert report.project is not None
        yield report.project


def _pushed() -> set[str]:
    return {case.profile for case in PUSHED}


def _listed() -> str:
    most: dict[str, tuple[str, int]] = {}
    for case in ALL:
        usual = devices()[case.profile].profile.components
        profile, components = most.get(case.device, (case.profile, 0))
        assert profile == case.profile, f"{case.device} is of two profiles"
        most[case.device] = (profile, max(components, usual if case.components is None else case.components))
    lines = [f"{code},{code},{profile},{components}" for code, (profile, components) in most.items()]
    return "\n".join(["code,name,profile,components", *lines]) + "\n"


def judge(case: Case, rows: dict[str, ReadingRow]) -> None:
    missing = [name for name in case.expect if name not in rows]
    assert missing == [], f"{case.say}: {missing} among {sorted(rows)}"
    assert [text for name, one in case.expect.items() if (text := wrong(rows[name], one))] == [], case.say


@pytest.mark.parametrize("case", POLLED, ids=[case.id for case in POLLED])
@pytest.mark.asyncio(loop_scope="module")
async def test_registers(project: Project, case: Case) -> None:
    (polled,) = await try_poll(project, SystemClock(), case.device)
    assert polled.failure == ""
    assert [one for one in polled.requests if one.error] == []
    judge(case, {key(row): row for row in polled.rows})


@pytest.mark.parametrize("case", PUSHED, ids=[case.id for case in PUSHED])
@pytest.mark.asyncio(loop_scope="module")
async def test_messages(project: Project, case: Case) -> None:
    """Every reading is expected, and nothing of the message is left over that `ignore` does not name."""
    rows: dict[str, ReadingRow] = {}
    for message in case.messages:
        rows |= presence(project, case, message) or routed(project, case, message)
    judge(case, rows)
    assert sorted(rows.keys() - case.expect.keys()) == [], case.say


def routed(project: Project, case: Case, message: Message) -> dict[str, ReadingRow]:
    (source,) = samples(case.profile)
    (tried,) = try_message(project, SystemClock(), message.topic, message.payload, retain=message.retain, source=source)
    assert tried.message is not None
    assert (tried.route >= 0, tried.message.rejected, tried.message.partial) == (True, (), ()), message.topic
    assert [f"{one.reason} {one.place}" for one in tried.message.unused] == [], message.topic
    assert {row.device.code for row in tried.rows} <= {case.device}
    return {key(row): row for row in tried.rows}


def presence(project: Project, case: Case, message: Message) -> dict[str, ReadingRow]:
    """What a birth or will says of its device; empty: the topic is none of presence."""
    (source,) = samples(case.profile)
    config = project.settings.sources[source]
    if not isinstance(config, MqttConfig) or config.presence is None:
        return {}
    words = [word for topic in config.presence_topics if (word := PresenceWords(topic).read(message)) is not None]
    if not words:
        return {}
    registry = in_memory_registry(project, SystemClock())
    device = registry.device(words[0].code)
    assert device is not None
    assert device.code == case.device
    point = registry.points(device.profile)[config.presence.point, 0]
    value = {True: ONLINE, False: OFFLINE, None: None}[words[0].online]
    quality = Quality.BAD if value is None else Quality.GOOD
    return {point.name: ReadingRow(device, point, SystemClock().now(), value, quality)}


@pytest.mark.parametrize("profile", devices())
def test_a_profile_is_whole(profile: str) -> None:
    """Document, manufacturer, both languages, a source for what sends by itself; values of every point."""
    loaded, raw = devices()[profile], yaml(Path(devices()[profile].file))
    assert Path(loaded.file).relative_to(PROFILES).parts == (Path(loaded.file).parent.name, f"{profile}.yaml")
    assert Path(loaded.file).parent.name in KIND_FOLDERS
    assert all(raw[name] for name in ("vendor", "model", "source"))
    for spec in loaded.profile.points:
        title = raw["points"][spec.name]["title"]
        assert title.get("en"), spec.name
        assert title.get("zh"), spec.name
        texts = raw["points"][spec.name].get("texts", {})
        assert all(one.get("en") and one.get("zh") for one in texts.values()), spec.name
        if spec.kind is PointKind.STATE and spec.name != "fault_code":
            assert set(spec.values) <= texts.keys(), spec.name
    assert ("modbus" in loaded.sections) != (SAMPLES / f"{profile}.yaml").exists()
    written = as_written(profile)
    assert all(case["origin"] in ORIGINS and case["source"] and case["say"] for case in written)
    covered = {name.partition("#")[0] for case in written for name, one in case["expect"].items() if one is not None}
    assert {spec.name for spec in loaded.profile.points} - covered == set()


@pytest.mark.parametrize("profile", ["goe_charger_mqtt", "teslamate", "dragino_lht65", "z2m_aqara_climate"])
def test_a_project_of_a_device(tmp_path: Path, profile: str) -> None:
    """`fieldgate init --profile` of a device writes its source: the project is in order and takes its messages."""
    case, folder = cases(profile)[0], tmp_path / "site"
    options = ("--yes", "--profile", profile, "--device", case.device, "--username", "gw", "--lang", "en")
    made = CliRunner().invoke(main, ["init", str(folder), *options])
    assert made.exit_code == 0, made.output
    found = CliRunner().invoke(main, ["rules", "test", str(folder / "rules"), "--lang", "en"])
    assert (found.exit_code, "0 failed" in found.output) == (0, True), found.output
    project = load_project(folder / "gateway.yaml")
    (rows, *_) = [
        tried.rows
        for message in case.messages
        for tried in try_message(project, SystemClock(), message.topic, message.payload)
        if tried.rows
    ]
    assert {row.quality for row in rows} <= {Quality.GOOD, Quality.BAD}
    assert (folder / "secrets" / "push.token").exists() == (profile == "dragino_lht65")


def test_the_pages_list_the_devices_of_today() -> None:
    done = subprocess.run([sys.executable, ".ci/device_pages.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "")


def test_what_is_there_belongs_to_a_device() -> None:
    """No values and no source sample of a device that has no profile."""
    assert {path.stem for path in VALUES.glob("*.yaml")} == devices().keys()
    assert {path.stem for path in SAMPLES.glob("*.yaml")} <= devices().keys()
