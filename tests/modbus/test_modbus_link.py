"""The wire: a real server, and a proxy that makes every mistake a serial gateway makes. Never a wrong value."""

import asyncio
import random
import socket
from itertools import pairwise
from typing import Any

import pytest
from modbus_kit import Proxy, honest, until

from protocols.modbus.bus_link import BusLink, WireTiming
from protocols.modbus.link import ExceptionResponse, LinkDown, Silent
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.slave import Backoff
from protocols.modbus.wires import TcpWire
from simulators.modbus_server import ModbusServer

H, I = RegisterTable.HOLDING, RegisterTable.INPUT  # noqa: E741
SOON = Backoff(min=1, max=1)


class Ramp:
    """A unit whose register n holds 256 * unit + n: a value out of place is seen at once."""

    size = 100
    reserved = ((40, 44),)

    def __init__(self, number: int) -> None:
        self.number = number

    def image(self) -> list[int]:
        return [self.number << 8 | n for n in range(self.size)]


def _units(count: int = 3) -> dict[int, Ramp]:
    return {number: Ramp(number) for number in range(1, count + 1)}


def _link(port: int, timeout: float = 3.0, retry: Backoff = SOON, pause: float = 0.0) -> BusLink:
    return BusLink(TcpWire("127.0.0.1", port, f"127.0.0.1:{port}"), WireTiming(timeout, 1.0, pause), retry)


def _want(unit: int, address: int, count: int) -> list[int]:
    return [unit << 8 | n for n in range(address, address + count)]


async def test_words_of_both_tables() -> None:
    async with ModbusServer(_units()) as server:
        link = _link(server.port)
        assert await link.read(1, H, 0, 3) == _want(1, 0, 3)
        assert await link.read(3, I, 45, 55) == _want(3, 45, 55)
        assert server.connections == 1
        await link.close()


async def test_exceptions_name_their_code_and_keep_the_connection() -> None:
    async with ModbusServer(_units()) as server:
        server.faults.cap[2] = 10
        link = _link(server.port)
        with pytest.raises(ExceptionResponse) as beyond:
            await link.read(1, H, 99, 2)
        with pytest.raises(ExceptionResponse) as reserved:
            await link.read(1, H, 39, 2)
        with pytest.raises(ExceptionResponse) as many:
            await link.read(2, H, 0, 11)
        assert [beyond.value.code, reserved.value.code, many.value.code] == [2, 2, 3]
        assert beyond.value.reason == "exception_2"
        assert await link.read(2, H, 0, 10) == _want(2, 0, 10)
        assert server.connections == 1
        await link.close()


async def test_callers_wait_for_each_other() -> None:
    async with ModbusServer(_units()) as server, Proxy(server.port, honest) as proxy:
        link = _link(proxy.port, timeout=2)
        answers = await asyncio.gather(*(link.read(1 + n % 3, H, n, 2) for n in range(30)))
        assert answers == [_want(1 + n % 3, n, 2) for n in range(30)]
        assert len(proxy.writers) == 1
        await link.close()


async def test_a_dead_unit_is_silent_and_the_next_one_is_answered() -> None:
    async with ModbusServer(_units()) as server:
        server.faults.dead.add(2)
        link = _link(server.port, timeout=0.1)
        with pytest.raises(Silent) as silence:
            await link.read(2, H, 0, 1)
        assert silence.value.reason == "timeout"
        assert await link.read(1, H, 0, 1) == _want(1, 0, 1)
        assert server.connections == 2, "the connection is opened again after a time-out"
        assert server.requests[2] == 1
        await link.close()


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        link = _link(taken.getsockname()[1], retry=Backoff(60_000_000, 60_000_000))
        with pytest.raises(LinkDown, match="no connection"):
            await link.read(1, H, 0, 1)
        with pytest.raises(LinkDown, match="waiting"):
            await link.read(1, H, 0, 1)


async def test_the_server_comes_back() -> None:
    async with ModbusServer(_units()) as server:
        port = server.port
        link = _link(port)
        await link.read(1, H, 0, 1)
    with pytest.raises(LinkDown):
        await link.read(1, H, 0, 1)
    async with ModbusServer(_units(), port=port):
        await asyncio.sleep(0.001)
        assert await link.read(1, H, 5, 1) == _want(1, 5, 1)
        await link.close()


async def test_a_connection_closed_while_idle_is_opened_again_unnoticed() -> None:
    async with ModbusServer(_units()) as server, Proxy(server.port, honest) as proxy:
        link = _link(proxy.port)
        await link.read(1, H, 0, 1)
        proxy.client.close()
        assert await link.read(1, H, 1, 1) == _want(1, 1, 1)
        assert len(proxy.writers) == 2
        await link.close()


async def test_a_connection_closed_instead_of_an_answer_is_tried_once_more() -> None:
    async with ModbusServer(_units()) as server:
        server.faults.hang_up_every[1] = 2
        link = _link(server.port, timeout=5)
        assert await link.read(1, H, 0, 1) == _want(1, 0, 1)
        assert await link.read(1, H, 1, 1) == _want(1, 1, 1)
        server.faults.hang_up_every[1] = 1
        with pytest.raises(LinkDown):
            await link.read(1, H, 2, 1)
        await link.close()


async def test_a_cancelled_caller_leaves_no_answer_behind() -> None:
    async with ModbusServer(_units()) as server:
        server.faults.slow[1] = 0.05
        link = _link(server.port, timeout=5)
        task = asyncio.create_task(link.read(1, H, 7, 2))
        await until(lambda: server.requests.get(1) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await link.read(2, H, 7, 2) == _want(2, 7, 2)
        assert server.connections == 2
        await link.close()


async def test_a_cancellation_that_meets_the_answer_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """`asyncio.wait_for` of Python 3.11 loses it: a source could not be stopped."""
    async with ModbusServer(_units()) as server:
        link = _link(server.port)
        watch = link._watch
        task = asyncio.create_task(link.read(1, H, 0, 2))

        def meet(client: Any, sending: bool, data: bytes) -> bytes:
            if not sending:
                task.cancel()
            return watch(client, sending, data)

        monkeypatch.setattr(link, "_watch", meet)
        async with asyncio.timeout(5):
            with pytest.raises(asyncio.CancelledError):
                await task
        await link.close()


async def test_a_caller_cancelled_while_connecting_leaves_no_connection() -> None:
    async with ModbusServer(_units()) as server:
        link = _link(server.port)
        for _ in range(20):
            task = asyncio.create_task(link.read(1, H, 0, 1))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await link.read(1, H, 0, 1) == _want(1, 0, 1)
        await link.close()


async def _late_to_the_new_connection(proxy: Proxy, _client: asyncio.StreamWriter, answer: bytes) -> None:
    """A serial gateway that delivers the answer of the old request to whoever is connected when it comes."""
    if proxy.turn % 2:
        proxy.kept.append(answer)
        return
    for late in proxy.kept:
        proxy.client.write(late)
    proxy.kept.clear()
    proxy.client.write(answer)


async def test_a_late_answer_on_the_new_connection_is_never_taken() -> None:
    async with ModbusServer(_units(1)) as server, Proxy(server.port, _late_to_the_new_connection) as proxy:
        link = _link(proxy.port, timeout=0.12)
        for n in range(0, 10, 2):
            with pytest.raises(Silent):
                await link.read(1, H, n, 2)
            assert await link.read(1, H, n + 1, 2) == _want(1, n + 1, 2)
        assert link.strays == 5
        transactions = [request[:2] for request in proxy.requests]
        assert len(set(transactions)) == len(transactions), "numbers go on over connections"
        await link.close()


async def _half_then_closed(proxy: Proxy, client: asyncio.StreamWriter, answer: bytes) -> None:
    client.write(answer[: len(answer) // 2])
    await client.drain()
    client.write_eof()


async def test_half_an_answer_is_no_answer() -> None:
    async with ModbusServer(_units()) as server, Proxy(server.port, _half_then_closed) as proxy:
        link = _link(proxy.port, timeout=30)
        for _ in range(3):
            with pytest.raises((Silent, LinkDown)):
                await link.read(1, H, 0, 4)
            await asyncio.sleep(0.001)
        await link.close()


async def _garbage_first(proxy: Proxy, client: asyncio.StreamWriter, answer: bytes) -> None:
    client.write(b"\x15\xfe\x33\x07\x00\x80\x11" + answer)


async def test_garbage_ends_the_connection_at_once() -> None:
    async with ModbusServer(_units()) as server, Proxy(server.port, _garbage_first) as proxy:
        link = _link(proxy.port, timeout=30)
        with pytest.raises(Silent) as silence:
            await link.read(1, H, 0, 4)
        assert silence.value.reason == "garbled"
        await link.close()


async def _twice(proxy: Proxy, client: asyncio.StreamWriter, answer: bytes) -> None:
    client.write(answer + answer)


async def test_an_answer_sent_twice_spoils_nothing() -> None:
    async with ModbusServer(_units()) as server, Proxy(server.port, _twice) as proxy:
        link = _link(proxy.port)
        for n in range(5):
            assert await link.read(1 + n % 3, H, n, 3) == _want(1 + n % 3, n, 3)
        assert link.strays >= 1
        await link.close()


async def test_dribbled_answers_are_whole() -> None:
    async def dribble(_proxy: Proxy, client: asyncio.StreamWriter, answer: bytes) -> None:
        for byte in answer:
            client.write(bytes([byte]))
            await asyncio.sleep(0)

    async with ModbusServer(_units()) as server, Proxy(server.port, dribble) as proxy:
        link = _link(proxy.port, timeout=5)
        assert await link.read(1, H, 0, 20) == _want(1, 0, 20)
        await link.close()


@pytest.mark.parametrize("seed", range(3))
async def test_everything_at_once_never_gives_a_wrong_value(seed: int) -> None:
    """Late, doubled, swapped, truncated, foreign, noisy: an answer is right, or there is none."""
    rng = random.Random(seed)
    kept: list[bytes] = []

    async def chaos(proxy: Proxy, _client: asyncio.StreamWriter, answer: bytes) -> None:
        await asyncio.sleep(0)
        out = proxy.client
        for late in [kept.pop() for _ in range(min(len(kept), rng.randrange(3)))]:
            out.write(late)
        match rng.randrange(9):
            case 0:
                kept.append(answer)
            case 1:
                kept.append(answer)
                out.write(answer)
            case 2:
                out.write(answer[: rng.randrange(len(answer))])
            case 3:
                out.write(rng.randbytes(rng.randrange(1, 30)) + answer)
            case 4:
                out.write(answer[:6] + bytes([9]) + answer[7:])
            case 5:
                out.write(b"\0\0" + answer[2:])
            case 6:
                out.close()
            case _:
                out.write(answer)

    right, none = 0, 0
    async with ModbusServer(_units()) as server, Proxy(server.port, chaos) as proxy:
        link = _link(proxy.port, timeout=0.02)
        for _ in range(50):
            unit, address, count = rng.randrange(1, 4), rng.randrange(30), rng.randrange(1, 10)
            try:
                words = await link.read(unit, H, address, count)
            except (Silent, LinkDown):
                none += 1
                await asyncio.sleep(0)
            else:
                assert words == _want(unit, address, count)
                right += 1
        await link.close()
    assert right > 10
    assert none > 10


async def test_silence_between_requests() -> None:
    times: list[float] = []

    async def note(_proxy: Proxy, client: asyncio.StreamWriter, answer: bytes) -> None:
        times.append(asyncio.get_running_loop().time())
        client.write(answer)

    async with ModbusServer(_units()) as server, Proxy(server.port, note) as proxy:
        link = _link(proxy.port, 1, pause=0.03)
        for n in range(3):
            await link.read(1, H, n, 1)
        assert min(b - a for a, b in pairwise(times)) >= 0.03
        await link.close()
