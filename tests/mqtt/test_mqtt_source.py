"""The source against a scripted broker on a real socket: who is acknowledged, when, in which order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import mqtt5
import pytest
from mqtt_kit import NOW, SIMPLE, Journal, Ledger, Stage, Wall, config, publish, registry, scripted_broker, until
from structlog.testing import capture_logs

from gateway.domain.errors import InvariantBroken, SourceRejected
from protocols.mqtt.source import MqttSource

BODY = {"ts": NOW // 1000, "temp": 1.0, "u": 2.0, "wh": 3000.0}


def make(stage: Stage, ledger: Ledger, **more: Any) -> MqttSource:
    quick = {"protocol": "5", "linger": "2ms", "reconnect": {"min": "0s", "max": "0s"}}
    settings = config([SIMPLE], url=f"mqtt://127.0.0.1:{stage.port}", username="u", **(quick | more))
    return MqttSource("src", settings, registry(), ledger, Wall(), "secret")


@asynccontextmanager
async def running(source: MqttSource, journal: Journal) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(source.run(journal))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def balanced(source: MqttSource) -> bool:
    s = source.stats
    parts = s.journaled + s.duplicates + sum(s.rejected.values()) + s.ignored + s.returned + s.lost + s.waiting
    return s.received == parts and s.waiting >= 0 and s.bytes_waiting >= 0


async def test_puback_only_after_emit_returned_and_in_the_order_of_receipt() -> None:
    journal = Journal()
    gates = {1: asyncio.Event(), 3: asyncio.Event()}
    journal.gate = lambda parcel: gates.get(parcel.receipts.packets[0]) if parcel.receipts else None
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger, linger_messages=2)
        async with running(source, journal):
            peer = await stage.peer()
            await peer.welcome()
            peer.send(*[publish(BODY, packet) for packet in (1, 2, 3, 4, 5, 6)])
            await until(lambda: len(journal.offered) == 3)
            gates[3].set()
            await until(lambda: len(journal.parcels) == 2)  # the second and the third are on disk
            peer.send(mqtt5.PingRespPacket())
            assert source.stats.waiting == 6  # the first is not: nothing may be acknowledged yet
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(peer.acks(1), 0.05)
            gates[1].set()
            assert await peer.acks(6) == [1, 2, 3, 4, 5, 6]
            await until(lambda: source.stats.journaled == 6)
            assert balanced(source)
    receipts = journal.parcels[0].receipts
    assert receipts is not None
    assert receipts.session == "src/gw-01"


async def test_a_refusing_journal_acknowledges_nothing_and_gets_all_again() -> None:
    journal = Journal(refuse=1)
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger)
        async with running(source, journal):
            first = await stage.peer()
            await first.welcome()
            first.send(publish(BODY, 1), publish(BODY, 2))
            with pytest.raises(ConnectionError):
                await first.acks(1)
            second = await stage.peer()
            await second.welcome(resumed=True)
            second.send(publish(BODY, 1, dup=True), publish(BODY, 2, dup=True))
            assert await second.acks(2) == [1, 2]
            await until(lambda: source.stats.journaled == 2)
            assert (source.stats.returned, source.stats.duplicates, journal.messages) == (2, 0, 2)
            assert balanced(source)


async def test_a_lost_puback_is_given_again_and_journaled_once() -> None:
    journal = Journal()
    gate = asyncio.Event()
    journal.gate = lambda parcel: None if gate.is_set() else gate
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger)
        async with running(source, journal):
            first = await stage.peer()
            await first.welcome()
            first.send(publish(BODY, 1), publish({**BODY, "temp": 2}, 2))
            await until(lambda: len(journal.offered) == 1)
            first.writer.close()  # the connection goes while the journal works
            await until(lambda: not source.stats.connected)
            gate.set()
            second = await stage.peer()
            await second.welcome(resumed=True)
            # the same two, and a new message that took a packet id used before
            second.send(
                publish(BODY, 1, dup=True), publish({**BODY, "temp": 2}, 2, dup=True), publish(BODY, 3, dup=True)
            )
            assert await second.acks(3) == [1, 2, 3]
            await until(lambda: source.stats.duplicates == 2)
            assert journal.messages == 3
            # and once more: the acknowledgement of a repeat can be lost like any other
            second.writer.close()
            third = await stage.peer()
            await third.welcome(resumed=True)
            third.send(publish(BODY, 1, dup=True))
            assert await third.acks(1) == [1]
            assert journal.messages == 3
            assert balanced(source)


async def test_a_fresh_session_knows_no_repeats() -> None:
    journal = Journal()
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger)
        async with running(source, journal):
            for _ in range(2):
                peer = await stage.peer()
                await peer.welcome(resumed=False)
                peer.send(publish(BODY, 1, dup=True))
                assert await peer.acks(1) == [1]
                peer.writer.close()
    assert journal.messages == 2
    assert journal.ledger.claims == []


async def test_the_connection_waits_for_the_parcels_of_the_last_one() -> None:
    journal = Journal()
    gate = asyncio.Event()
    journal.gate = lambda parcel: gate
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger)
        async with running(source, journal):
            first = await stage.peer()
            await first.welcome()
            first.send(publish(BODY, 1), publish(BODY))
            await until(lambda: len(journal.offered) == 1)
            first.writer.close()
            await until(lambda: not source.stats.connected)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stage.peer(), 0.05)
            gate.set()
            await (await stage.peer()).welcome(resumed=True)
            assert journal.messages == 2


async def test_dead_letters_and_ignored_messages_are_acknowledged_too() -> None:
    journal = Journal()
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger, unmatched="ignore")
        async with running(source, journal):
            peer = await stage.peer()
            await peer.welcome()
            peer.send(publish(BODY, 5, topic="other"))
            assert await peer.acks(1) == [5]
            assert journal.offered == []
            peer.send(publish({"x": 1}, 1), publish(BODY, 2, topic="other"), publish(BODY, 3), publish([], 4))
            assert await peer.acks(4) == [1, 2, 3, 4]
            await until(lambda: source.stats.journaled == 1)
            assert (dict(source.stats.rejected), source.stats.ignored) == ({"bad_time": 2}, 2)
            assert balanced(source)
    parcel = journal.parcels[0]
    assert (parcel.messages, parcel.duplicates, len(parcel.rejected)) == (3, 0, 2)
    assert parcel.receipts is not None
    assert list(parcel.receipts.packets) == [1, 2, 3, 4]


async def test_reading_stops_while_the_journal_is_behind_and_pings_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal()
    gate = asyncio.Event()
    journal.gate = lambda parcel: gate
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger, receive_maximum=20, linger_messages=10)
        async with running(source, journal):
            peer = await stage.peer()
            hello = await peer.welcome()
            assert hello.receive_max == 20
            for _ in range(40):
                peer.send(*[publish(BODY) for _ in range(50)])
                await asyncio.sleep(0)
            await until(lambda: source.stats.pauses == 1)
            await asyncio.sleep(0.05)
            held = source.stats.received
            assert held < 2_000
            gate.set()
            await until(lambda: source.stats.journaled == 2_000)
            assert balanced(source)
            assert (source.stats.waiting, source.stats.bytes_waiting) == (0, 0)


async def test_the_first_value_that_nobody_uses_is_said_once() -> None:
    journal = Journal()
    with capture_logs() as logs:
        async with scripted_broker() as stage:
            source = make(stage, journal.ledger)
            async with running(source, journal):
                peer = await stage.peer()
                await peer.welcome()
                peer.send(*[publish(BODY | {"seq": 5, f"k{n}": 1}, n) for n in (1, 2, 3)])
                await peer.acks(3)
                await until(lambda: source.stats.journaled == 3)
    said = [line for line in logs if line["event"] == "part of a message is not used"]
    assert [(line["log_level"], line["source"], line["route"], line["place"], line["topic"]) for line in said] == [
        ("info", "src", 0, "seq", "charger/c1/telemetry")
    ]
    assert "ignore" in str(said[0]["why"])
    assert [(entry.place, entry.count) for _, entry in source.unused()] == [("seq", 3), ("k1", 1), ("k2", 1), ("k3", 1)]


async def test_refused_credentials_end_the_run_and_are_not_logged() -> None:
    journal = Journal()
    with capture_logs() as logs:
        async with scripted_broker() as stage:
            source = make(stage, journal.ledger)
            task = asyncio.create_task(source.run(journal))
            peer = await stage.peer()
            await peer.read()
            peer.send(mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD))
            with pytest.raises(SourceRejected, match="bad user name or password"):
                await asyncio.wait_for(task, 5)
    assert "secret" not in repr(logs)
    assert not source.stats.connected


async def test_down_and_up_are_said_once() -> None:
    journal = Journal()
    with capture_logs() as logs:
        async with scripted_broker() as stage:
            source = make(stage, journal.ledger)
            async with running(source, journal):
                await (await stage.peer()).welcome()
                await until(lambda: source.stats.connected)
                stage._all[-1].writer.close()
                for _ in range(3):
                    peer = await stage.peer()
                    await peer.read()
                    peer.writer.close()
                await (await stage.peer()).welcome()
                await until(lambda: source.stats.connects == 2)
    assert [entry["event"] for entry in logs] == ["source up", "source down", "source up"]
    assert source.stats.disconnects == 4


async def test_backoff_is_full_jitter_and_starts_over() -> None:
    journal = Journal()
    waits: list[float] = []

    def jitter() -> float:
        waits.append(1)
        return 0.0

    async with scripted_broker() as stage:
        settings = config(
            [SIMPLE], url=f"mqtt://127.0.0.1:{stage.port}", protocol="5", reconnect={"min": "1s", "max": "60s"}
        )
        source = MqttSource("src", settings, registry(), journal.ledger, Wall(), None, jitter)
        async with running(source, journal):
            for _ in range(4):
                peer = await stage.peer()
                await peer.read()
                peer.writer.close()
            await stage.peer()
    assert len(waits) == 4


async def test_a_broken_invariant_ends_the_run() -> None:
    journal = Journal()

    async def broken(parcel: Any) -> None:
        raise InvariantBroken("a count does not balance")

    async with scripted_broker() as stage:
        source = make(stage, journal.ledger)
        task = asyncio.create_task(source.run(broken))
        peer = await stage.peer()
        await peer.welcome()
        peer.send(publish(BODY, 1))
        with pytest.raises(InvariantBroken):
            await asyncio.wait_for(task, 5)
        assert balanced(source)


async def test_leaving_keeps_what_came_and_says_goodbye() -> None:
    journal = Journal()
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger, linger="1s")
        task = asyncio.create_task(source.run(journal))
        peer = await stage.peer()
        await peer.welcome()
        peer.send(publish(BODY, 1), publish(BODY))
        await until(lambda: source.stats.received == 2)
        task.cancel()
        assert await peer.acks(1) == [1]
        left = await peer.read()
        assert isinstance(left, mqtt5.DisconnectPacket)
        await asyncio.wait([task])
        assert task.cancelled()
        assert journal.messages == 2
        assert balanced(source)


async def test_what_is_held_back_is_not_read_on_the_way_out() -> None:
    """C6: as parcels came through, reading went on; what it brought was cut off, kept all the same, and came twice."""
    journal, gate = Journal(), asyncio.Event()
    journal.gate = lambda parcel: gate
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger, receive_maximum=20, linger_messages=10)
        task = asyncio.create_task(source.run(journal))
        peer = await stage.peer()
        await peer.welcome()
        for _ in range(40):
            peer.send(*[publish(BODY) for _ in range(50)])
            await asyncio.sleep(0)
        await until(lambda: source.stats.pauses == 1)
        await asyncio.sleep(0.05)
        held = source.stats.received
        task.cancel()
        await asyncio.sleep(0.02)
        gate.set()
        await asyncio.wait([task])
        assert (source.stats.received, source.stats.journaled, source.stats.lost) == (held, held, 0)
        assert journal.messages == held
        assert balanced(source)


async def test_a_journal_that_hangs_does_not_hold_the_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.mqtt.source._LAST_PARCELS", 0.05)
    journal = Journal()
    journal.gate = lambda parcel: asyncio.Event()
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger)
        task = asyncio.create_task(source.run(journal))
        peer = await stage.peer()
        await peer.welcome()
        peer.send(publish(BODY, 1))
        await until(lambda: len(journal.offered) == 1)
        task.cancel()
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()
        await until(lambda: source.stats.returned == 1)
        assert balanced(source)


async def test_a_broker_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.mqtt.transport._PATIENCE", 0.05)
    journal = Journal()
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger)
        async with running(source, journal):
            await stage.peer()
            await stage.peer()
            assert "did not answer" in source.stats.last_error


async def test_a_dead_connection_is_noticed_by_the_keepalive(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal()
    async with scripted_broker() as stage:
        source = make(stage, journal.ledger)
        async with running(source, journal):
            peer = await stage.peer()
            await peer.read()
            peer.send(mqtt5.ConnAckPacket(server_keep_alive=1))
            requested = await peer.read()
            assert isinstance(requested, mqtt5.SubscribePacket)
            peer.send(mqtt5.SubAckPacket(requested.packet_id, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]))
            assert isinstance(await peer.read(), mqtt5.PingReqPacket)
            await stage.peer()  # no answer: a new connection
            assert "no packet for" in source.stats.last_error
