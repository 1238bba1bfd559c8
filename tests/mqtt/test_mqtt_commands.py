"""Commands by MQTT: what is published, and which message is the answer."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt_kit import NOW, Said

from gateway.domain.device import Device, Profile
from gateway.domain.device_command.definition import CommandDefinition, CommandParameter, ParameterType
from gateway.domain.device_command.exchange import AnswerKind, CommandNotSent, OutgoingCommand
from gateway.domain.errors import ConfigError, SourceUnavailable
from protocols.mqtt.adapter import ADAPTER
from protocols.mqtt.command_exchange import CommandExchange
from protocols.mqtt.command_form import AnswerWords, MqttForm, load
from protocols.mqtt.publication import Publication
from protocols.mqtt.stats import MqttStats

DEVICE = Device(1, "D1", "dc", "charger", site="HZ", attrs={"portal": "c06"})
RESPONSE = {
    "topic": "chargers/{device}/ack",
    "correlation": "id",
    "success": {"path": "result", "values": ["ok", 0], "progress": ["accepted"]},
    "message": "text",
}
AMPS = CommandParameter("amps", ParameterType.NUMBER, "A", 6, 32)


def form(parameters: tuple[CommandParameter, ...] = (AMPS,), **section: Any) -> MqttForm:
    base = {"topic": "chargers/{device}/cmd", "payload": {"id": "{command_id}", "amps": "{amps}"}, "response": RESPONSE}
    return load(base | section, CommandDefinition("set_limit", "Set", "设置", parameters))


def outgoing(made: MqttForm, values: Any = None, device: Device = DEVICE, timeout: int = 100_000) -> OutgoingCommand:
    return OutgoingCommand("c0ffee", "set_limit", device, 2, values or {"amps": 16.5}, made, timeout, NOW)


# ---- what is published --------------------------------------------------------------------------------------------
def test_a_name_alone_keeps_its_type_and_a_text_cannot_leave_its_place() -> None:
    note = CommandParameter("note", ParameterType.TEXT, max_length=50)
    payload = {"id": "{command_id}", "a": "{amps}", "on": [True, "{fast}"], "t": "limit {amps} A", "n": "{note}"}
    made = form((AMPS, note, CommandParameter("fast", ParameterType.FLAG)), payload=payload)
    message = made.message(outgoing(made, {"amps": 16, "fast": False, "note": '", "amps": 99, "{amps}'}))
    assert message is not None
    assert message.topic == "chargers/D1/cmd"
    assert json.loads(message.payload) == {
        "id": "c0ffee",
        "a": 16,
        "on": [True, False],
        "t": "limit 16 A",
        "n": '", "amps": 99, "{amps}',
    }


def test_a_payload_of_text_has_the_same_names_and_times() -> None:
    made = form(payload='{"i": "{command_id}", "v": {amps}, "g": {component}, "p": "{portal}", "t": {time_s}}')
    message = made.message(outgoing(made))
    assert message is not None
    assert json.loads(message.payload) == {"i": "c0ffee", "v": 16.5, "g": 2, "p": "c06", "t": NOW // 1_000_000}


@pytest.mark.parametrize("attrs", [{}, {"portal": "a/#"}])
def test_a_device_without_a_name_or_with_a_wildcard_in_it_gets_nothing(attrs: dict[str, str]) -> None:
    made = form(topic="R/{portal}/cmd", response=RESPONSE | {"topic": "R/{portal}/ack"})
    assert made.message(outgoing(made, device=Device(1, "D1", "dc", "charger", attrs=dict(attrs)))) is None


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"topic": "a/+/b"}, "mqtt.command_topic"),
        ({"topic": "$SYS/{device}"}, "mqtt.command_topic"),
        ({"payload": 7}, "mqtt.command_payload"),
        ({"payload": {"id": "{command_id}"}}, "mqtt.command_unused"),
        ({"payload": {"amps": "{amps}"}}, "mqtt.command_no_id"),
        ({"response": {"topic": "a/ack"}}, "mqtt.command_correlation"),
        ({"response": RESPONSE | {"topic": "a/{rest*}"}}, "mqtt.command_topic"),
        ({"response": RESPONSE | {"success": {"values": ["ok"]}}}, "mqtt.command_bare"),
    ],
)
def test_what_cannot_work_is_refused(section: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        form(**section)
    assert [problem.key for problem in refused.value.problems] == [key]


def test_free_text_stays_out_of_a_payload_of_text() -> None:
    note = CommandParameter("note", ParameterType.TEXT, max_length=50)
    with pytest.raises(ConfigError, match="free text"):
        form((note,), payload='{"id": "{command_id}", "n": "{note}"}')
    assert form((note,), payload={"id": "{command_id}", "n": "{note}"})


def test_an_answer_that_only_mqtt_5_can_carry_is_refused_for_3_1_1() -> None:
    by_data = form(response=RESPONSE | {"correlation": None, "correlation_data": True})
    base = {"type": "mqtt", "url": "mqtt://h", "client_id": "g", "routes": []}
    found = ADAPTER.command_form
    assert found is not None
    route = {"filter": "a/{device}", "device": "{device}", "points": {"p": {"path": "p"}}}
    old = ADAPTER.config.model_validate(base | {"protocol": "3.1.1", "routes": [route]})
    new = ADAPTER.config.model_validate(base | {"routes": [route]})
    assert str(found.check(old, by_data)).startswith("its answer can be recognised in MQTT 5 only")
    assert found.check(new, by_data) is None
    assert found.check(old, form()) is None


# ---- which message is the answer ----------------------------------------------------------------------------------
def test_the_answer_repeats_the_id_on_the_topic_of_the_device() -> None:
    made = form()
    assert made.is_from("chargers/D1/ack", outgoing(made))
    assert not made.is_from("chargers/D2/ack", outgoing(made))
    assert not made.is_from("chargers/D1/ack/more", outgoing(made))

    def read(body: Any, correlation: bytes | None = None) -> AnswerWords | None:
        return made.read(json.dumps(body).encode(), "c0ffee", correlation)

    assert read({"id": "c0ffee", "result": "ok", "text": "done"}) == AnswerWords(ok=True, text="done")
    assert read({"id": "c0ffee", "result": 0}) == AnswerWords(ok=True, text="0")
    assert read({"id": "c0ffee", "result": "accepted"}) == AnswerWords(ok=None, text="accepted")
    assert read({"id": "c0ffee", "result": "busy"}) == AnswerWords(ok=False, text="busy")
    assert read({"id": "c0ffee"}) == AnswerWords(ok=False, text="")
    assert read({"id": "other", "result": "ok"}) is None
    assert read({"result": "ok"}) is None
    assert read(["c0ffee"]) is None
    assert read({"result": "ok"}, b"c0ffee") is None, "this form does not use correlation data"


def test_correlation_data_counts_before_the_field() -> None:
    made = form(response=RESPONSE | {"correlation_data": True})
    body = json.dumps({"id": "c0ffee", "result": "ok"}).encode()
    assert made.read(body, "c0ffee", b"other") is None
    assert made.read(json.dumps({"result": "ok"}).encode(), "c0ffee", b"c0ffee") == AnswerWords(ok=True, text="ok")
    assert made.read(body, "c0ffee", None) == AnswerWords(ok=True, text="ok")
    assert made.read(b"\xff", "c0ffee", b"c0ffee") == AnswerWords(ok=False, text="command.unreadable")
    bare = form(response={"topic": "a/{device}", "correlation_data": True, "success": {"values": ["OK"]}})
    assert bare.read(b"OK", "c0ffee", b"c0ffee") == AnswerWords(ok=True, text="OK")
    assert bare.read(b"NO", "c0ffee", b"c0ffee") == AnswerWords(ok=False, text="NO")


@given(st.binary(max_size=200), st.sampled_from([None, b"", b"c0ffee", b"other"]), st.booleans())
def test_no_payload_breaks_it(payload: bytes, correlation: bytes | None, by_data: bool) -> None:
    made = form(response=RESPONSE | {"correlation_data": by_data})
    found = made.read(payload, "c0ffee", correlation)
    assert found is None or found.ok is not True


# ---- the exchange -------------------------------------------------------------------------------------------------
class Publisher:
    """A connection that keeps what is published; `failure` is what each message ends with."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.sent: list[Publication] = []
        self._failure = failure

    def publish(self, publication: Publication) -> "asyncio.Future[None]":
        self.sent.append(publication)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._failure is None:
            future.set_result(None)
        else:
            asyncio.get_running_loop().call_soon(future.set_exception, self._failure)
        return future


def exchange(made: MqttForm, *, routed: bool = False, version: str = "5") -> CommandExchange:
    return CommandExchange([made], MqttStats(), lambda _: routed, lambda: version)


def answer(identifier: str = "c0ffee", *, topic: str = "chargers/D1/ack", retain: bool = False) -> Said:
    return Said(topic, json.dumps({"id": identifier, "result": "ok"}).encode(), retain)


async def test_retained_foreign_and_late_messages_answer_nothing() -> None:
    made = form()
    one, publisher = exchange(made), Publisher()
    one.connected(publisher)
    waiting = asyncio.ensure_future(one.send(outgoing(made)))
    await asyncio.sleep(0)
    assert one.take([answer(retain=True), answer("other"), answer(topic="chargers/D2/ack"), Said("x/y", b"")]) == {
        0,
        1,
        2,
    }
    assert (await waiting).kind is AnswerKind.SILENT
    one.take([answer()])
    assert one._stats.foreign_answers == 4
    assert len(publisher.sent) == 1


async def test_an_answer_by_the_next_connection_counts() -> None:
    made = form(response=RESPONSE | {"correlation_data": True})
    one, publisher = exchange(made, routed=True), Publisher()
    one.connected(publisher)
    waiting = asyncio.ensure_future(one.send(outgoing(made, timeout=60_000_000)))
    await asyncio.sleep(0)
    one.disconnected()
    one.connected(Publisher())
    assert one.take([answer()]) == set(), "a route reads it, too"
    assert (await waiting).kind is AnswerKind.OK
    sent = publisher.sent[0]
    assert (sent.response_topic, sent.correlation, sent.expiry) == ("chargers/D1/ack", b"c0ffee", 60)


async def test_what_the_broker_refuses_was_not_sent() -> None:
    made = form(qos=1)
    one = exchange(made)
    one.connected(Publisher(SourceUnavailable.of("source.not_published", code="not_authorized")))
    with pytest.raises(CommandNotSent, match="refused"):
        await one.send(outgoing(made))
    lost = exchange(made)
    lost.connected(Publisher(SourceUnavailable.of("source.closed")))
    assert (await lost.send(outgoing(made))).kind is AnswerKind.SILENT, "it may have been taken before"


async def test_what_cannot_be_sent_leaves_nothing() -> None:
    by_data = form(response=RESPONSE | {"correlation": None, "correlation_data": True})
    old, publisher = exchange(by_data, version="3.1.1"), Publisher()
    with pytest.raises(CommandNotSent, match="no connection"):
        await old.send(outgoing(by_data))
    old.connected(publisher)
    with pytest.raises(CommandNotSent, match="MQTT 5"):
        await old.send(outgoing(by_data))
    assert publisher.sent == []


async def test_a_device_that_answers_nothing() -> None:
    made = form(response=None)
    one, publisher = exchange(made), Publisher()
    one.connected(publisher)
    assert (await one.send(outgoing(made))).kind is AnswerKind.NONE_EXPECTED
    assert one.filters == ()


def test_the_profile_is_not_needed_to_load() -> None:
    found = ADAPTER.command_form
    assert found is not None
    section = {"topic": "a/{device}", "payload": "on"}
    made = found.load(section, CommandDefinition("blink", "Blink", "闪烁"), Profile("p", "charger", ()), None)
    assert found.serves(ADAPTER.config.model_construct(), DEVICE)
    assert made.message(outgoing(made)).payload == b"on"
