"""T/CEC 102: an operator that encrypts and signs by the command openssl pushes to a real source."""

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mqtt_kit import NOW, Ledger, Wall, registry
from push_kit import Stage, running
from pydantic import ValidationError
from structlog.testing import capture_logs

from gateway.adapter_ports import SourceServices
from gateway.adapters import SOURCES
from gateway.domain.duration import to_us
from gateway.domain.errors import ConfigError
from protocols.http.adapter import ADAPTER
from protocols.http.authenticate import sender_of
from protocols.http.config import HttpConfig
from protocols.http.message import PushRequest
from protocols.http.tcec102 import ANSWERS
from simulators.charging_operator import ZONE, ChargingOperator

SECRETS = {
    "operator_id": "395815801",
    "operator_secret": "canary-operator-1742",
    "data_secret": "canary-data-1742",
    "iv_secret": "canary-iv---1742",
    "sig_secret": "canary-sig-1742",
}
ROUTES = [
    {
        "filter": "cec/notification_stationStatus",
        "each": "ConnectorStatusInfo[*]",
        "when": {"path": "ConnectorStatusInfo[0]", "exists": True},
        "device": {"path": "ConnectorID"},
        "points": {"status": {"path": "Status", "map": {0: "idle", 1: "idle", 3: "charging", 255: "fault"}}},
    },
    {
        "filter": "cec/notification_stationStatus",
        "device": {"path": "ConnectorStatusInfo.ConnectorID"},
        "points": {
            "status": {"path": "ConnectorStatusInfo.Status", "map": {0: "idle", 1: "idle", 3: "charging", 255: "fault"}}
        },
    },
    {
        "filter": "cec/notification_equip_charge_status",
        "device": {"path": "ConnectorID"},
        "time": {"path": "EndTime", "unit": "%Y-%m-%d %H:%M:%S", "zone": "Asia/Shanghai"},
        "points": {"soc": {"path": "Soc", "unit": "pct"}, "energy": {"path": "TotalPower", "unit": "kWh"}},
        "ignore": ["*"],
    },
    {
        "filter": "cec/notification_charge_order_info",
        "device": {"path": "ConnectorID"},
        "time": {"path": "EndTime", "unit": "%Y-%m-%d %H:%M:%S", "zone": "Asia/Shanghai"},
        "points": {"energy": {"path": "TotalPower"}},
        "ignore": ["*"],
    },
]
CONFIG: Mapping[str, Any] = {
    "type": "http",
    "listen": "127.0.0.1:0",
    "auth": {"kind": "tcec102", **SECRETS},
    "routes": ROUTES,
}
STATUS = {"ConnectorStatusInfo": {"ConnectorID": "c1", "Status": 255}}


def operator_of(url: str, **more: Any) -> ChargingOperator:
    keys = {
        "operator_id": SECRETS["operator_id"],
        "operator_secret": SECRETS["operator_secret"],
        "data_secret": SECRETS["data_secret"],
        "iv": SECRETS["iv_secret"],
        "sig_secret": SECRETS["sig_secret"],
        "now": NOW / 1e6,
    }
    return ChargingOperator(url, **(keys | more))


async def aside(function: Any, *arguments: Any, **more: Any) -> Any:
    return await asyncio.to_thread(function, *arguments, **more)


@pytest.fixture
def closing() -> Iterator[list[ChargingOperator]]:
    made: list[ChargingOperator] = []
    yield made
    for one in made:
        one.client.close()


async def test_a_token_then_notifications(closing: list[ChargingOperator]) -> None:
    async with running(CONFIG, "cec") as stage:
        operator = operator_of(stage.url)
        closing.append(operator)
        found = await aside(operator.query_token)
        assert (found["SuccStat"], found["FailReason"], found["TokenAvailableTime"]) == (0, 0, 7200)
        assert found["OperatorID"] == SECRETS["operator_id"]
        charging = {
            "StartChargeSeq": "S1",
            "StartChargeSeqStat": 2,
            "ConnectorID": "c2",
            "ConnectorStatus": 3,
            "EndTime": "2026-03-25 11:00:00",
            "Soc": 63.5,
            "TotalPower": "12.34",
        }
        order = {"StartChargeSeq": "S1", "ConnectorID": "c2", "EndTime": "2026-03-25 11:10:00", "TotalPower": 20.5}
        answers = [
            await aside(operator.push, interface, data)
            for interface, data in (
                ("notification_stationStatus", STATUS),
                ("notification_stationStatus", {"ConnectorStatusInfo": [{"ConnectorID": "c1", "Status": 3}]}),
                ("notification_equip_charge_status", charging),
                ("notification_charge_order_info", order),
            )
        ]
        assert answers == [
            (0, "请求成功", {"Status": 0}),
            (0, "请求成功", {"Status": 0}),
            (0, "请求成功", {"StartChargeSeq": "S1", "SuccStat": 0}),
            (0, "请求成功", {"StartChargeSeq": "S1", "ConnectorID": "c2", "ConfirmResult": 0}),
        ]
        assert stage.journal.values == [2, 1, 63.5, 12.34, 20.5]
        at = stage.journal.parcels[-1].batch.at.tolist()
        assert at == [to_us(datetime(2026, 3, 25, 11, 10, tzinfo=ZONE))]


async def test_what_the_standard_prints_is_understood() -> None:
    """T/CEC 102.4-2016, annex: the signature holds and Data is decrypted. Its text has a comma too many, so it would be
    a dead letter."""
    key = "1234567890abcdef"
    auth = {
        "kind": "tcec102",
        "operator_id": "123456789",
        "operator_secret": key,
        "data_secret": key,
        "iv_secret": key,
        "sig_secret": key,
    }
    config = HttpConfig.model_validate({**CONFIG, "auth": auth})
    data = (
        "il7B0BSEjFdzpyKzfOFpvg/Se1CP802RItKYFPfSLRxJ3jf0bVl9hvYOEktPAYW2nd7S8MBcyHYyacHKbISq5iTmDzG+ivnR+SZJv3USNTYV"
        "Mz9rCQVSxd0cLlqsJauko79NnwQJbzDTyLooYoIwz75qBOH2/xOMirpeEqRJrF/EQjWekJmGk9RtboXePu2rka+Xm51syBPhiXJAq0GfbfaF"
        "u9tNqs/e2Vjja/ltE1M0lqvxfXQ6da6HrThsm5id4ClZFIi0acRfrsPLRixS/IQYtksxghvJwbqOsbIsITail9Ayy4tKcogeEZiOO+4Ed264"
        "NSKmk7l3wKwJLAFjCFogBx8GE3OBz4pqcAn/ydA="
    )
    sent = {
        "OperatorID": "123456789",
        "Data": data,
        "TimeStamp": "20160729142400",
        "Seq": "0001",
        "Sig": "745166E8C43C84D37FFEC0F529C4136F",
    }
    sender, now = sender_of(config), to_us(datetime(2016, 7, 29, 14, 24, tzinfo=ZONE))
    operator = operator_of("", operator_id="123456789", operator_secret=key, data_secret=key, iv=key, sig_secret=key)
    wanted = operator.request({"OperatorID": "123456789", "OperatorSecret": key})

    def request(interface: str, body: Mapping[str, str], token: str = "") -> PushRequest:
        headers = {"authorization": f"Bearer {token}"}
        return PushRequest("POST", f"/v1/ingest/cec/{interface}", "", headers, json.dumps(body).encode())

    refused = sender.open(request("notification_stationStatus", sent), now)
    assert operator.opened(refused.body)[0] == 4002  # type: ignore[union-attr]
    token = operator.opened(sender.open(request("query_token", wanted), NOW).body)[2]["AccessToken"]  # type: ignore[union-attr]
    opened = sender.open(request("notification_stationStatus", sent, token), now)
    assert b'"connectorID":1,"equipmentID":"10000000000000000000001"' in opened.payload  # type: ignore[union-attr]
    operator.client.close()


@pytest.mark.parametrize(
    ("change", "ret", "reason"),
    [
        ({"Sig": "0" * 32}, 4001, "signature"),
        ({"Data": "AAAA"}, 4001, "signature"),
        ({"Seq": None}, 4003, "parameters"),
        ({"TimeStamp": "yesterday"}, 4001, "signature"),
        ({"Data": {"a": 1}}, 4003, "parameters"),
    ],
)
async def test_requests_that_are_refused(
    change: dict[str, Any], ret: int, reason: str, closing: list[ChargingOperator]
) -> None:
    async with running(CONFIG, "cec") as stage:
        operator = operator_of(stage.url)
        closing.append(operator)
        await aside(operator.query_token)
        body = operator.request(STATUS) | change
        body = {key: value for key, value in body.items() if value is not None}
        assert (await aside(operator.post, "notification_stationStatus", body))[0] == ret
        assert stage.refused() == {reason: 1}
        assert stage.source.stats.received == 0
        with capture_logs() as lines:
            await aside(operator.post, "notification_stationStatus", body)
        assert (stage.refused(), lines) == ({reason: 2}, []), "the first of its kind has a line, the others are counted"


@pytest.mark.parametrize(
    ("more", "interface", "ret", "reason"),
    [
        ({"now": NOW / 1e6 - 301}, "notification_stationStatus", 4003, "time"),
        ({"now": NOW / 1e6 + 301}, "query_token", 4003, "time"),
        ({"operator_id": "other"}, "query_token", 4003, "operator"),
        ({"token": "7fffffff.AAAA"}, "notification_stationStatus", 4002, "token"),
        ({"token": ""}, "notification_stationStatus", 4002, "token"),
        ({}, "query_stations_info", 4004, "interface"),
    ],
)
async def test_who_and_when(
    more: dict[str, Any], interface: str, ret: int, reason: str, closing: list[ChargingOperator]
) -> None:
    async with running(CONFIG, "cec") as stage:
        right, operator = operator_of(stage.url), operator_of(stage.url)
        closing.extend([right, operator])
        await aside(right.query_token)
        operator.token = right.token
        for name, value in more.items():
            setattr(operator, name, value)
        assert (await aside(operator.post, interface, operator.request(STATUS)))[0] == ret
        assert stage.refused() == {reason: 1}


async def test_a_wrong_operator_secret_gets_no_token(closing: list[ChargingOperator]) -> None:
    async with running(CONFIG, "cec") as stage:
        operator = operator_of(stage.url, operator_secret="wrong")
        closing.append(operator)
        found = await aside(operator.query_token)
        assert (found["SuccStat"], found["FailReason"], found["AccessToken"]) == (1, 2, "")
        assert stage.refused() == {"token": 1}


async def test_a_token_outlives_a_restart_and_ends(closing: list[ChargingOperator]) -> None:
    async with running(CONFIG, "cec") as stage:
        operator = operator_of(stage.url)
        closing.append(operator)
        await aside(operator.query_token)
    async with running(CONFIG, "cec") as stage:
        operator.url = stage.url
        assert (await aside(operator.post, "notification_stationStatus", operator.request(STATUS)))[0] == 0
    sender = sender_of(HttpConfig.model_validate(dict(CONFIG)))
    later = operator_of("", now=NOW / 1e6 + 7201)
    closing.append(later)
    body = json.dumps(later.request(STATUS)).encode()
    headers = {"authorization": f"Bearer {operator.token}"}
    found = sender.open(PushRequest("POST", "/v1/ingest/cec/notification_x", "", headers, body), NOW + 7201 * 10**6)
    assert later.opened(found.body)[0] == 4002  # type: ignore[union-attr]


async def test_a_replay_is_taken_once_on_every_path_and_over_a_restart(closing: list[ChargingOperator]) -> None:
    async with running(CONFIG, "cec") as stage:
        operator = operator_of(stage.url)
        closing.append(operator)
        await aside(operator.query_token)
        body = operator.request(STATUS)
        for interface in ("notification_stationStatus", "notification_stationStatus", "notification_charge_order_info"):
            assert (await aside(operator.post, interface, body))[0] == 0
        stage.ledger.kept.clear()  # a receipt that another took the place of
        assert (await aside(operator.post, "notification_stationStatus", body))[0] == 0
        assert stage.journal.values == [2]
        assert stage.source.stats.duplicates == 3
        again = operator.request({"ConnectorStatusInfo": {"ConnectorID": "c1", "Status": 3}}, seq=1)
        other = operator.request(STATUS | {"x": 1}, seq=1)
        for one in (again, other):  # senders whose Seq never rises: signed, so they are messages
            assert (await aside(operator.post, "notification_stationStatus", one))[0] == 0
        assert stage.journal.values == [2, 1, 2]
        ledger = stage.ledger
    async with running(CONFIG, "cec", ledger) as stage:
        operator.url = stage.url
        assert (await aside(operator.post, "notification_stationStatus", other))[0] == 0
        assert stage.journal.values == []


async def test_what_cannot_be_kept_is_to_be_sent_again(closing: list[ChargingOperator]) -> None:
    async with running(CONFIG, "cec") as stage:
        operator = operator_of(stage.url)
        closing.append(operator)
        await aside(operator.query_token)
        stage.journal.refuse = 1
        body = operator.request(STATUS)
        assert (await aside(operator.post, "notification_stationStatus", body))[0] == -1
        assert (await aside(operator.post, "notification_stationStatus", body))[0] == 0
        assert stage.journal.values == [2]
    async with running({**CONFIG, "max_unjournaled": "10B"}, "cec") as stage:
        operator.url = stage.url
        assert (await aside(operator.post, "notification_stationStatus", operator.request(STATUS)))[0] == -1
        assert stage.refused() == {"busy": 1}


@pytest.mark.parametrize(
    ("sealed", "reason"),
    [(b"[1", "bad_json"), (b"[1]", "unknown_device"), (b'{"a":1,"a":2}', "duplicate_key"), (None, "bad_packet")],
)
async def test_content_that_is_none_is_a_dead_letter(
    sealed: bytes | None, reason: str, closing: list[ChargingOperator]
) -> None:
    async with running(CONFIG, "cec") as stage:
        operator = operator_of(stage.url)
        closing.append(operator)
        await aside(operator.query_token)
        text = base64.b64encode(b"0123456789abcdef").decode() if sealed is None else operator.encrypt(sealed)
        ret, _, _ = await aside(operator.post, "notification_stationStatus", operator.request(None, sealed=text))
        assert ret == (0 if reason == "duplicate_key" else 4004)
        assert [raw.reason for parcel in stage.journal.parcels for raw in parcel.rejected] == [reason]


async def test_an_unknown_device_is_no_fault_of_the_operator(closing: list[ChargingOperator]) -> None:
    async with running(CONFIG, "cec") as stage:
        operator = operator_of(stage.url)
        closing.append(operator)
        found = await aside(
            operator.push, "notification_stationStatus", {"ConnectorStatusInfo": {"ConnectorID": "zz", "Status": 1}}
        )
        assert found[::2] == (0, {"Status": 0})
        assert dict(stage.source.stats.rejected) == {"unknown_device": 1}


async def test_names_in_other_cases_and_a_platform_id(closing: list[ChargingOperator]) -> None:
    async with running(CONFIG, "cec") as stage:
        operator = operator_of(stage.url)
        closing.append(operator)
        await aside(operator.query_token)
        body = operator.request(STATUS)
        lowered = {key[0].lower() + key[1:]: value for key, value in body.items()}
        assert (await aside(operator.post, "notification_stationStatus", lowered))[0] == 0
        body = operator.request(STATUS)
        body["PlatformID"] = body.pop("OperatorID")
        body["Sig"] = body["Sig"].lower()
        assert (await aside(operator.post, "notification_stationStatus", body))[0] == 0
        assert stage.journal.values == [2, 2]


def test_every_interface_has_its_answer() -> None:
    assert {name for name in ANSWERS if not name.startswith(("notification_", "check_"))} == set()


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"data_secret": None}, "http.tcec_secret"),
        ({"token_lifetime": "1s"}, "mqtt.range"),
        ({"zone": "Mars"}, "route.zone"),
        ({"data_secret_file": "/x"}, "http.tcec_secret"),
    ],
)
def test_mistakes_of_the_configuration(change: dict[str, Any], key: str) -> None:
    auth = {name: value for name, value in ({**CONFIG["auth"]} | change).items() if value is not None}
    with pytest.raises(ValidationError) as caught:
        HttpConfig.model_validate({**CONFIG, "auth": auth})
    assert key in {one["type"] for one in caught.value.errors()}
    assert "canary" not in str([one["msg"] for one in caught.value.errors()])


def test_a_key_that_aes_does_not_take_is_a_problem(tmp_path: Path) -> None:
    services = SourceServices("gateway.yaml", registry(), Ledger(), Wall(), lambda: (), {}, {}, tmp_path, 0)
    config = HttpConfig.model_validate({**CONFIG, "auth": {**CONFIG["auth"], "data_secret": "short"}})
    with pytest.raises(ConfigError) as caught:
        ADAPTER.build("one", config, services)
    assert [one.key for one in caught.value.problems] == ["http.aes_key"]
    found = SOURCES["http"].check({"one": config}, "gateway.yaml").problems
    assert "http.aes_key" in {problem.key for problem in found}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
envelopes = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("OperatorID", "Data", "TimeStamp", "Seq", "Sig", "PlatformID"), json_values),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.binary(max_size=60)
        | envelopes.map(lambda one: json.dumps(one).encode())
        | json_values.map(lambda one: json.dumps(one).encode()),
        min_size=1,
        max_size=4,
    )
)
async def test_no_body_breaks_the_source(bodies: list[bytes]) -> None:
    """Without openssl: what is refused is answered by a signed Ret, and nothing of it is a message."""
    sender = sender_of(HttpConfig.model_validate(dict(CONFIG)))
    for body in bodies:
        found = sender.open(PushRequest("POST", "/v1/ingest/cec/notification_x", "", {}, body), NOW)
        answer = json.loads(found.body)  # type: ignore[union-attr]
        assert (found.status, answer["Ret"] in {4001, 4003}) == (200, True)  # type: ignore[union-attr]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.binary(max_size=40) | json_values.map(lambda one: json.dumps(one).encode()), min_size=1, max_size=6))
async def test_no_content_breaks_the_source(contents: list[bytes]) -> None:
    """Signed and encrypted by the sender's own keys, whatever it holds: journaled or a dead letter."""
    config = HttpConfig.model_validate(dict(CONFIG))
    sender: Any = sender_of(config)
    async with running(CONFIG, "cec") as stage, httpx.AsyncClient() as client:
        end = NOW // 10**6 + 60
        headers = {"authorization": f"Bearer {end:x}.{sender._proof(end)}"}
        for number, content in enumerate(contents):
            data = base64.b64encode(sender._aes.encrypt(content)).decode()
            parts = [SECRETS["operator_id"], data, "20260325111846", f"{number:04}"]
            body = dict(zip(("OperatorID", "Data", "TimeStamp", "Seq"), parts, strict=True))
            body["Sig"] = sender._signature("".join(parts))
            answer = await client.post(f"{stage.url}/notification_x", json=body, headers=headers)
            assert (answer.status_code, answer.json()["Ret"] in {0, 4004}) == (200, True)
        stats = stage.source.stats
        assert stats.received == len(contents) == stats.journaled + stats.rejected.total() + stats.duplicates


async def test_no_secret_is_answered_or_shown(closing: list[ChargingOperator]) -> None:
    async with running(CONFIG, "cec") as stage:
        operator = operator_of(stage.url)
        closing.append(operator)
        await aside(operator.push, "notification_stationStatus", STATUS)
        assert "canary" not in repr(stage.config) + str(stage.journal.parcels)
    assert isinstance(stage, Stage)
