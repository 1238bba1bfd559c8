"""`fieldgate doctor`: each look, and the whole, of a gateway that runs and of one that does not."""

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.app.build import build
from gateway.cli import main
from gateway.doctor import DoctorFinding, Grade, machine, running_gateway
from gateway.domain.duration import DAY, HOUR
from gateway.domain.text import Lang, catalogue
from gateway.settings import load_project
from gateway.settings.disk_forecast import FOREVER, DiskForecast, time_until_full
from protocols.mqtt import doctor as broker
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.session import BrokerGrants
from simulators.servers import mosquitto, mosquitto_binary

GIB = 2**30
NOW = 1_796_040_000_000_000
MAIN = """\
name: gw
timezone: Asia/Shanghai
language: en
data_dir: var
registry: {devices: devices.csv}
api: {port: %d}
health: {port: 0}
log: {level: error}
sources:
  broker:
    type: mqtt
    url: mqtt://127.0.0.1:%d
    client_id: gw
    routes: [{filter: "d/{device}", device: "{device}", points: {temp: {path: t}}}]
"""


def grades(findings: list[DoctorFinding]) -> list[str]:
    return [finding.grade.value for finding in findings]


def house(folder: Path, port: int, api: int = 0) -> Path:
    files = {
        "gateway.yaml": MAIN % (api, port),
        "devices.csv": "code,profile\nD1,dc\nD2,dc\n",
        "profiles/dc.yaml": "kind: charger\npoints: {temp: {unit: degC, every: 10s}}\n",
        "rules/a.yaml": "format: 1\nrules: []\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, "utf-8")
    return folder / "gateway.yaml"


def doctor(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["doctor", "-c", str(config), *arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    ("spare", "journal", "readings", "time"),
    [
        (1000 * 86_400 * 5 * 10, 0, 1000.0, 10 * DAY),
        (GIB, GIB, 1000.0, 0),
        (GIB, 2 * GIB, 1.0, 0),
        (GIB, 0, 0.0, None),
        (10**15, 0, 1.0, FOREVER),
        (400 * GIB, 2 * GIB, 10_000.0, None),
    ],
)
def test_how_long_a_disk_lasts(spare: int, journal: int, readings: float, time: int | None) -> None:
    found = time_until_full(spare, journal, 3650 * DAY, readings)
    if readings == 10_000.0:
        assert found is not None
        assert 95 * DAY < found < 105 * DAY
    else:
        assert found == time
    assert time_until_full(10 * 86_400 * 5, 0, 9 * DAY, 1.0) == FOREVER, "retention keeps pace"


@pytest.mark.parametrize(
    ("room", "grade"),
    [
        (DiskForecast(GIB // 8, GIB // 4, 1, FOREVER), "bad"),
        (DiskForecast(GIB, GIB // 4, 1, 29 * DAY), "warn"),
        (DiskForecast(GIB, GIB // 4, 1, 31 * DAY), "ok"),
        (DiskForecast(GIB, GIB // 4, 0, None), "ok"),
    ],
)
def test_the_disk(room: DiskForecast, grade: str) -> None:
    found = machine.disk(room)
    assert found.grade.value == grade
    assert "256 MiB" in found.text("en")
    assert "256 MiB" in found.text("zh")


def test_the_clock() -> None:
    assert machine.clock(NOW, 0).grade is Grade.OK
    assert machine.clock(1_000_000, 0).grade is Grade.BAD
    behind = machine.clock(NOW, NOW + 400 * DAY + HOUR)
    assert (behind.grade, "400 d 1 h behind the journal" in behind.text("en")) == (Grade.BAD, True)


@pytest.mark.parametrize(
    ("kernel", "tracking", "key"),
    [
        (True, "", "kept"),
        (False, "", "free"),
        (None, "", "unknown"),
        (False, "Leap status     : Normal\n", "kept"),
        (False, "Stratum : 0\nLeap status     : Not synchronised\n", "free"),
        (None, "Leap status : Normal", "kept"),
    ],
)
def test_who_keeps_the_clock(kernel: bool | None, tracking: str, key: str) -> None:
    found = machine.clock_kept(kernel, tracking)
    assert (found.what.key, found.grade) == (f"doctor.clock_{key}", Grade.OK if key == "kept" else Grade.WARN)


@pytest.mark.skipif(shutil.which("timedatectl") is None, reason="nobody to compare with")
def test_the_kernel_says_what_its_own_tool_says() -> None:
    requested = ["timedatectl", "show", "-p", "NTPSynchronized", "--value"]
    said = subprocess.run(requested, capture_output=True, text=True, timeout=5, check=False)
    if said.returncode:
        pytest.skip("timedatectl needs systemd")
    assert machine.kernel_clock() is (said.stdout.strip() == "yes")


def test_what_others_may_read_is_bad(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    key = tmp_path / "admin.key"
    key.touch(0o600)
    found = list(machine.modes({tmp_path: "data", key: "data", tmp_path / "none": "data"}))
    assert [finding.text("en") for finding in found] == [
        f"bad   {tmp_path} is open to other users (mode 0755)\n      → close it: chmod 0700 {tmp_path}"
    ]
    tmp_path.chmod(0o700)
    assert grades(list(machine.modes({tmp_path: "data", key: "data"}))) == ["ok"]


@pytest.mark.parametrize(("found", "grade"), [("2.0.11", "ok"), ("1.6.9", "warn"), ("2.1.0", "ok")])
def test_versions(found: str, grade: str) -> None:
    said = list(machine.versions(found))
    assert grades(said) == ["ok", grade]
    assert "SQLite 3." in said[0].text("en")


def test_settings_of_a_mosquitto_here(tmp_path: Path) -> None:
    conf, more = tmp_path / "mosquitto.conf", tmp_path / "conf.d"
    assert broker.kept("b", 1883, [conf]) == [broker.elsewhere("b")], "cannot be read: said, not guessed"
    conf.write_text("# persistence true\nlistener 1883\npersistence true\n")
    (found,) = broker.kept("b", 1883, [conf, more])
    assert found.grade is Grade.WARN
    assert found.advice is not None
    assert found.advice.text("en") == (
        "in mosquitto.conf: max_queued_messages 0, max_inflight_messages 0, autosave_interval 1"
    )
    more.mkdir()
    (more / "a.conf").write_text("max_queued_messages 0\nmax_inflight_messages  0\nautosave_interval 1\n")
    assert grades(broker.kept("b", 1883, [conf, more])) == ["ok"]
    assert broker.kept("b", 1884, [conf, more]) == [broker.elsewhere("b")], "another broker on this machine"
    assert broker.here("127.0.0.1")
    assert not broker.here("203.0.113.9")


def test_what_a_broker_grants() -> None:
    config = MqttConfig.model_validate(
        {
            "type": "mqtt",
            "url": "mqtt://x",
            "client_id": "c",
            "routes": [{"filter": "a", "device": "d", "points": {"p": {"path": "p"}}}],
        }
    )
    assert grades(list(broker.granted("b", config, BrokerGrants(20, None, 2, True, True, None)))) == ["ok"]
    found = list(broker.granted("b", config, BrokerGrants(20, 3600, 0, False, True, None)))
    assert grades(found) == ["ok", "bad", "bad", "warn"]


def test_messages_that_do_not_balance_are_bad() -> None:
    lines = 'fieldgate_messages_total{source="b",state="received"} 12.0\nfieldgate_balance_messages{source="b"} %s\n'
    assert "12 messages since the start" in running_gateway.balance(lines % "0.0").text("en")
    wrong = running_gateway.balance(lines % "3.0")
    assert (wrong.grade, "fieldgate_balance_messages" in wrong.text("zh")) == (Grade.BAD, True)


def test_abnormal_readings_are_counted_by_reason() -> None:
    lines = "".join(
        f'fieldgate_abnormal_readings_total{{reason="{word}"}} {count}\n'
        for word, count in (("step", 3.0), ("stuck", 12.0), ("spike", 0.0))
    )
    (found,) = running_gateway.abnormal(lines)
    assert found.grade is Grade.OK
    assert "15 readings" in found.text("en")
    assert "one value for too long 12, too large a step 3" in found.text("en")
    assert "长时间不变 12、阶跃过大 3" in found.text("zh")
    assert not list(running_gateway.abnormal(lines.replace("3.0", "0.0").replace("12.0", "0.0")))


def test_what_readyz_says_is_passed_on() -> None:
    answer: dict[str, Any] = {"ready": False, "parts": {"disk": "full", "clock": "ok"}, "sources": {"b": "away"}}
    assert grades(list(running_gateway.readiness(answer))) == ["bad", "warn", "warn"]
    assert grades(list(running_gateway.readiness({"ready": True, "parts": {"clock": "ok"}}))) == ["ok"]


@pytest.mark.parametrize(("lang", "away"), [("en", "nothing listens"), ("zh", "没有程序监听")])
def test_before_the_first_start(tmp_path: Path, lang: Lang, away: str) -> None:
    found = doctor(house(tmp_path, 1), "--lang", lang)
    assert found.exit_code == 1, found.output
    assert away in found.stdout
    assert ("none in" if lang == "en" else "首次启动时创建") in found.stdout
    assert not (tmp_path / "var").exists(), "it changes nothing"


@pytest.mark.server
@pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed")
async def test_beside_a_gateway_and_without_one(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        config = house(tmp_path / "gw", broker.port)
        app = build(load_project(config, {}))
        await app.start()
        try:
            assert app.api is not None
            found = await asyncio.to_thread(running_gateway.fetch_health, app.api.health_url, "en")
            assert found is not None
            assert [finding.what.key for finding in found if finding.grade is Grade.OK] == [
                "doctor.ready",
                "doctor.balanced",
            ]
        finally:
            await app.stop()
        stopped = await asyncio.to_thread(doctor, config)
        assert stopped.exit_code == 0, stopped.output
        assert "no gateway runs on" in stopped.stdout
        assert f"mqtt://127.0.0.1:{broker.port} answers, MQTT 5" in stopped.stdout
        assert "data: complete; 0 open work orders" in stopped.stdout
        assert "0.2 readings/s" in stopped.stdout


def test_every_text_is_said_somewhere() -> None:
    root = Path(running_gateway.__file__).parents[2]
    files = [
        path for folder in ("gateway/doctor", "protocols", "sinks") for path in root.joinpath(folder).rglob("*.py")
    ]
    source = "".join(path.read_text("utf-8") for path in files)
    for key in catalogue():
        if key.startswith("doctor.") and not key.startswith(("doctor.grade.", "doctor.sum")):
            assert f'"{key}"' in source, key
