"""What the port `CommandPort` promises, of every adapter that sends commands against a device that takes them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from contract.harness import CommandPeer, command_peers

from gateway.adapters import SOURCES
from gateway.command_port import CommandPort
from gateway.domain.device_command.exchange import AnswerKind, CommandNotSent
from gateway.domain.record import Parcel
from gateway.ports import Source

pytestmark = pytest.mark.server
SENDERS = [name for name, adapter in SOURCES.items() if adapter.command_form is not None]
PEERS = [pytest.param((name, kind), id=f"{name} {kind}") for name in SENDERS for kind in command_peers(name)]


@pytest.fixture(params=PEERS)
def counterpart(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
async def peer(counterpart: tuple[str, str], tmp_path: Path) -> AsyncIterator[CommandPeer]:
    name, kind = counterpart
    async with command_peers(name)[kind](tmp_path) as found:
        yield found


@pytest.fixture
def source(counterpart: tuple[str, str], peer: CommandPeer) -> Source:
    adapter = SOURCES[counterpart[0]]
    made: Source = adapter.build("one", adapter.config.model_validate(peer.config), peer.services)
    return made


async def _kept(_: Parcel) -> None:
    return None


@asynccontextmanager
async def running(source: Source) -> AsyncIterator[CommandPort]:
    """The source at work, once it is connected."""
    assert isinstance(source, CommandPort)
    task = asyncio.ensure_future(source.run(_kept))
    try:
        async with asyncio.timeout(10):
            while not any(one.family == "source_up" and one.value for one in source.samples()):
                await asyncio.sleep(0.01)
        yield source
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_every_adapter_that_sends_commands_is_tested() -> None:
    assert all(command_peers(name) for name in SENDERS)


async def test_answers(source: Source, peer: CommandPeer) -> None:
    async with running(source) as port:
        done = await port.send_command(peer.command("a1"))
        assert (done.kind, peer.received()) == (AnswerKind.OK, 1)
        peer.behave("error")
        refused = await port.send_command(peer.command("a2"))
        assert (refused.kind, peer.received()) == (AnswerKind.ERROR, 2)
        assert refused.text


async def test_silence_is_no_answer_and_nothing_is_sent_again(source: Source, peer: CommandPeer) -> None:
    async with running(source) as port:
        peer.behave("silent")
        silent = await port.send_command(peer.command("s1"))
        assert (silent.kind, peer.received()) == (AnswerKind.SILENT, 1)
        peer.behave("ok")
        assert (await port.send_command(peer.command("s2"))).kind is AnswerKind.OK
        assert peer.received() == 2


@pytest.mark.parametrize("kind", ["late", "foreign"])
async def test_an_answer_to_something_else_is_none(source: Source, peer: CommandPeer, kind: str) -> None:
    async with running(source) as port:
        peer.behave(kind)  # type: ignore[arg-type]
        assert (await port.send_command(peer.command("l1"))).kind is AnswerKind.SILENT
        peer.behave("silent")  # a late answer to the first one comes now
        assert (await port.send_command(peer.command("l2"))).kind is AnswerKind.SILENT
        assert peer.received() == 2


async def test_without_a_connection_nothing_is_sent(source: Source, peer: CommandPeer) -> None:
    assert isinstance(source, CommandPort)
    await peer.leave()
    task = asyncio.ensure_future(source.run(_kept))
    try:
        with pytest.raises(CommandNotSent):
            await source.send_command(peer.command("n1"))
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert peer.received() == 0


async def test_a_command_that_is_given_up_leaves_the_next_one_alone(source: Source, peer: CommandPeer) -> None:
    async with running(source) as port:
        peer.behave("silent")
        given_up = asyncio.ensure_future(port.send_command(peer.command("g1")))
        async with asyncio.timeout(5):
            while peer.received() == 0:
                await asyncio.sleep(0.005)
        given_up.cancel()
        with suppress(asyncio.CancelledError):
            await given_up
        peer.behave("ok")
        assert (await port.send_command(peer.command("g2"))).kind is AnswerKind.OK
        assert peer.received() == 2
