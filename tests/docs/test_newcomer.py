"""C6: `fieldgate init` writes a project that is in order at once, from the library or from one message."""

import json
import stat
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from depth import examples
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.cli import main
from gateway.clock import SystemClock
from gateway.domain.device import PointKind
from gateway.settings import load_project
from gateway.starter import SECRETS, InitAnswers, files, fitting, library, read_sample, trigger
from gateway.try_out import try_message

MESSAGE = {
    "deviceId": "M-7", "reportedAt": "2026-11-30T12:00:00Z",
    "data": {"powerW": 1500, "inletTemperature": 21.5, "U": 230.1, "totalEnergyWh": 123456, "doorOpen": False, "x-y": 3,
             "mode": "eco", "list": [1, 2], "gone": None},
}  # fmt: skip


def init(folder: Path, *options: str, answers: str = "") -> Result:
    return CliRunner().invoke(main, ["init", str(folder), *options], input=answers)


def passes(folder: Path) -> None:
    """Checked, its rule tested; secrets are for their owner."""
    run = CliRunner()
    assert run.invoke(main, ["check", "-c", str(folder / "gateway.yaml"), "--lang", "en"]).exit_code == 0
    found = run.invoke(main, ["rules", "test", str(folder / "rules"), "--lang", "en"])
    assert (found.exit_code, "0 failed" in found.output) == (0, True), found.output
    for path in SECRETS:
        assert not (folder / path).exists() or stat.S_IMODE((folder / path).stat().st_mode) == 0o600


@pytest.mark.parametrize("profile", [name for name, one in library().items() if "modbus" not in one.sections])
def test_a_project_with_a_profile_of_the_library(tmp_path: Path, profile: str) -> None:
    found = init(tmp_path / "site", "--yes", "--profile", profile, "--device", "D-1", "--lang", "en")
    assert found.exit_code == 0, found.output
    passes(tmp_path / "site")
    project = load_project(tmp_path / "site" / "gateway.yaml")
    (tried,) = try_message(
        project, SystemClock(), "devices/D-1/telemetry", (tmp_path / "site" / "sample.json").read_bytes()
    )
    assert {row.quality.name for row in tried.rows} == {"GOOD"}
    assert len(tried.rows) == len(library()[profile].profile.points)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_project_from_one_message(tmp_path: Path, lang: str) -> None:
    sample, site = tmp_path / "m.json", tmp_path / "site"
    sample.write_text(json.dumps(MESSAGE), "utf-8")
    options = ("--yes", "--sample", str(sample), "--device", "M-7", "--topic", "site/telemetry", "--lang", lang)
    found = init(site, *options, "--username", "gw")
    assert found.exit_code == 0, found.output
    passes(site)
    project = load_project(site / "gateway.yaml")
    (tried,) = try_message(project, SystemClock(), "site/telemetry", sample.read_bytes())
    rows = {row.point.name: (row.value, row.point.unit) for row in tried.rows}
    assert (rows["power"], rows["inlet_temperature"], rows["total_energy"]) == (
        (1.5, "kW"),
        (21.5, "degC"),
        (123.456, "kWh"),
    )
    assert rows.keys() == {"power", "inlet_temperature", "voltage", "total_energy", "door_open", "x_y", "mode"}
    last = found.output.split(" -m '")[1].split("'")[0]
    (high,) = try_message(project, SystemClock(), "site/telemetry", last.encode())
    assert high.rules, "the last line of what comes next raises the rule"
    assert "whsec_" not in found.output
    again = init(site, *options)
    assert (again.exit_code, str(site / "gateway.yaml") in again.output) == (2, True), "nothing is overwritten"


MS = 1_767_225_600_000
LISTS: dict[str, tuple[object, set[tuple[str, str, float | str, str]]]] = {
    "rows of devices": (
        {"data": [{"sn": "M-1", "inletTemp": 21.5, "powerW": 1500}, {"sn": "M-2", "inletTemp": 20, "powerW": 100}]},
        {("M-1", "inlet_temp", 21.5, "degC"), ("M-1", "power", 1.5, "kW"), ("M-2", "inlet_temp", 20.0, "degC"),
         ("M-2", "power", 0.1, "kW")},
    ),
    "a list at the top": (
        [{"sn": "M-1", "ts": MS, "temp": 21.5}, {"sn": "M-2", "ts": MS, "temp": 2}],
        {("M-1", "temp", 21.5, "degC"), ("M-2", "temp", 2.0, "degC")},
    ),
    "rows of moments": (
        {"id": "X-1", "rows": [{"t": MS // 1000, "volume": 12.5}, {"t": MS // 1000 + 3600, "volume": 12.75}]},
        {("X-1", "volume", 12.5, "m3"), ("X-1", "volume", 12.75, "m3")},
    ),
    "connectors": (
        {"ts": MS, "guns": [{"gun": 0, "temp": 41, "powerW": 7000, "state": "charging"},
                            {"gun": 1, "temp": 42, "powerW": 0, "state": "idle"}]},
        {("DEV-1", "gun_temp#1", 41.0, "degC"), ("DEV-1", "power#1", 7.0, "kW"), ("DEV-1", "status#1", "charging", ""),
         ("DEV-1", "gun_temp#2", 42.0, "degC"), ("DEV-1", "power#2", 0.0, "kW"), ("DEV-1", "status#2", "idle", "")},
    ),
    "connectors and more": (
        {"ts": MS, "cabinetTemp": 30, "guns": [{"gun": 1, "temp": 41}, {"gun": 2, "temp": 42}],
         "alarms": [{"name": "smoke", "value": False}]},
        {("DEV-1", "cabinet_temp", 30.0, "degC"), ("DEV-1", "temp#1", 41.0, "degC"), ("DEV-1", "temp#2", 42.0, "degC"),
         ("DEV-1", "smoke", "off", "")},
    ),
    "names and values": (
        {"ts": MS, "meterValue": [{"sampledValue": [
            {"measurand": "Power.Active.Import", "value": "7200", "unit": "W"}, {"measurand": "SoC", "value": 55}]}]},
        {("DEV-1", "power_active_import", 7.2, "kW"), ("DEV-1", "soc", 55.0, "pct")},
    ),
    "two lists without names": (
        {"ts": MS, "phases": [{"U": 230}, {"U": 231}], "tanks": [{"temp": 20}, {"temp": 21}]},
        {("DEV-1", "voltage#1", 230.0, "V"), ("DEV-1", "voltage#2", 231.0, "V"), ("DEV-1", "temp#1", 20.0, "degC"),
         ("DEV-1", "temp#2", 21.0, "degC")},
    ),
    "lists in lists": (
        {"ts": MS, "yards": [{"yard": "a", "meters": [{"id": "M-1", "volume": 3.5}, {"id": "M-2", "volume": 4.5}]},
                             {"yard": "b", "meters": [{"id": "M-3", "volume": 5.5}]}]},
        {("M-1", "volume", 3.5, "m3"), ("M-2", "volume", 4.5, "m3"), ("M-3", "volume", 5.5, "m3")},
    ),
    "keys that are codes": (
        {"sent": MS, "DEV-1": {"temp": 20}, "DEV-2": {"temp": 21}},
        {("DEV-1", "temp", 20.0, "degC"), ("DEV-2", "temp", 21.0, "degC")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", LISTS)
def test_lists_of_objects(tmp_path: Path, kind: str) -> None:
    """Rows of a route with `each` where elements are devices, moments or connectors, else places of one device."""
    document, expected = LISTS[kind]
    sample, site = tmp_path / "m.json", tmp_path / "site"
    sample.write_text(json.dumps(document), "utf-8")
    made = init(site, "--yes", "--sample", str(sample), "--topic", "yard/telemetry", "--lang", "en")
    assert made.exit_code == 0, made.output
    passes(site)
    project, clock = load_project(site / "gateway.yaml"), SystemClock()
    (tried,) = try_message(project, clock, "yard/telemetry", sample.read_bytes())
    found = {
        (row.device.code, f"{row.point.name}#{row.point.component}".removesuffix("#0"), row.value, row.point.unit)
        for row in tried.rows
    }
    assert found == expected
    assert {row.quality.name for row in tried.rows} == {"GOOD"}
    assert tried.message is not None
    assert (tried.message.rejected, tried.message.partial) == ((), ())
    if " -m '" in made.output:
        high = made.output.split(" -m '")[1].split("'")[0]
        assert try_message(project, clock, "yard/telemetry", high.encode())[0].rules


def test_it_asks_for_what_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.cli.init_command._is_interactive", lambda: True)
    answers = "yard\nmqtt://10.0.0.5\nCP-9\nNorth 9\ncp/CP-9/now\n\ncharger_dc\n\n"
    found = init(tmp_path / "site", "--lang", "en", answers=answers)
    assert found.exit_code == 0, found.output
    project = load_project(tmp_path / "site" / "gateway.yaml")
    assert (project.settings.name, [d.name for d in project.declared.devices]) == ("yard", ["North 9"])
    assert 'filter: "cp/{device}/now"' in (tmp_path / "site" / "gateway.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--profile", "chargr"), "there is no profile chargr"),
        (("--profile", "gas_meter_demo"), "is read over Modbus"),
        (("--sample", "/nowhere.json"), "no JSON object"),
        (("--modbus", "127.0.0.1:9", "--unit", "256"), "256 is no unit id"),
        (("--modbus", "127.0.0.1:9"), "nothing says what to read"),
        (("--modbus", "127.0.0.1:9", "--profile", "charger_dc"), "has no register map"),
        (("--modbus", "127.0.0.1:9", "--register", "temp:15:i17"), "i17 is wrong"),
        (("--modbus", "127.0.0.1:9", "--register", "temp:x"), "x is wrong"),
        (("--modbus", "127.0.0.1:9", "--register", "temp:15:u32/XYZW"), "XYZW is wrong"),
        (("--modbus", "127.0.0.1:9", "--register", "temp:15:i16:0.1:degX"), "degX is wrong"),
    ],
)
def test_what_cannot_be_used_writes_nothing(tmp_path: Path, options: tuple[str, ...], text: str) -> None:
    found = init(tmp_path / "site", "--yes", *options, "--lang", "en")
    assert (found.exit_code, text in found.output) == (2, True), found.output
    assert not (tmp_path / "site").exists()


def test_what_a_message_seems_to_be() -> None:
    found = read_sample(
        {"ts": 1767225600000, "gun": 0, "temp": 45.2, "u_mv": 3600, "id": "x", "soc": 80, "fault": "nil"}
    )
    assert (found.time, found.component, found.device) == (("ts", "ms"), ("gun", 1), "id")
    assert [(g.name, g.kind, g.unit) for g in found.points] == [
        ("temp", PointKind.GAUGE, "degC"),
        ("voltage", PointKind.GAUGE, "mV"),
        ("soc", PointKind.GAUGE, "pct"),
        ("fault_code", PointKind.STATE, ""),
    ]


@pytest.mark.parametrize(
    ("broker", "options"),
    [
        ("mqtt://127.0.0.1:1883", "-h 127.0.0.1 -p 1883"),
        ("mqtt://broker.lan", "-h broker.lan"),
        ("mqtts://broker.lan", "-h broker.lan -p 8883 --tls-use-os-certs"),
    ],
)
def test_the_line_that_makes_the_first_order_reaches_the_broker(tmp_path: Path, broker: str, options: str) -> None:
    found = init(tmp_path / "site", "--yes", "--profile", "charger_dc", "--broker", broker, "--lang", "en")
    assert found.exit_code == 0, found.output
    (line,) = [one for one in found.output.splitlines() if "mosquitto_pub" in one]
    assert f"mosquitto_pub -V 5 -q 1 {options} -t " in line


def test_connectors_of_the_sample_exist(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"guns": [{"gun": 1, "temp": 40}, {"gun": 5, "temp": 41}]}', "utf-8")
    assert init(tmp_path / "a", "--yes", "--sample", str(tmp_path / "m.json"), "--topic", "t").exit_code == 0
    (tried,) = try_message(
        load_project(tmp_path / "a/gateway.yaml"), SystemClock(), "t", (tmp_path / "m.json").read_bytes()
    )
    assert [row.point.component for row in tried.rows] == [1, 5]


LIBRARY = {name: one for name, one in library().items() if "modbus" not in one.sections}
KEYS = st.sampled_from([
    "temp", "U", "id", "sn", "gun", "ts", "name", "value", "unit", "power_w", "totalEnergyWh", "data", "x-y", "a.b",
    "and", "unknown", "温度", "状态", "temp_1", "ok", 'q"k', "[0]", "$x", "1st", "connector", "true", "status", "fault",
    "SoC", "*", "",
])  # fmt: skip
SCALARS = st.sampled_from([
    1, 0, 21.5, -3, 1e30, True, False, None, "", "ok", "a: b", "21.5", "x" * 70, "2026-01-01T00:00:00Z", 1767225600000,
    "nil", "it's", "M-1", "DEV-1",
])  # fmt: skip
DOCUMENTS = st.recursive(
    SCALARS, lambda inside: st.lists(inside, max_size=3) | st.dictionaries(KEYS, inside, max_size=4), max_leaves=15
)


@settings(max_examples=examples(60), deadline=None)
@given(
    document=st.dictionaries(KEYS, DOCUMENTS, min_size=1, max_size=5)
    | st.lists(st.dictionaries(KEYS, DOCUMENTS, min_size=1, max_size=3), min_size=1, max_size=3)
)
def test_whatever_a_message_is_the_project_is_in_order(document: object) -> None:
    found = read_sample(document, "DEV-1")
    assume(found.points)
    fits = fitting(found, LIBRARY)
    code = found.codes[0] if found.codes else "DEV-1"
    secret = "whsec_" + "a2lsbC10ZXN0LXNlY3JldC1vZi0zMi1ieXRlcyEhISE="
    answers = InitAnswers(
        "gw",
        "Asia/Shanghai",
        "en",
        "mqtt://127.0.0.1",
        code,
        code,
        "site/t",
        "http://127.0.0.1/",
        document,
        LIBRARY[fits] if fits else None,
        secret=secret,
    )
    made = files(answers) | ({f"profiles/{fits}.yaml": Path(LIBRARY[fits].file).read_text("utf-8")} if fits else {})
    trigger(answers)
    with tempfile.TemporaryDirectory() as folder:
        for path, text in made.items():
            (Path(folder) / path).parent.mkdir(exist_ok=True)
            (Path(folder) / path).write_text(text, "utf-8")
        load_project(Path(folder) / "gateway.yaml", {})
