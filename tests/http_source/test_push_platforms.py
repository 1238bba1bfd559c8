"""One gateway with all sources of the sample: what each platform pushes comes out of the API with value, unit and time.

The pushes of other people (`shared/vectors/push`) go the same way, through sources written for their devices.
"""

import base64
import hashlib
import json
import shutil
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from backtest.installation_kit import free_port, running
from ruamel.yaml import YAML

from simulators.charging_operator import ChargingOperator

HERE, ROOT = Path(__file__).parent / "platforms", Path(__file__).parents[2]
FOLDERS = [parent / "shared" / "vectors" / "push" for parent in Path(__file__).parents]
VECTORS = next((one / "http_push_samples.jsonl" for one in FOLDERS if one.exists()), None)
SAMPLES = (
    {} if VECTORS is None else {one["id"]: one for one in map(json.loads, VECTORS.read_text("utf-8").splitlines())}
)
SECRETS = {
    "PUSH_TOKEN": "push-secret",
    "TRACKER_KEY": "tracker-secret",
    "CTWING_KEY": "ctwing-secret",
    "ONENET_TOKEN": "onenet-secret",
    "CEC_OPERATOR_SECRET": "operator-secret",
    "CEC_DATA_SECRET": "0123456789abcdef",
    "CEC_DATA_IV": "fedcba9876543210",
    "CEC_SIG_SECRET": "sig-secret",
}
DEVICES = {
    "eui-1": "gas_meter",
    "0102030405060708": "gas_meter",
    "867001": "gas_meter",
    "867002": "gas_meter",
    "867003": "gas_meter",
    "gm-plain": "gas_meter",
    "car-1": "vehicle_gb32960",
    "car-2": "vehicle_gb32960",
    "A-1": "account",
    "A-2": "account",
    "310000001": "charger_dc",
    "310000002": "charger_dc",
    "1": "charger_dc",
    "860374050000000": "nb_sensor",
    "1501708501": "nb_sensor",
    "44d0b9e48d404094bbbc0000000000": "nb_sensor",
    "d1": "nb_sensor",
    "860000000000002": "nb_sensor",
}
pytestmark = pytest.mark.server


@dataclass
class House:
    """A running gateway, its API, and where messages are pushed to."""

    api: httpx.Client
    push: httpx.Client
    operator: ChargingOperator

    def latest(self, device: str) -> dict[tuple[str, int], dict[str, Any]]:
        found = self.api.get(f"/v1/devices/{device}").json()["latest"]
        return {(one["point"], one["component"]): one for one in found}

    def sent(self, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """A push that is taken; returns what was answered."""
        answer = self.push.post(path, json=body, **more) if body is not None else self.push.get(path, **more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, port, listen = tmp_path_factory.mktemp("platforms"), free_port(), free_port()
    yaml = YAML(typ="safe")
    sources = yaml.load((ROOT / "protocols" / "http" / "sample.yaml").read_text("utf-8"))
    sources |= yaml.load((HERE / "sources.yaml").read_text("utf-8"))
    for one in sources.values():
        one["listen"] = f"127.0.0.1:{listen}"
    shutil.copytree(
        ROOT / "config" / "profiles", folder / "profiles", ignore=shutil.ignore_patterns("chargers", "*demo*")
    )
    shutil.copy(HERE / "nb_sensor.yaml", folder / "profiles")
    (folder / "rules").mkdir()
    (folder / "devices.csv").write_text(
        "code,profile\n" + "".join(f"{code},{profile}\n" for code, profile in DEVICES.items()), "utf-8"
    )
    whole = {
        "name": "platforms",
        "timezone": "Asia/Shanghai",
        "language": "en",
        "data_dir": "data",
        "profiles": "profiles",
        "rules": "rules",
        "registry": {"devices": "devices.csv"},
        "api": {"port": port},
        "health": {"port": 0},
        "log": {"level": "warning"},
        "sources": sources,
    }
    with (folder / "gateway.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(whole, file)
    url = f"http://127.0.0.1:{listen}/v1/ingest"
    keys = [SECRETS[name] for name in ("CEC_OPERATOR_SECRET", "CEC_DATA_SECRET", "CEC_DATA_IV", "CEC_SIG_SECRET")]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        with running(folder / "gateway.yaml", port) as api, httpx.Client(base_url=url, trust_env=False) as push:
            operator = ChargingOperator(f"{url}/cec", "395815801", *keys, client=push)
            made = House(api, push, operator)
            push_all(made)
            assert api.get("/v1/dead-letters").json()["items"] == [], "nothing was left over"
            yield made


def at(reading: Mapping[str, Any]) -> int:
    """ms since 1970."""
    return round(datetime.fromisoformat(reading["at"]).timestamp() * 1000)


def shown(house: House, device: str, **wanted: Any) -> list[dict[str, Any]]:
    """The newest readings of these points (`point` or `point__component`), once they have these values."""
    keys = {(name.partition("__")[0], int(name.partition("__")[2] or 0)): value for name, value in wanted.items()}

    def values() -> dict[tuple[str, int], Any]:
        found = house.latest(device)
        return {key: found.get(key, {}).get("value") for key in keys}

    until = time.monotonic() + 10
    while values() != keys and time.monotonic() < until:
        time.sleep(0.05)
    assert values() == keys
    found = [house.latest(device)[key] for key in keys]
    assert {one["quality"] for one in found} == {"good"}
    return found


BEARER = {"authorization": f"Bearer {SECRETS['PUSH_TOKEN']}"}


def onenet(msg: Mapping[str, Any]) -> dict[str, Any]:
    """Signed as the platform does it."""
    text = json.dumps(msg, separators=(",", ":"))
    digest = hashlib.md5((SECRETS["ONENET_TOKEN"] + "12345678" + text).encode()).digest()
    return {"msg": msg, "nonce": "12345678", "msg_signature": base64.b64encode(digest).decode()}


# ---- the sources of the sample ------------------------------------------------------------------------------------
MOMENT = 1774408725992
TTS = {
    "end_device_ids": {"device_id": "eui-1", "application_ids": {"application_id": "meters"}},
    "received_at": "2026-03-25T03:18:46.103Z",
    "uplink_message": {
        "f_port": 2,
        "frm_payload": "BAwM",
        "decoded_payload": {"volume": 1234.5, "battery": 3.6},
        "rx_metadata": [{"rssi": -97}],
        "received_at": "2026-03-25T03:18:45.992Z",
    },
}
CHIRPSTACK = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    "time": "2026-03-25T11:18:45.992+08:00",
    "deviceInfo": {"tenantName": "ChirpStack", "deviceName": "meter", "devEui": "0102030405060708", "tags": {}},
    "devAddr": "00189440",
    "fPort": 2,
    "data": "qg==",
    "object": {"volume": 77.25, "battery": 3612},
    "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -48}],
}
TRACCAR = {
    "device": {"id": 1, "name": "Van", "uniqueId": "car-1"},
    "position": {
        "id": 1,
        "protocol": "osmand",
        "fixTime": "2026-03-25T03:18:45.992+00:00",
        "latitude": 30.25,
        "longitude": 120.125,
        "speed": 10.0,
        "attributes": {"ignition": True},
    },
}
BY_URL = {"id": "car-2", "fixTime": str(MOMENT), "lat": "30.5", "lon": "120.5", "speed": "20", "name": "Wagen 2"}
ACCOUNTS = [
    {"account": "A-1", "at": "2026-03-25T11:18:45.992+08:00", "balance": "12.50", "paid": 100},
    {"account": "A-2", "at": "2026-03-25T11:18:45.992+08:00", "balance": 0, "due": {"amount": 88.8, "days": 2}},
]
CTWING = {"upPacketSN": -1, "topic": "v1/up/ad", "timestamp": MOMENT, "tenantId": "1", "messageType": "dataReport"}
ONENET = {"at": MOMENT, "type": 1, "value": "42.5", "imei": "867003", "dev_id": 1, "ds_id": "3200_0_5505"}
CHARGING = {
    "StartChargeSeq": "S1",
    "StartChargeSeqStat": 2,
    "ConnectorID": "310000002",
    "ConnectorStatus": 3,
    "CurrentA": 120.5,
    "VoltageA": 380.1,
    "Soc": 55.0,
    "EndTime": "2026-03-25 11:18:45",
    "TotalMoney": 31.2,
}


def push_all(house: House) -> None:
    """Everything is taken, and answered as its sender expects."""
    key = {"key": SECRETS["CTWING_KEY"]}
    named = {"serviceData": {"volume": 5.5, "voltage": 3.6}}
    raw = {"APPdata": base64.b64encode(struct.pack(">IB", 123456, 36)).decode()}
    transparent = {**CTWING, "protocol": "tcp", "IMEI": "867002", "payload": raw}
    answers = [
        house.sent("/push/tts", TTS, headers=BEARER),
        house.sent("/push/chirpstack?event=up", CHIRPSTACK, headers=BEARER),
        house.sent("/push/traccar", TRACCAR, headers=BEARER),
        house.sent("/push/accounts", ACCOUNTS, headers=BEARER),
        house.sent("/push/gm-plain", {"ts": MOMENT, "pressure": 2.1}, headers=BEARER),
        house.sent("/tracker", params=BY_URL | {"key": SECRETS["TRACKER_KEY"]}),
        house.sent("/ctwing", {**CTWING, "protocol": "lwm2m", "IMEI": "867001", "payload": named}, params=key),
        house.sent("/ctwing", transparent, params=key),
        house.sent("/ctwing", {**CTWING, "messageType": "commandResponse"}, params=key),
        house.sent("/onenet", onenet(ONENET)),
    ]
    assert answers == [{"status": "accepted"}] * len(answers)
    assert house.push.post("/ctwing", json=transparent).status_code == 401
    digest = base64.b64encode(hashlib.md5(f"{SECRETS['ONENET_TOKEN']}n1check".encode()).digest()).decode()
    checked = house.push.get("/onenet", params={"msg": "check", "nonce": "n1", "signature": digest})
    assert (checked.status_code, checked.text) == (200, "check")
    push, started = house.operator.push, {"StartChargeSeq": "S1", "StartChargeSeqStat": 2, "ConnectorID": "310000002"}
    fault = {"ConnectorStatusInfo": {"ConnectorID": "310000001", "Status": 255}}
    assert push("notification_stationStatus", fault)[::2] == (0, {"Status": 0})
    assert push("notification_equip_charge_status", CHARGING)[2] == {"StartChargeSeq": "S1", "SuccStat": 0}
    success = {"StartChargeSeq": "S1", "SuccStat": 0, "FailReason": 0}
    assert push("notification_start_charge_result", started)[2] == success
    for name, sample in SAMPLES.items():
        source, body = WANTED[name][0], sample["body"]
        if source == "cec":
            assert push("notification_stationStatus", body)[0] == 0
        else:
            sent = onenet(body["msg"]) if source == "real_onenet" else body
            assert house.sent(f"/{source}", sent, params=key) == {"status": "accepted"}


@pytest.mark.parametrize(
    ("device", "values", "units", "moment"),
    [
        ("eui-1", {"volume_total": 1234.5, "battery": 3.6}, ["m3", "V"], MOMENT),
        ("0102030405060708", {"volume_total": 77.25, "battery": 3.612}, ["m3", "V"], MOMENT),
        ("car-1", {"lat": 30.25, "lon": 120.125, "speed": 18.52}, ["deg", "deg", "km/h"], MOMENT),
        ("car-2", {"lat": 30.5, "lon": 120.5, "speed": 37.04}, ["deg", "deg", "km/h"], MOMENT),
        ("A-1", {"balance": 12.5, "payment": 100}, ["CNY", "CNY"], MOMENT),
        ("A-2", {"balance": 0, "amount_due": 88.8, "days_left": 48}, ["CNY", "CNY", "h"], MOMENT),
        ("gm-plain", {"pressure": 2.1}, ["kPa"], MOMENT),
        ("867001", {"volume_total": 5.5, "battery": 3.6}, ["m3", "V"], MOMENT),
        ("867002", {"volume_total": 123.456, "battery": 3.6}, ["m3", "V"], MOMENT),
        ("867003", {"volume_total": 42.5}, ["m3"], MOMENT),
        ("310000001", {"status__1": "fault"}, [""], None),
        ("310000002", {"current__1": 120.5, "voltage__1": 380.1}, ["A", "V"], 1774408725000),
        ("310000002", {"start_result__1": "ok"}, [""], None),
    ],
)
def test_what_platforms_push(
    house: House, device: str, values: dict[str, Any], units: list[str], moment: int | None
) -> None:
    found = shown(house, device, **values)
    assert [one["unit"] for one in found] == units
    assert moment is None or {at(one) for one in found} == {moment}


# ---- pushes of other people ---------------------------------------------------------------------------------------
WANTED: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "ctwing-lwm2m-json": (
        "real_ctwing",
        "860374050000000",
        {"battery": 100, "alarm": "tested", "rsrp": -114, "csq": 5},
    ),
    "ctwing-tcp-base64json": ("real_ctwing", "1501708501", {"reading": 1, "count": 27}),
    "ctwing-online": ("real_ctwing", "44d0b9e48d404094bbbc0000000000", {"presence": "online"}),
    "telecom-deviceDataChanged": ("real_oceanconnect", "d1", {"reading": 0xAABB}),
    "onenet-offline": ("real_onenet", "860000000000002", {"presence": "offline"}),
    "cec-stationStatus-list": ("cec", "1", {"status__1": "available"}),
}


def moment_of(sample: Mapping[str, Any]) -> int | None:
    """ms; None = the message has no time."""
    wanted, body = sample["expect"], sample["body"]
    if "time_utc" in wanted:
        return round(datetime.fromisoformat(wanted["time_utc"]).timestamp() * 1000)
    if "appdata_json" in wanted:
        return int(wanted["appdata_json"]["tm"])
    found = wanted.get("ts_ms", body.get("timestamp", body.get("msg", {}).get("at")))
    return None if found is None else int(found)


@pytest.mark.skipif(VECTORS is None, reason="the sample vectors are not on this machine")
def test_every_push_is_expected() -> None:
    assert set(SAMPLES) == set(WANTED)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_real_push(house: House, name: str) -> None:
    sample, (_, device, values) = SAMPLES[name], WANTED[name]
    found = shown(house, device, **values)
    moment = moment_of(sample)
    assert moment is None or {at(one) for one in found} == {moment}
