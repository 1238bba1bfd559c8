"""Scenario 13: every kind of bad message between two good ones, through a real broker and the whole gateway.

One run makes them all; each test then looks at what became of one.
"""

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import mqtt5
import pytest
from hostile_kit import CLIENT, CONFIG, NEEDS_MOSQUITTO, Client, client, live, publish_bytes, text, until, write_project

from gateway.app.lifecycle import App
from gateway.domain.reading import Batch, Flag, Quality, Reading
from gateway.domain.record import Raw
from gateway.intake import Balance
from simulators.servers import mosquitto

pytestmark = NEEDS_MOSQUITTO
T = "h/H/telemetry"
GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD


@dataclass(frozen=True)
class Case:
    """One message and what must become of it: a dead letter, readings, or nothing (`ignored`; `refused`: the broker
    hangs up; `withheld`: larger than the packets we agreed to)."""

    topic: str | bytes
    payload: bytes
    becomes: str
    values: tuple[tuple[float | None, Quality, bool], ...] = ()  # value, quality, clamped
    qos: int = 1
    retain: bool = False
    wire: bytes = b""
    kept: int | None = None  # bytes of the dead letter


def stored(topic: str, payload: bytes, *values: tuple[float | None, Quality, bool], **more: Any) -> Case:
    return Case(topic, payload, "stored", values, **more)


def bad_json(payload: bytes, **more: Any) -> Case:
    return Case(T, payload, "bad_json", **more)


def at(moment: Any, body: bytes = b"20") -> bytes:
    return b'{"ts":%s,"temp":%s}' % (str(moment).encode(), body)


NOW = int(time.time() * 1000)
YEAR = 365 * 86_400_000
KEYS = b"{" + b",".join(b'"k%d":1' % n for n in range(6_000)) + b"}"
CASES = {
    # ---- not JSON
    "empty": bad_json(b""),
    "one brace": bad_json(b"{"),
    "NaN": bad_json(b'{"ts":1,"temp":NaN}'),
    "minus infinity": bad_json(b'{"ts":1,"temp":-Infinity}'),
    "1e309": bad_json(b'{"ts":1,"temp":1e309}'),
    "an integer of 5,000 digits": bad_json(b'{"ts":1,"temp":' + b"9" * 5_000 + b"}", kept=4096),
    "invalid UTF-8": bad_json(b'{"ts":1,"s":"\xff\xfe"}'),
    "an overlong encoding": bad_json(b'{"ts":1,"s":"\xc0\xaf"}'),
    "UTF-16": bad_json('{"ts":1,"temp":5}'.encode("utf-16")),
    "NUL bytes": bad_json(b"\x00" * 64),
    "NUL behind a document": bad_json(b'{"ts":1,"temp":5}\x00'),
    "a raw control character": bad_json(b'{"ts":1,"s":"a\nb"}'),
    "lone surrogate in a text": bad_json(b'{"ts":1,"s":"\\ud800"}'),
    "lone surrogate as a key": bad_json(b'{"ts":1,"\\udfff":1}'),
    "two documents": bad_json(b'{"ts":1,"temp":5}{"ts":1,"temp":6}'),
    "single quotes": bad_json(b"{'ts':1}"),
    "a zip file": bad_json(b"PK\x03\x04" + bytes(range(256))),
    "random bytes, QoS 0": bad_json(bytes(range(255, 0, -1)), qos=0),
    "nested 33 deep": bad_json(b'{"x":' * 40 + b"1" + b"}" * 40),
    "arrays 30,000 deep": bad_json(b"[" * 30_000, kept=4096),
    "arrays 30,000 deep, closed": bad_json(b"[" * 30_000 + b"]" * 30_000, kept=4096),
    "objects 10,000 deep": bad_json(b'{"x":' * 10_000 + b"1" + b"}" * 10_000, kept=4096),
    # ---- a key twice
    "a key twice": Case(T, b'{"ts":1,"temp":1,"temp":2}', "duplicate_key"),
    "a key twice, once escaped": Case(T, b'{"ts":1,"temp":1,"\\u0074emp":2}', "duplicate_key"),
    "a key twice, deep": Case(T, b'{"ts":1,"temp":1,"x":{"a":1,"a":1}}', "duplicate_key"),
    # ---- too large
    "64 KiB and one byte": Case(T, b" " * 65_537, "too_large", kept=1024),
    "arrays 100,000 deep": Case(T, b"[" * 100_000 + b"]" * 100_000, "too_large", kept=1024),
    "1 MB": Case(T, b"x" * 1_000_000, "too_large", kept=1024),
    "1 MB, QoS 0": Case(T, b"\xff" * 1_000_000, "too_large", qos=0, kept=1024),
    "2 MiB": Case(T, b"x" * 2 * 1024 * 1024, "withheld"),
    # ---- JSON, but not what the route says
    "an array at the top": Case("h/H/now", b"[1,2,3]", "no_points"),
    "a text at the top": Case("h/H/now", b'"temp"', "no_points"),
    "null": Case("h/H/now", b"null", "no_points"),
    "a number": Case("h/H/now", b"5", "no_points"),
    "no known key": Case("h/H/now", b'{"Temp":5}', "no_points"),
    "6,000 keys": Case("h/H/now", KEYS, "no_points", kept=4096),
    "time alone": Case(T, b'{"ts":1}', "no_points"),
    "a list that is none": Case("h/H/list", b'{"items":{"temp":1}}', "no_points"),
    "no time": Case(T, b'{"temp":5}', "bad_time"),
    "an array at the top, timed": Case(T, b"[]", "bad_time"),
    "time is null": Case(T, at("null"), "bad_time"),
    "time is a text": Case(T, at('"yesterday"'), "bad_time"),
    "time is true": Case(T, at("true"), "bad_time"),
    "time is a list": Case(T, at("[[]]"), "bad_time"),
    "time of 300 digits": Case(T, at("9" * 300), "bad_time"),
    "time below all years": Case(T, at("-99999999999999999"), "bad_time"),
    "time 1e308": Case(T, at("1e308"), "bad_time"),
    "an unknown device": Case("h/nobody/telemetry", at(NOW), "unknown_device"),
    "no device": Case("h//telemetry", at(NOW), "unknown_device"),
    "a path as device": Case("any/../../etc/passwd", b'{"temp":5}', "unknown_device"),
    "a topic of 60 KB": Case("any/" + "x" * 60_000, b'{"temp":5}', "topic_too_long"),
    "a topic in Chinese": Case("h/温度计☃/telemetry", at(NOW), "unknown_device"),
    "commas, quotes, spaces": Case("any/a,b='c\" ;drop table x\\", b'{"temp":5}', "unknown_device"),
    "a device of 50 KB": Case("who", b'{"id":"' + b"d" * 50_000 + b'","temp":5}', "unknown_device", kept=4096),
    "a device that is a list": Case("who", b'{"id":["H"],"temp":5}', "unknown_device"),
    "no route for this kind": Case("h/H/kinds", b'{"kind":"dead","temp":5}', "unmatched"),
    "bare: not UTF-8": Case("h/H/plain", b"\xff", "bad_json"),
    # ---- values that are not what they should be: the message is kept, the value is not
    "a text for a number": stored("h/H/now", b'{"temp":"hot"}', (None, BAD, False)),
    "NaN as a text": stored("h/H/now", b'{"temp":"NaN"}', (None, BAD, False)),
    "1e309 as a text": stored("h/H/now", b'{"temp":"1e309"}', (None, BAD, False)),
    "an object for a number": stored("h/H/now", b'{"temp":{"value":5}}', (None, BAD, False)),
    "true for a number": stored("h/H/now", b'{"temp":true}', (1.0, GOOD, False)),
    "2^64": stored("h/H/now", b'{"temp":18446744073709551616}', (2.0**64, UNCERTAIN, False)),
    "300 digits": stored("h/H/now", b'{"temp":1' + b"0" * 300 + b"}", (1e300, UNCERTAIN, False)),
    "bare: nothing": stored("h/H/plain", b"", (None, BAD, False)),
    "bare: NUL": stored("h/H/plain", b"\x00", (None, BAD, False)),
    "bare: 1e309": stored("h/H/plain", b"1e309", (None, BAD, False)),
    "QoS 0": stored("h/H/now", b'{"temp":21}', (21.0, GOOD, False), qos=0),
    "a good element among bad ones": stored(
        "h/H/list", b'{"items":[null,[],{"temp":22},{"temp":[]},5]}', (22.0, GOOD, False), (None, BAD, False)
    ),
    # ---- clocks
    "1970": stored(T, at(0), (20.0, UNCERTAIN, True)),
    "before 1970": stored(T, at(-86_400_000), (20.0, UNCERTAIN, True)),
    "1999": stored(T, at(946_684_799_999), (20.0, UNCERTAIN, True)),
    "seconds for milliseconds": stored(T, at(NOW // 1000), (20.0, UNCERTAIN, True)),
    "an hour ahead": stored(T, at(NOW + 3_600_000), (20.0, UNCERTAIN, True)),
    "the year 2106": stored(T, at(NOW + 80 * YEAR), (20.0, UNCERTAIN, True)),
    "the year 9999": stored(T, at(253_402_300_799_000), (20.0, UNCERTAIN, True)),
    "1970, and no value": stored(T, at(0, b"null"), (None, BAD, True)),
    "a year ago": stored(T, at(NOW - YEAR), (20.0, GOOD, False)),
    # ---- retained
    "retained, to a live subscription": stored("h/H/now", b'{"temp":23}', (23.0, GOOD, False), retain=True),
    "retained, bad": Case("kept/H", b"{", "bad_json", retain=True),
    # ---- what a broker does not let through
    "a wildcard in the topic": Case("h/+/telemetry", at(NOW), "refused"),
    "a hash in the topic": Case("h/H/#", at(NOW), "refused"),
    "NUL in the topic": Case("h/H\x00/telemetry", at(NOW), "refused"),
    "invalid UTF-8 in the topic": Case(b"h/\xff\xfe/telemetry", at(NOW), "refused"),
    "a surrogate in the topic": Case("h/\ud800/telemetry", at(NOW), "refused"),
    "line ends in the topic": Case("h/H\r\n/telemetry", at(NOW), "refused"),
    "no topic": Case("", at(NOW), "refused"),
    "a damaged packet": Case("", b"", "refused", wire=b"\x32\x03\x00\x09h"),
    "an impossible length": Case("", b"", "refused", wire=b"\x30\xff\xff\xff\xff\x7f"),
    "a system topic": Case("$SYS/broker/version", b"5", "refused"),
}  # fmt: skip


@dataclass
class Outcome:
    """What one message did to the gateway."""

    taken: bool
    rejected: Counter[str]
    letters: list[Raw]
    readings: list[Reading]
    around: list[float]
    ignored: int
    earliest: int
    latest: int


@dataclass
class Evidence:
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    balance: Balance = field(default_factory=Balance)
    stats: Any = None
    metrics: str = ""
    again: list[bytes] = field(default_factory=list)
    resumed: bool = False
    connects: int = 0
    dead_letters: list[Raw] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)
    ready: int = 0


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = tmp_path_factory.mktemp("hostile")
    found = Evidence()
    with mosquitto(folder / "broker") as broker:
        config = write_project(folder / "project", devices=["G", "H"], config=CONFIG, broker=broker.port)
        asyncio.run(provoke(config, broker.port, found))
    return found


async def provoke(config: Path, port: int, found: Evidence) -> None:
    async with live(config) as app:
        source: Any = app.ingest.sources.running["broker"]
        await until(lambda: source.stats.connected, "connected")
        async with client(port, "good") as good:
            for number, (name, case) in enumerate(CASES.items()):
                found.outcomes[name] = await one(app, port, good, number, case)
        last = app.stores.journal.head(0)
        await until(lambda: app.consumers.series.cursor >= last, "the series store")
        async with httpx.AsyncClient(base_url=app.api.url if app.api else "", trust_env=False) as http:
            found.metrics = (await http.get("/metrics")).text
            found.ready = (await http.get("/readyz")).status_code
        found.stats, found.balance = source.stats, app.ingest.intake.balance("broker")
        found.balance.check()
        found.connects = source.stats.connects
        found.dead_letters = [r.body for r in app.stores.journal.dead_letters(1000) if isinstance(r.body, Raw)]
        known = app.stores.registry.device("G")
        assert known is not None
        for batch in app.stores.series.scan(0, 2**62):
            found.stored += batch.at[batch.device == known.id].tolist()
        found.restarts = {name: health.restarts for name, health in app.operation.supervisor.health.items()}
    found.resumed, found.again = await redelivered(port)


async def one(app: App, port: int, good: Client, number: int, case: Case) -> Outcome:
    stats: Any = app.ingest.sources.running["broker"].stats  # type: ignore[attr-defined]
    before, head, ignored = Counter(stats.rejected), app.stores.journal.head(0), stats.ignored
    expected = stats.received + 2 + (case.becomes not in {"refused", "withheld"})
    earliest = app.clock.now()
    assert await good.publish("h/G/telemetry", text({"ts": NOW - 100_000 + 2 * number, "temp": 10 + number}))
    async with client(port, "hostile") as hostile:
        taken = await (
            hostile.transmit(case.wire)
            if case.wire
            else hostile.publish(case.topic, case.payload, case.qos, case.retain)
        )
    assert await good.publish("h/G/telemetry", text({"ts": NOW - 99_999 + 2 * number, "temp": 10 + number}))
    await until(lambda: stats.received >= expected and not stats.waiting, f"{case.becomes} {case.topic!r}"[:200])
    records = app.stores.journal.read(0, head, 1000)
    readings = [r for record in records if isinstance(record.body, Batch) for r in record.body.readings()]
    h = app.stores.registry.device("H")
    assert h is not None
    return Outcome(
        taken,
        Counter(stats.rejected) - before,
        [r.body for r in records if isinstance(r.body, Raw)],
        [r for r in readings if r.device == h.id],
        [r.value for r in readings if r.device != h.id],
        stats.ignored - ignored,
        earliest,
        app.clock.now(),
    )


async def redelivered(port: int) -> tuple[bool, list[bytes]]:
    """What the broker still has for the gateway's session: everything before a message of our own."""
    again: list[bytes] = []
    async with client(port, CLIENT, expiry=60) as session, client(port, "sentinel") as other:
        assert await other.publish("h/sentinel/telemetry", b"sentinel")
        while b"sentinel" not in again:
            packet = await session.read()
            if isinstance(packet, mqtt5.PublishPacket):
                again.append(packet.payload)
        return session.resumed, again[:-1]


@pytest.mark.parametrize("name", CASES)
def test_a_bad_message_is_put_aside_and_the_stream_goes_on(evidence: Evidence, name: str) -> None:
    case, outcome = CASES[name], evidence.outcomes[name]
    number = list(CASES).index(name)
    assert outcome.around == [10 + number] * 2, "the good ones around it"
    assert outcome.taken == (case.becomes != "refused")
    if case.becomes in {"refused", "withheld", "stored"}:
        assert not outcome.rejected
        assert not outcome.letters
    else:
        assert outcome.rejected == {case.becomes: 1}
        (letter,) = outcome.letters
        assert (letter.source, letter.address, letter.reason) == ("broker", case.topic[:512], case.becomes)
        assert letter.payload == case.payload[: case.kept]
        assert outcome.earliest <= letter.received <= outcome.latest
        assert len(letter.detail) < 400
    seen = [(None if r.quality is BAD else r.value, r.quality, bool(r.flags & Flag.CLAMPED)) for r in outcome.readings]
    assert seen == list(case.values)
    for reading in outcome.readings:
        assert outcome.earliest <= reading.received <= outcome.latest
        if reading.flags & Flag.CLAMPED:
            assert reading.at == reading.received


def test_each_is_counted_under_its_reason(evidence: Evidence) -> None:
    expected = Counter(case.becomes for case in CASES.values())
    for kind in ("stored", "refused", "withheld", "ignored"):
        del expected[kind]
    exported = re.findall(r"^fieldgate_dead_letters_total\{(.+)\} (\S+)$", evidence.metrics, re.MULTILINE)
    counts = {match[1]: float(n) for labels, n in exported if (match := re.search(r'reason="(\w+)"', labels))}
    assert counts == expected
    assert Counter(letter.reason for letter in evidence.dead_letters) == expected


def test_the_accounts_balance(evidence: Evidence) -> None:
    stats, balance = evidence.stats, evidence.balance
    settled = stats.journaled + stats.duplicates + stats.rejected.total() + stats.ignored + stats.returned + stats.lost
    assert stats.received == settled + stats.waiting
    assert (stats.waiting, stats.returned, stats.lost, stats.duplicates) == (0, 0, 0, 0)
    assert balance.received == balance.journaled + balance.rejected == stats.received - stats.ignored
    exported = dict(
        re.findall(r'^fieldgate_messages_total\{source="broker",state="(\w+)"\} (\S+)$', evidence.metrics, re.MULTILINE)
    )
    numbers = {state: float(n) for state, n in exported.items()}
    assert numbers["received"] == sum(numbers[state] for state in ("journaled", "duplicate", "rejected", "refused"))
    clamped = sum(value[2] for case in CASES.values() for value in case.values)
    assert balance.clamped == clamped


def test_every_good_message_is_stored(evidence: Evidence) -> None:
    assert sorted(evidence.stored) == [(NOW - 100_000 + n) * 1000 for n in range(2 * len(CASES))]


def test_everything_was_acknowledged(evidence: Evidence) -> None:
    assert evidence.connects == 1, "no bad message cost the connection"
    assert evidence.resumed
    assert evidence.again == []


def test_nothing_fell_over(evidence: Evidence) -> None:
    assert not any(evidence.restarts.values()), evidence.restarts
    assert evidence.ready == httpx.codes.OK


def test_the_hand_made_packets_are_what_a_library_would_send() -> None:
    for packet in (0, 7):
        for size in (0, 1, 127, 128, 20_000):
            read, used = mqtt5.read(memoryview(publish_bytes("a/b", b"x" * size, packet)))
            assert isinstance(read, mqtt5.PublishPacket)
            assert (read.topic, len(read.payload), read.packet_id) == ("a/b", size, packet or None)
            assert used == len(publish_bytes("a/b", b"x" * size, packet))
