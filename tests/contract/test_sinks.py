"""What the port `Sink` promises, of every registered receiver against its real counterpart."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from contract.harness import SinkPeer, peer_of
from structlog.testing import capture_logs
from webhook_receiver import StoppedClock

from gateway.adapter_ports import EndpointAdapter
from gateway.adapters import ENDPOINTS
from gateway.domain.delivery import Receipt
from gateway.domain.errors import DeliveryDeferred, DeliveryError, DeliveryRefused
from gateway.ports import Sink

MOST_ATTEMPTS = 12
TIME_LIMIT = 5.0  # s; the counterparts configure their sinks with 1 s


@pytest.fixture(params=ENDPOINTS)
def adapter(request: pytest.FixtureRequest) -> EndpointAdapter:  # type: ignore[type-arg]
    found: EndpointAdapter = ENDPOINTS[request.param]  # type: ignore[type-arg]
    return found


@pytest.fixture
async def peer(adapter: EndpointAdapter, tmp_path: Path) -> AsyncIterator[SinkPeer]:  # type: ignore[type-arg]
    async with peer_of(adapter.name)(tmp_path) as found:
        yield found


@pytest.fixture
async def sink(adapter: EndpointAdapter, peer: SinkPeer) -> AsyncIterator[Sink]:  # type: ignore[type-arg]
    made: Sink = adapter.build("one", adapter.config.model_validate(peer.config), StoppedClock())
    yield made
    await made.close()


async def outcome(sink: Sink, peer: SinkPeer, attempt: int = 1) -> Receipt | DeliveryError:
    async with asyncio.timeout(TIME_LIMIT):
        try:
            return await sink.deliver(peer.delivery(attempt))
        except DeliveryError as error:
            return error


async def test_taken(sink: Sink, peer: SinkPeer) -> None:
    assert sink.name == "one"
    peer.answer("taken")
    assert isinstance(await outcome(sink, peer), Receipt)
    assert isinstance(await outcome(sink, peer), Receipt), "the same again is the receiver's to tell"
    assert peer.requests() == 2


async def test_later_is_tried_again_whatever_the_attempt(sink: Sink, peer: SinkPeer) -> None:
    peer.answer("later")
    for attempt in (1, 4, MOST_ATTEMPTS):
        assert isinstance(await outcome(sink, peer, attempt), DeliveryDeferred)
    peer.answer("taken")
    assert isinstance(await outcome(sink, peer), Receipt)


async def test_a_refusal_ends(sink: Sink, peer: SinkPeer) -> None:
    peer.answer("refused")
    found = [type(await outcome(sink, peer, attempt)) for attempt in range(1, MOST_ATTEMPTS + 1)]
    assert found[-1] is DeliveryRefused
    assert set(found[: found.index(DeliveryRefused)]) <= {DeliveryDeferred}


async def test_silence_ends_at_the_time_limit(sink: Sink, peer: SinkPeer) -> None:
    peer.answer("silent")
    found = await outcome(sink, peer)
    assert isinstance(found, DeliveryDeferred)
    assert str(found) == "timeout"


async def test_a_cancelled_attempt_ends_at_once_and_the_next_works(sink: Sink, peer: SinkPeer) -> None:
    peer.answer("silent")
    task = asyncio.create_task(sink.deliver(peer.delivery(1)))
    async with asyncio.timeout(TIME_LIMIT):
        while not peer.requests():
            await asyncio.sleep(0.005)
    task.cancel()
    async with asyncio.timeout(0.5):
        with pytest.raises(asyncio.CancelledError):
            await task
    peer.answer("taken")
    assert isinstance(await outcome(sink, peer), Receipt)


async def test_check_sends_nothing(sink: Sink, peer: SinkPeer) -> None:
    await sink.check()
    assert peer.requests() == 0


async def test_secrets_are_said_nowhere(sink: Sink, peer: SinkPeer) -> None:
    said: list[str] = []
    with capture_logs() as lines:
        for kind in ("taken", "later", "refused"):
            peer.answer(kind)  # type: ignore[arg-type]
            said += [str(found := await outcome(sink, peer, MOST_ATTEMPTS)), repr(found)]
    text = "\n".join([*said, *map(str, lines), repr(sink)])
    assert peer.secrets
    for secret in peer.secrets:
        assert secret not in text


def test_it_says_which_events_it_takes(adapter: EndpointAdapter, peer: SinkPeer) -> None:  # type: ignore[type-arg]
    config = adapter.config.model_validate(peer.config)
    families = {glob.split(".", 1)[0] for glob in adapter.events(config)}
    assert families <= ({"notice"} if adapter.payload == "notice" else {"workorder", "alarm", "*"})
    found = adapter.check("one", config, "gateway.yaml")
    assert (found.problems, found.warnings) == ([], [])
