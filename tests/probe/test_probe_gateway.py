"""From a broker to stored readings: real messages on a real mosquitto, `fieldgate probe mqtt`, `fieldgate check`, and a
gateway with what was proposed, whose API has the values."""

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from backtest.installation_kit import free_port, running, wait_for
from birth_messages import ALL, EXPECTED
from click.testing import CliRunner
from paho.mqtt import publish
from paho.mqtt.client import MQTTv5
from probe_kit import VECTORS, samples

from gateway.cli import main
from simulators.servers import mosquitto, mosquitto_binary

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(VECTORS is None or mosquitto_binary() is None, reason="needs the samples and mosquitto"),
]
API: dict[str, dict[str, tuple[object, str]]] = {
    "1G1BL52P7TR115520": {"alarm_max_alarm_level": (2, ""), "location_latitude": (0.0001, "deg")},
    "CP001": {"status": ("Faulted", ""), "vendor_error_code": ("E12", "")},
    "car-1": {"battery_level": (88, "pct"), "odometer": (1653, "km"), "state": ("charging", "")},
    "evcc-loadpoint-1": {"charged_energy": (5.6, "kWh"), "charging": ("on", "")},
    "tasmota": {"energy_total": (9098.245, "kWh"), "energy_power": (0.17, "kW"), "esp32_temperature": (36.1, "degC")},
    "shellypro4pm-30c6f784e78c": {"switch_aenergy_total": (0, "kWh")},
    "shellyemg3": {"act_power": (-1.8998, "kW"), "voltage": (117.6, "V")},
    "weather_sensor": {"voltage": (2.985, "V"), "pressure": (91.55, "kPa")},
    "AHU34": {"energy_active_forward": (3274.53, "kWh"), "voltage_phase_a": (0, "V")},
    "PN-001": {"voltage": (415.2, "V"), "power": (52.2, "kW"), "status": ("charging", "")},
    "c_emqx": {"voltage": (750.2, "V"), "soc": (64, "pct")},
    "pile-0": {"output_voltage": (0, "V"), "stop_soc": (20, "pct")},
    "sdm1-1": {"power_l1": (0.230115, "kW")},
    "02aaaa0200003184": {"rx_info_rssi": (-65, "dBm")},
}
"""Device -> points of its samples, as stored."""


@dataclass(frozen=True)
class Site:
    """A folder that the probe wrote, and the API of the gateway that runs there."""

    folder: Path
    output: str
    api: httpx.Client


def messages() -> list[dict[str, object]]:
    real = [{"topic": one["topic"], "payload": one["payload"], "retain": bool(one.get("retain"))} for one in samples()]
    births = [
        {"topic": topic, "payload": payload if isinstance(payload, str) else json.dumps(payload), "retain": True}
        for group in ALL.values()
        for topic, payload in group.items()
    ]
    return [one | {"qos": 1} for one in [*real, *births]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    tmp = tmp_path_factory.mktemp("probe")
    folder, port = tmp / "site", free_port()
    with mosquitto(tmp / "broker") as broker:
        done = threading.Event()

        def go_on() -> None:
            while not done.is_set():
                publish.multiple(messages(), "127.0.0.1", broker.port, protocol=MQTTv5)
                done.wait(0.3)

        devices = threading.Thread(target=go_on)
        devices.start()
        try:
            shown = CliRunner().invoke(
                main,
                [
                    "probe",
                    "mqtt",
                    f"mqtt://127.0.0.1:{broker.port}",
                    "--for",
                    "1500ms",
                    "--write",
                    str(folder),
                    "--timezone",
                    "Asia/Shanghai",
                    "--lang",
                    "en",
                ],
            )
        finally:
            done.set()
            devices.join()
        assert shown.exit_code == 0, shown.output
        check = CliRunner().invoke(main, ["check", "-c", str(folder), "--lang", "en"])
        assert check.exit_code == 0, check.output
        file = folder / "gateway.yaml"
        text = file.read_text("utf-8").replace("data_dir: var", "data_dir: data")
        file.write_text(f"{text}\napi: {{port: {port}}}\nhealth: {{port: 0}}\nseries: {{retention: 20000d}}\n", "utf-8")
        with running(file, port) as api:
            publish.multiple(messages(), "127.0.0.1", broker.port, protocol=MQTTv5)
            yield Site(folder, shown.output, api)


def latest(api: httpx.Client, device: str) -> dict[str, tuple[object, str]]:
    found = api.get(f"/v1/devices/{device}").json().get("latest", [])
    return {one["point"]: (_rounded(one["value"]), one["unit"]) for one in found}


def _rounded(value: object) -> object:
    return round(value, 9) if isinstance(value, float) else value


@pytest.mark.parametrize("device", API)
def test_readings_of_real_messages_are_stored(site: Site, device: str) -> None:
    wait_for(lambda: latest(site.api, device) | API[device] == latest(site.api, device), 10)


@pytest.mark.parametrize("name", EXPECTED)
def test_readings_of_ecosystems_that_describe_themselves(site: Site, name: str) -> None:
    for device, points in EXPECTED[name].items():
        wait_for(lambda d=device, p=points: latest(site.api, d) | p == latest(site.api, d), 10)  # type: ignore[misc]


def test_presence_by_birth(site: Site) -> None:
    wait_for(lambda: latest(site.api, "pump_17").get("presence") == ("online", ""), 25)


def test_what_is_printed(site: Site) -> None:
    assert "zigbee2mqtt describes 2 entities or devices" in site.output
    assert "profile teslamate_cars: " in site.output
    assert (site.folder / "profiles" / "teslamate_cars.yaml").is_file()


def test_nothing_is_overwritten(site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.folder, tmp_path / "site", ignore=shutil.ignore_patterns("data"))
    text = (tmp_path / "site" / "gateway.yaml").read_text("utf-8")
    shown = CliRunner().invoke(
        main,
        [
            "probe",
            "mqtt",
            "broker",
            "-c",
            str(tmp_path / "site"),
            "--for",
            "300ms",
            "--write",
            str(tmp_path / "site"),
            "--lang",
            "en",
        ],
    )
    assert shown.exit_code == 2, shown.output
    assert "gateway.yaml" in shown.output
    assert (tmp_path / "site" / "gateway.yaml").read_text("utf-8") == text
