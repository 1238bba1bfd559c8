"""`fieldgate try`: the example of the guide, through the command."""

import asyncio
import re
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.domain.text import catalogue
from simulators.modbus_server import ModbusServer

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "profiles-and-routes.md").read_text("utf-8")
FILES = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", GUIDE, re.DOTALL)
((TOPIC, MESSAGE),) = re.findall(r"<!-- message: (\S+) -->\n```json\n(.*?)```", GUIDE, re.DOTALL)


@dataclass
class Meter:
    """The meter of the guide: what it says stands in the table of registers."""

    size: int = 64
    reserved: tuple[tuple[int, int], ...] = ((40, 44),)

    def image(self) -> list[int]:
        words = [0] * self.size
        words[10], words[11], words[16], words[18] = 0xE240, 0x0001, 0x0E10, 0x0005
        return words


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name, text in FILES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path / "gateway.yaml"


def run(house: Path, *words: str, text: str | None = None) -> Result:
    before = sorted(house.parent.rglob("*"))
    result = CliRunner().invoke(main, ["try", *words, "-c", str(house)], input=text)
    assert sorted(house.parent.rglob("*")) == before  # nothing is written
    return result


def rows_of(result: Result) -> list[list[str]]:
    return [line.split() for line in result.output.splitlines()]


def test_the_message_of_the_guide(house: Path) -> None:
    (house.parent / "message.json").write_text(MESSAGE, "utf-8")
    result = run(house, TOPIC, str(house.parent / "message.json"), "--lang", "en")
    assert result.exit_code == 0, result.output
    assert rows_of(result)[1:] == [
        ["route", "sources.broker.routes[0]:", "stations/{device}/meter"],
        ["device", "CP-17", "(profile", "station_ac,", "kind", "charger)", "at", "2026-01-01T00:00:00.000Z"],
        ["gun_temp#1", "45.2", "degC", "good"],
        ["power#1", "48.1", "kW", "good"],
        ["energy#1", "1234.5", "kWh", "good"],
        ["status#1", "charging", "good"],
        ["fault_code#1", "-", "bad:", "no", "value"],
        ["no", "rule", "reads", "these", "points"],
    ]


def test_what_is_left_over_and_what_is_doubtful(house: Path) -> None:
    body = '{"ts": 1767225600000, "gun": 1, "temp": 1000, "power_w": null, "seq": 7, "fault": "E1"}'
    english = run(house, TOPIC, "-", "--lang", "en", text=body)
    assert english.exit_code == 0
    lines = english.output.splitlines()
    assert any("gun_temp#2" in line and "uncertain" in line and "outside of plausible" in line for line in lines)
    assert any(line.split()[:2] == ["seq", "unread:"] for line in lines)
    chinese = run(house, TOPIC, "-", "--lang", "zh", text=body)
    assert chinese.exit_code == 0
    assert "未使用：" in chinese.output
    assert "超出合理范围" in chinese.output


@pytest.mark.parametrize(
    ("topic", "body", "reason"),
    [
        (TOPIC, '{"ts": 1767225600000, "gun": 5, "temp": 1}', "no_component"),
        (TOPIC, "{", "bad_json"),
        ("stations/CP-99/meter", MESSAGE, "unknown_device"),
        ("elsewhere", "{}", "unmatched"),
        (TOPIC, '{"gun": 1, "temp": 1}', "bad_time"),
    ],
)
def test_what_comes_to_nothing_ends_with_1(house: Path, topic: str, body: str, reason: str) -> None:
    for lang in ("en", "zh"):
        result = run(house, topic, "-", "--lang", lang, text=body)
        assert result.exit_code == 1
        assert reason in result.output


def test_a_retained_replay_says_what_becomes_of_it(house: Path) -> None:
    house.write_text(house.read_text("utf-8").replace("time: {path: ts, unit: ms}", "retained: uncertain"), "utf-8")
    assert "never judged" in run(house, TOPIC, "-", "--retain", "--lang", "en", text=MESSAGE).output
    house.write_text(house.read_text("utf-8").replace("retained: uncertain", "retained: ignore"), "utf-8")
    result = run(house, TOPIC, "-", "--retain", "--lang", "en", text=MESSAGE)
    assert result.exit_code == 1
    assert "on purpose" in result.output


def test_what_cannot_be_tried_ends_with_2(house: Path) -> None:
    assert run(house, TOPIC, "nothing-there").exit_code == 2
    assert run(house, TOPIC, "-", "--source", "borker", text="{}").exit_code == 2
    assert run(house, "modbus", "CP-17").exit_code == 2
    house.write_text(house.read_text("utf-8") + "nonsense: 1\n", "utf-8")
    assert run(house, TOPIC, "-", text="{}").exit_code == 2


async def test_one_poll_of_a_meter(house: Path) -> None:
    async with ModbusServer({17: Meter()}) as server:
        text = house.read_text("utf-8").replace("10.0.3.7:502", f"127.0.0.1:{server.port}")
        house.write_text(text, "utf-8")
        result = await asyncio.to_thread(run, house, "modbus", "GM-0001", "--lang", "en")
        assert server.connections == 1
    assert result.exit_code == 0, result.output
    lines = rows_of(result)
    assert ["volume_total", "123.456", "m3", "good", "[E240", "0001]"] in lines
    assert ["battery", "3.6", "V", "good", "[0E10]"] in lines
    assert ["valve", "closed", "good", "[0005]"] in lines
    assert any(line[:4] == ["holding", "10", "to", "18:"] and line[4:6] == ["E240", "0001"] for line in lines)
    assert "meter.battery-low" in result.output


class Corrector:
    """A second unit id of the meter: battery as 36 * 10 ** -1, a valve contact."""

    size = 2
    reserved: tuple[tuple[int, int], ...] = ()

    def image(self) -> list[int]:
        return [36, 0xFFFF]

    def coils(self) -> list[bool]:
        return []

    def discrete_inputs(self) -> list[bool]:
        return [False, True]


@pytest.mark.parametrize(("lang", "unit"), [("en", "unit 18, "), ("zh", "单元 18，")])
async def test_one_poll_of_two_units_and_tables(house: Path, lang: str, unit: str) -> None:
    profile = house.parent / "profiles" / "meter_g4.yaml"
    before = profile.read_text("utf-8")
    points, found = re.subn(
        r"    battery: .*\n    valve: .*\n",
        "    battery: {at: 0, unit: V, unit_offset: 1, scale_from: {at: 1}}\n"
        "    valve: {table: discrete, at: 1, unit_offset: 1, map: {0: open, 1: closed}}\n",
        before,
    )
    assert found == 1
    profile.write_text(points, "utf-8")
    async with ModbusServer({17: Meter(), 18: Corrector()}) as server:
        text = house.read_text("utf-8").replace("10.0.3.7:502", f"127.0.0.1:{server.port}")
        house.write_text(text, "utf-8")
        result = await asyncio.to_thread(run, house, "modbus", "GM-0001", "--lang", lang)
    assert result.exit_code == 0, result.output
    lines = rows_of(result)
    assert any(line[:2] == ["volume_total", "123.456"] for line in lines)
    assert any(line[:3] == ["battery", "3.6", "V"] for line in lines)
    assert any(line[:2] == ["valve", "closed"] for line in lines)
    assert any(line.strip().startswith(f"{unit}discrete 1 ") for line in result.output.splitlines())
    assert any(line.strip().startswith(f"{unit}holding 0 ") for line in result.output.splitlines())


async def test_a_meter_that_does_not_answer(house: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        port = taken.getsockname()[1]
        house.write_text(house.read_text("utf-8").replace("10.0.3.7:502", f"127.0.0.1:{port}"), "utf-8")
        result = await asyncio.to_thread(run, house, "modbus", "GM-0001", "--lang", "zh")
    assert result.exit_code == 1
    assert "没有应答" in result.output


def test_every_reason_has_its_advice() -> None:
    sources = [*(ROOT / "protocols" / "mqtt").glob("*.py"), *(ROOT / "protocols" / "mapping").glob("*.py")]
    raised = {reason for path in sources for reason in re.findall(r'DecodeError\("(\w+)"', path.read_text("utf-8"))}
    assert [name for name in raised | {"unread", "no_point"} if f"trial.why.{name}" not in catalogue()] == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_is_not_needed_may_lack(tmp_path: Path, lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets and addresses of brokers and endpoints are known where the gateway runs, not where a message is tried."""
    monkeypatch.delenv("NOT_HERE", raising=False)
    site, call = tmp_path / "site", CliRunner().invoke
    made = call(main, ["init", str(site), "--yes", "--profile", "charger_dc", "--username", "gw", "--lang", lang])
    assert made.exit_code == 0, made.output
    file = site / "gateway.yaml"
    text = file.read_text("utf-8").replace('"mqtt://127.0.0.1:1883"', "${NOT_HERE}")
    text = text.replace("secret_file: secrets/oa.secret", "secret: ${NOT_HERE}")
    file.write_text(text, "utf-8")
    (site / "secrets/mqtt.password").unlink()
    lacking = "sources.broker.url, sources.broker.password_file, endpoints.oa.secret"
    tried = call(main, ["try", "devices/DEV-1/telemetry", str(site / "sample.json"), "-c", str(site), "--lang", lang])
    assert (tried.exit_code, "gun_temp#1" in tried.stdout) == (0, True), tried.output
    assert (len(tried.stderr.splitlines()), lacking in tried.stderr) == (1, True), tried.stderr
    assert lacking in call(main, ["rules", "check", "-c", str(site), "--lang", lang]).stderr
    doctor = call(main, ["doctor", "-c", str(site), "--lang", lang]).output
    assert all(place in doctor for place in lacking.split(", "))
    assert "127.0.0.1" not in doctor, "nobody is asked in place of a broker that is not known"
    checked = call(main, ["check", "-c", str(site), "--lang", lang])
    assert (checked.exit_code, checked.output.count("NOT_HERE")) == (2, 4), "a start needs them"
