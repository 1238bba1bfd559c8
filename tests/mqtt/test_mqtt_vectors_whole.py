"""Every sample message through one real gateway: mosquitto, routes, profiles, journal, store, and back by the API:
value, unit, time and component against the numbers of the sample itself."""

import datetime as dt
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import aiomqtt
import httpx
import pytest
from hostile_kit import live, until

from simulators.servers import mosquitto, mosquitto_binary

HERE = Path(__file__).parent / "vectors"
FOLDERS = [parent / "shared" / "vectors" / "mqtt" for parent in Path(__file__).parents]
VECTORS = next((folder / "mqtt_samples.jsonl" for folder in FOLDERS if folder.exists()), None)
pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(VECTORS is None, reason="the sample vectors are not on this machine"),
    pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed"),
]


class Wanted(NamedTuple):
    """A point of a device, and how it follows from what the sample expects: a factor, or text by value."""

    point: str
    unit: str = ""
    factor: float = 1
    texts: Mapping[Any, str] = {}


YES = {True: "yes", False: "no"}
FIELDS: Mapping[str, tuple[str, Mapping[str, Wanted]]] = {
    "tcu-pile-yc": ("pile", {"fields.outputVoltage": Wanted("voltage#1", "V"), "fields.soc": Wanted("soc#1", "pct"),
                             "fields.batteryMaxTemp": Wanted("battery_high#1", "degC", float("nan"))}),
    "tcu-pile-stop-complete": ("pile", {"event": Wanted("event#1")}),
    "tcu-meter-offline": ("pile", {"online": Wanted("meter#1", texts={False: "offline"})}),
    "tcu-fault-record-2": ("pile", {"fault_code": Wanted("fault_code#1")}),
    "emqx-gbt32960-alarm": ("1G1BL52P7TR115520", {
        "alarm_level": Wanted("alarm_level"), "general_flags": Wanted("general_flags"),
        "battery_faults.0": Wanted("battery_fault"), "motor_faults.0": Wanted("motor_fault_1"),
        "motor_faults.1": Wanted("motor_fault_2")}),
    "emqx-gbt32960-location": ("1G1BL52P7TR115520", {
        "fields.lat": Wanted("lat", "deg"), "fields.lon": Wanted("lon", "deg"),
        "fields.valid": Wanted("position", texts={True: "valid"})}),
    "emqx-ocpp-status": ("CP001", {"fault_code": Wanted("fault_code#1"), "status": Wanted("status#1")}),
    "tb-flat": ("thing", {"fields.temperature": Wanted("temperature", "degC")}),
    "tb-ts": ("thing", {"fields.doubleKey": Wanted("double_key"), "fields.longKey": Wanted("long_key"),
                        "fields.jsonKey.someNumber": Wanted("some_number")}),
    "lora-gas-raw": ("02aaaa0200003184", {
        "decoded.SN": Wanted("serial"), "decoded.gas_m3": Wanted("volume", "m3"),
        "decoded.temperature_C": Wanted("temperature", "degC")}),
    "teslamate-state": ("car:1", {"value": Wanted("state")}),
    "teslamate-battery_level": ("car:1", {"value": Wanted("battery_level", "pct")}),
    "teslamate-charge_energy_added": ("car:1", {"value": Wanted("charge_energy_added", "kWh")}),
    "teslamate-odometer": ("car:1", {"value": Wanted("odometer", "km")}),
    "teslamate-tpms_soft_warning_fl": ("car:1", {"value": Wanted("tpms_soft_warning_fl", texts={True: "low"})}),
    "ovms-12v-alert": ("CAR1", {"value": Wanted("v_b_12v_voltage_alert", texts={True: "on"})}),
    "evcc-lp1-charging": ("loadpoint-1", {"value": Wanted("charging", texts=YES)}),
    "evcc-lp1-chargedEnergy": ("loadpoint-1", {"value": Wanted("energy", "kWh", 0.001)}),
    "evcc-lp1-vehicleSoc": ("loadpoint-1", {"value": Wanted("soc", "pct")}),
    "evcc-nan": ("site", {"value": Wanted("grid_power", "kW")}),
    "evcc-empty": ("loadpoint-1", {"value": Wanted("soc", "pct")}),
    "mbmd-power-l1": ("sdm1-1", {"value": Wanted("Power_L1", "kW", 0.001)}),
    "tasmota-energy": ("tasmota", {"fields.ENERGY.Total": Wanted("energy", "kWh"),
                                   "fields.ENERGY.Power": Wanted("power", "kW", 0.001),
                                   "fields.TIC.HCHP": Wanted("off_peak", "kWh", 0.001)}),
    "shelly-notify": ("shellypro4pm-30c6f784e78c", {"fields.switch:3.aenergy.total": Wanted("energy#4", "kWh", 0.001)}),
    "shelly-em-rpc": ("shellyemg3", {"fields.act_power": Wanted("power", "kW", 0.001)}),
    "z2m-climate": ("weather_sensor", {"fields.battery": Wanted("battery", "pct"),
                                       "fields.voltage": Wanted("cell", "V", 0.001)}),
    "edgelogger": ("AHU34", {"fields.energy.active.forward": Wanted("energy", "kWh")}),
    "openwb-bool": ("loadpoint-1", {"value": Wanted("charging", texts=YES)}),
    "charge-node": ("PN-001", {"fields.voltage": Wanted("voltage", "V"), "fields.energy": Wanted("energy", "kWh")}),
    "emqx-rule-republish": ("c_emqx", {"fields.voltage": Wanted("voltage", "V"), "fields.soc": Wanted("soc", "pct")}),
}  # fmt: skip
NO_READINGS = {"teslamate-active-route-none", "homie-meta", "teslamate-geofence"}


def samples() -> dict[str, dict[str, Any]]:
    assert VECTORS is not None
    return {one["id"]: one for one in map(json.loads, VECTORS.read_text("utf-8").splitlines())}


def numbers(expected: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All values of what a sample expects, by their places."""
    if isinstance(expected, dict | list):
        for key, below in expected.items() if isinstance(expected, dict) else enumerate(expected):
            yield from numbers(below, (*path, str(key)))
    else:
        yield path, expected


SHANGHAI, PARIS = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Paris")


def _parts(time: Mapping[str, int]) -> dt.datetime:
    names = ("Month", "Day", "Hour", "Minute", "Second")
    return dt.datetime(2000 + time["Year"], *(time[name] for name in names), tzinfo=SHANGHAI)


IN_PAYLOAD: Mapping[str, Callable[[Any], dt.datetime]] = {
    "tcu-pile-stop-complete": lambda body: dt.datetime.fromtimestamp(body["ts"] / 1000, dt.UTC),
    "tcu-meter-offline": lambda body: dt.datetime.fromtimestamp(body["ts"] / 1000, dt.UTC),
    "tcu-fault-record-2": lambda body: dt.datetime.strptime(body["data"]["occurTime"] + "+0800", "%Y%m%d%H%M%S%z"),
    "emqx-gbt32960-alarm": lambda body: _parts(body["Data"]["Time"]),
    "emqx-gbt32960-location": lambda body: _parts(body["Data"]["Time"]),
    "emqx-ocpp-status": lambda body: dt.datetime.fromisoformat(body["Payload"]["timestamp"]),
    "tasmota-energy": lambda body: dt.datetime.fromisoformat(body["Time"]).replace(tzinfo=PARIS),
}
"""Where a sample has a time of its own and its expectation does not repeat it."""


def moment(name: str, sample: Mapping[str, Any]) -> float | None:
    """s since 1970; None = the receive time."""
    expected = sample["expect"]
    if "ts_ms" in expected:
        return float(expected["ts_ms"]) / 1000
    if "ts_s" in expected:
        return float(expected["ts_s"])
    if "time_local" in expected:
        return dt.datetime.fromisoformat(expected["time_local"]).timestamp()
    return IN_PAYLOAD[name](json.loads(sample["payload"])).timestamp() if name in IN_PAYLOAD else None


@asynccontextmanager
async def gateway_with_all(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """One gateway that has received every sample; its API."""
    shutil.copytree(HERE, folder / "site")
    config = folder / "site" / "gateway.yaml"
    more = "data_dir: var\napi: {port: 0}\nhealth: {port: 0}\njournal: {free_space_floor: 0B, ballast: 0B}\nsources:"
    with mosquitto(folder / "broker") as broker:
        text = config.read_text("utf-8").replace("mqtt://127.0.0.1:1883", broker.url).replace("sources:", more, 1)
        config.write_text(text, "utf-8")
        async with live(config) as app:
            stats = app.ingest.sources.running["field"].stats  # type: ignore[attr-defined]
            await until(lambda: stats.connected, "connected")
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                for one in samples().values():
                    retain, before = bool(one.get("retain")), stats.received
                    await client.publish(one["topic"], one["payload"].encode(), qos=1, retain=retain)
                    if not one["topic"].endswith("/$unit"):  # two of one topic must not be of one moment
                        await until(lambda before=before: stats.received > before, f"{one['topic']} has come")
            count = len(samples()) - 1  # no route subscribes to what Homie says about units
            done = lambda: stats.journaled + stats.rejected.total() + stats.ignored  # noqa: E731
            await until(lambda: done() == count, "all of them are on disk")
            head = app.stores.journal.head(0)
            await until(lambda: app.stores.series.cursor(0) >= head, "and in the store")
            assert app.api is not None
            key = (folder / "site" / "var" / "admin.key").read_text("utf-8").strip()
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(base_url=app.api.url, headers=headers, trust_env=False) as http:
                yield http


async def series(http: httpx.AsyncClient, device: str, wanted: Wanted) -> dict[str, Any]:
    """All readings of a point."""
    point, _, component = wanted.point.partition("#")
    params = {"point": point, "component": component or "0", "start": "2000-01-01T00:00:00Z"}
    answer = await http.get(f"/v1/devices/{device}/series", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def fits(reading: Mapping[str, Any], wanted: Wanted, value: Any, at: float | None) -> bool:
    """Whether a reading is what the sample expects."""
    received = dt.datetime.fromisoformat(reading["received_at"]).timestamp()
    event = dt.datetime.fromisoformat(reading["at"]).timestamp()
    if abs(event - (received if at is None else at)) > 0.001:
        return False
    if value is None or wanted.factor != wanted.factor:  # missing, or a value that means so
        return reading["value"] is None and reading["quality"] == "bad"
    right = wanted.texts[value] if wanted.texts else value
    if isinstance(right, str):
        return bool(reading["value"] == right)
    return bool(reading["value"] == pytest.approx(right * wanted.factor)) and reading["quality"] == "good"


async def test_every_sample_comes_back_by_the_api(tmp_path: Path) -> None:
    """A sample of which one value is wrong is listed; none is."""
    wrong, compared = list[str](), 0
    assert set(samples()) == set(FIELDS) | NO_READINGS
    async with gateway_with_all(tmp_path) as http:
        for name, (device, fields) in FIELDS.items():
            expected = samples()[name]["expect"]
            found = {".".join(path): value for path, value in numbers(expected)}
            given = {path for path in found if path.startswith(("fields.", "decoded.")) or "fault" in path}
            assert given <= set(fields) | {"duplicate_of"}, f"{name}: a number of the sample is not looked at"
            for path, wanted in fields.items():
                answer = await series(http, device, wanted)
                component, at = int(wanted.point.partition("#")[2] or 0), moment(name, samples()[name])
                fitting = [one for one in answer["readings"] if fits(one, wanted, found[path], at)]
                compared += 1
                if not fitting or (answer["unit"], answer["component"]) != (wanted.unit, component):
                    wrong.append(f"{name} {path}: {found[path]} {answer['unit']} {answer['readings']}")
        letters = (await http.get("/v1/dead-letters")).json()
    assert wrong == []
    assert compared >= 48
    kept = {(one["address"], one["reason"]) for one in letters["items"]}
    assert kept == {("teslamate/cars/1/active_route", "no_points")}
