"""Serial buses: frames, faults, real pseudo terminals, a port that goes and comes. Never a wrong value."""

import asyncio
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_kit import until
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from protocols.modbus.bus_link import MUTE, BusLink
from protocols.modbus.config import LinkConfig
from protocols.modbus.frames import PendingRequest, SortedFrames
from protocols.modbus.link import ExceptionResponse, LinkDown, Silent
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.rtu_frames import crc, sift_rtu
from protocols.modbus.slave import Backoff
from protocols.modbus.wiring import timing_of, wire_of
from simulators.serial_bus import Fault, SerialBus, checksum, framed

H, C = RegisterTable.HOLDING, RegisterTable.COIL
REQUEST = PendingRequest(transaction=0, unit=17, function=3, count=2)
GOOD = framed(bytes([17, 3, 4, 0, 1, 0, 2]))
SOON = Backoff(min=1, max=1)
needs_socat = pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")


class Ramp:
    """Register n of unit u holds 256 u + n."""

    size, reserved = 100, ()

    def __init__(self, number: int) -> None:
        self.number = number

    def image(self) -> list[int]:
        return [self.number << 8 | n for n in range(self.size)]

    def coils(self) -> list[bool]:
        return [n % 3 == 0 for n in range(20)]

    def discrete_inputs(self) -> list[bool]:
        return []


def _want(unit: int, address: int, count: int) -> list[int]:
    return [unit << 8 | n for n in range(address, address + count)]


def _bus(**keys: Any) -> SerialBus:
    return SerialBus({number: Ramp(number) for number in (1, 2, 3)}, **keys)


def _link(**keys: Any) -> BusLink:
    config = LinkConfig.model_validate({"timeout": "150ms", "late_answer": "60ms"} | keys)
    return BusLink(wire_of(config), timing_of(config), SOON)


@asynccontextmanager
async def serving(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A server whose every connection is `talk`; its address."""
    tasks: set[asyncio.Task[Any]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


def test_the_checksum_is_that_of_the_standard() -> None:
    assert crc(b"\x02\x07") == b"\x41\x12", "MODBUS over Serial Line V1.02, 6.2.2"


@given(st.binary(max_size=260))
def test_both_checksums_agree(data: bytes) -> None:
    assert crc(data) == checksum(data)


def test_the_answer_passes() -> None:
    assert sift_rtu(GOOD, REQUEST) == SortedFrames(GOOD)
    refusal = framed(bytes([17, 0x83, 2]))
    assert sift_rtu(refusal, REQUEST) == SortedFrames(refusal)
    assert sift_rtu(GOOD + b"\1", REQUEST) == SortedFrames(GOOD, rest=1)


@given(st.integers(0, len(GOOD) - 1))
def test_half_an_answer_is_waited_for(length: int) -> None:
    assert sift_rtu(GOOD[:length], REQUEST).answer is None


_FOREIGN = st.sampled_from(
    [
        framed(bytes([18, 3, 4, 0, 1, 0, 2])),
        framed(bytes([17, 4, 4, 0, 1, 0, 2])),
        framed(bytes([17, 3, 2, 0, 1])),
        framed(bytes([17, 0x84, 2])),
        framed(bytes([17, 3, 0, 0, 0, 2])),
        framed(bytes([17, 3, 9]) + GOOD),
    ]
)


@given(st.lists(_FOREIGN, max_size=4), st.binary(max_size=6))
def test_frames_of_others_and_noise_before_it_are_passed_over(foreign: list[bytes], noise: bytes) -> None:
    before = b"".join(foreign)
    seen = sift_rtu(before + GOOD, REQUEST)
    assert (seen.answer, seen.strays) == (GOOD, len(foreign))
    assert sift_rtu(before, REQUEST).answer is None
    assert sift_rtu(noise + GOOD, REQUEST).answer == GOOD


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed(place: int, change: int) -> None:
    blob = bytearray(GOOD)
    blob[place] ^= change
    assert sift_rtu(bytes(blob), REQUEST).answer is None


async def test_words_bits_and_exceptions_of_a_serial_server() -> None:
    bus = _bus()
    async with bus.over_tcp() as port:
        link = _link(rtu_tcp=f"127.0.0.1:{port}", timeout="3s")
        assert await link.read(1, H, 3, 5) == _want(1, 3, 5)
        assert await link.read(3, H, 0, 100) == _want(3, 0, 100)
        assert await link.read(2, C, 1, 19) == [int(n % 3 == 0) for n in range(1, 20)]
        with pytest.raises(ExceptionResponse, match="exception_2"):
            await link.read(1, H, 99, 2)
        assert link.strays == 0
        await link.close()


FAULTS: list[Fault] = ["late", "lost", "cut", "twice", "unit", "function", "count", "crc", "noise", "foreign", ""]


@pytest.mark.parametrize("seed", range(2))
async def test_no_fault_of_a_bus_gives_a_wrong_value(seed: int) -> None:
    """Requests of the same form on purpose: nothing but time tells a late answer from the right one."""
    rng, bus = random.Random(seed), _bus()
    right, none = 0, 0
    async with bus.over_tcp() as port:
        bus.faults.late_by, bus.faults.again = 0.05, 0.02
        link = _link(rtu_tcp=f"127.0.0.1:{port}", timeout="25ms", late_answer="80ms")
        for turn in range(25):
            unit, address = rng.choice((1, 1, 2)), rng.randrange(90)
            bus.faults.coming.clear()
            bus.faults.coming.append(FAULTS[(turn + seed) % len(FAULTS)])
            try:
                words = await link.read(unit, H, address, 2)
            except Silent:
                none += 1
            else:
                assert words == _want(unit, address, 2)
                right += 1
        for n in range(6):
            assert await link.read(1, H, n, 2) == _want(1, n, 2), "the bus goes on by itself"
        await link.close()
    assert right >= 5
    assert none >= 5


async def test_a_late_answer_is_thrown_away_before_the_next_request() -> None:
    bus = _bus()
    async with bus.over_tcp() as port:
        bus.faults.late_by = 0.06
        bus.faults.coming.append("late")
        link = _link(rtu_tcp=f"127.0.0.1:{port}", timeout="30ms", late_answer="100ms")
        with pytest.raises(Silent, match="timeout"):
            await link.read(1, H, 10, 2)
        assert await link.read(1, H, 50, 2) == _want(1, 50, 2)
        assert link.strays == 1
        await link.close()


async def test_a_cancelled_caller_leaves_no_answer_behind() -> None:
    bus = _bus()
    async with bus.over_tcp() as port:
        bus.faults.slow[1] = 0.05
        link = _link(rtu_tcp=f"127.0.0.1:{port}", timeout="3s", late_answer="100ms")
        task = asyncio.create_task(link.read(1, H, 7, 2))
        await until(lambda: bus.requests.get(1) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        bus.faults.slow.clear()
        assert await link.read(1, H, 30, 2) == _want(1, 30, 2)
        await link.close()


async def test_what_came_instead_of_an_answer_is_named() -> None:
    bus = _bus()
    async with bus.over_tcp() as port:
        link = _link(rtu_tcp=f"127.0.0.1:{port}", timeout="30ms", late_answer="0s")
        faults: list[tuple[Fault, str]] = [("crc", "garbled checksum"), ("unit", "garbled other frame")]
        for fault, text in faults:
            bus.faults.coming.append(fault)
            with pytest.raises(Silent, match=text):
                await link.read(1, H, 0, 2)
        await link.close()


async def test_a_line_that_is_never_quiet_is_no_wait_for_ever() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"\xff\0")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(babble) as place, asyncio.timeout(10):
        link = _link(rtu_tcp=place, timeout="100ms")
        for _ in range(2):
            with pytest.raises(Silent, match="garbled"):
                await link.read(1, H, 0, 1)
        await link.close()


async def test_a_connection_without_a_byte_is_opened_again() -> None:
    opened = []

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        await reader.read()

    async with serving(deaf) as place:
        link = _link(rtu_tcp=place, timeout="10ms", late_answer="0s")
        for _ in range(MUTE + 1):
            with pytest.raises(Silent):
                await link.read(1, H, 0, 1)
        await until(lambda: len(opened) == 2)
        await link.close()


async def test_a_slow_line_needs_no_other_timeout() -> None:
    """At 2400 baud a request of 40 registers takes 0.4 s on the wire alone."""
    bus = _bus(baud=2400)
    async with bus.over_pty() as path:
        link = _link(rtu=path, baud=2400, timeout="200ms")
        assert await link.read(1, H, 0, 40) == _want(1, 0, 40)
        await link.close()


async def test_an_adapter_that_repeats_what_is_sent() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(8):
            writer.write(request + framed(bytes([request[0], 3, 2, 0, 7])))

    async with serving(echo) as place:
        for configured, strays in ((True, 0), (False, 1)):
            link = _link(rtu_tcp=place, timeout="3s", echo=configured)
            assert await link.read(5, H, 0x0200, 1) == [7]
            assert link.strays == strays
            await link.close()


@contextmanager
def _cable(one: Path, other: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Two serial ports joined by a cable, by socat; ending it is unplugging both."""
    command = ["socat", f"pty,raw,echo=0,link={one}", f"pty,raw,echo=0,link={other}"]
    cable = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield cable
    finally:
        cable.terminate()
        cable.wait()


@needs_socat
async def test_a_port_that_is_unplugged_and_comes_back(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    link = _link(rtu=str(near), timeout="3s", baud=115200)
    for _ in range(2):
        with _cable(near, far):
            await until(lambda: near.exists() and far.exists())
            memory = SimData(0, values=_want(9, 0, 60), datatype=DataType.REGISTERS)
            server = ModbusSerialServer([SimDevice(9, [memory])], framer=FramerType.RTU, port=str(far), baudrate=115200)
            await server.serve_forever(background=True)
            assert await link.read(9, H, 5, 40) == _want(9, 5, 40)
            assert await link.read(9, H, 6, 40) == _want(9, 6, 40)
            await server.shutdown()
        with pytest.raises(LinkDown) as gone:
            await link.read(9, H, 5, 40)
        assert gone.value.key == "modbus.down.port_missing"
        await asyncio.sleep(0)
    await link.close()


async def test_a_port_in_use_names_its_user(tmp_path: Path) -> None:
    async with _bus().over_pty() as path:
        script = "import fcntl,os,sys; fcntl.flock(os.open(sys.argv[1], os.O_RDWR), 2); print(flush=True); input()"
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert holder.stdout is not None
        await holder.stdout.readline()
        link = _link(rtu=path)
        with pytest.raises(LinkDown) as taken:
            await link.read(1, H, 0, 1)
        assert str(holder.pid) in taken.value.text("en")
        assert f"进程 {holder.pid}" in taken.value.text("zh")
        await holder.communicate(b"\n")
        assert await link.read(1, H, 0, 1) == _want(1, 0, 1)
        await link.close()


async def test_a_file_is_no_port(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(LinkDown) as wrong:
        await _link(rtu=str(file)).read(1, H, 0, 1)
    assert wrong.value.key == "modbus.down.no_port"
