"""A serial Modbus bus: several devices on one line, with its speed and its faults, over a pseudo terminal or TCP.

Written from MODBUS over Serial Line V1.02 alone (2.5.1 frames, 2.4.1 silence for errors, 6.2 CRC), with no library: it
shares no code with what it tests. Units are those of `simulators.modbus_server`.
"""

import asyncio
import os
import tty
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from simulators.modbus_server import BitUnit, ModbusUnit

REQUEST = 8
BITS = 11
_BITS_OF = {1: "coils", 2: "discrete_inputs"}
Fault = Literal["", "late", "lost", "cut", "twice", "unit", "function", "count", "crc", "noise", "foreign"]


def checksum(data: bytes) -> bytes:
    """CRC-16, bit by bit as the flow chart of 6.2.2, low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            carry = value & 1
            value >>= 1
            if carry:
                value ^= 0xA001
    return bytes([value & 0xFF, value >> 8])


def framed(data: bytes) -> bytes:
    """Unit, function and data as a frame."""
    return data + checksum(data)


@dataclass(slots=True)
class BusFaults:
    """Faults, to change while the bus runs. `dead` units never answer, `slow` ones after so many seconds. `coming` are
    those of the next answers, one each: late (by `late_by` s), lost, cut in two, twice (`again` s later), another unit,
    function or number of bytes, a wrong CRC, noise before it, a frame of another device before it."""

    dead: set[int] = field(default_factory=set)
    slow: dict[int, float] = field(default_factory=dict)
    coming: deque[Fault] = field(default_factory=deque)
    late_by: float = 0.05
    again: float = 0.01


class SerialBus:
    """Devices on one line. `baud`: bytes take their time (0 = none). `requests` counts by unit."""

    def __init__(self, units: Mapping[int, ModbusUnit], *, baud: int = 0, turnaround: float = 0.0) -> None:
        self.units, self.baud, self.turnaround = dict(units), baud, turnaround
        self.faults = BusFaults()
        self.requests: dict[int, int] = {}
        self._buffer = b""
        self._write: Callable[[bytes], None] = lambda _: None
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def over_tcp(self) -> AsyncIterator[int]:
        """A transparent serial server: its port. Answers go to whoever connected last."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._write, self._buffer = writer.write, b""
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                while data := await reader.read(256):
                    self._received(data)
            except ConnectionError:
                pass
            finally:
                self._tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await self._end()

    @asynccontextmanager
    async def over_pty(self) -> AsyncIterator[str]:
        """A pseudo terminal: the path of the end to open."""
        ours, theirs = os.openpty()
        path = os.ttyname(theirs)
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        loop = asyncio.get_running_loop()

        def read() -> None:
            with suppress(OSError):  # nobody has the other end open
                self._received(os.read(ours, 256))

        def write(data: bytes) -> None:
            os.write(ours, data)

        loop.add_reader(ours, read)
        self._write = write
        try:
            yield path
        finally:
            loop.remove_reader(ours)
            await self._end()
            os.close(ours)
            os.close(theirs)

    async def _end(self) -> None:
        self._write = lambda _: None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports finish closing

    def _received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= REQUEST:
            frame = self._buffer[:REQUEST]
            if checksum(frame[:-2]) != frame[-2:]:
                self._buffer = self._buffer[1:]
                continue
            self._buffer = self._buffer[REQUEST:]
            self.requests[frame[0]] = self.requests.get(frame[0], 0) + 1
            task = asyncio.get_running_loop().create_task(self._answer(frame))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: bytes) -> None:
        unit = request[0]
        if unit not in self.units or unit in self.faults.dead:
            return
        fault = self.faults.coming.popleft() if self.faults.coming else ""
        answer = framed(self._response(request))
        bytes_s = (REQUEST + len(answer)) * BITS / self.baud if self.baud else 0.0
        wait = bytes_s + self.turnaround + self.faults.slow.get(unit, 0.0)
        await asyncio.sleep(wait + (self.faults.late_by if fault == "late" else 0.0))
        half = len(answer) // 2
        match fault:
            case "lost":
                return
            case "cut":
                answer = answer[:half]
            case "unit":
                answer = framed(bytes([unit ^ 0x40]) + answer[1:-2])
            case "function":
                answer = framed(bytes([unit, answer[1] ^ 7]) + answer[2:-2])
            case "count":
                answer = framed(bytes([unit, answer[1], answer[2] + 2]) + answer[3:-2] + b"\1\2")
            case "crc":
                answer = answer[:-1] + bytes([answer[-1] ^ 0x10])
            case "noise":
                answer = bytes([0, unit, 3, 0xFF]) + answer
            case "foreign":
                answer = framed(bytes([unit ^ 0x40]) + answer[1:-2]) + answer
        self._write(answer)
        if fault == "twice":
            await asyncio.sleep(self.faults.again)
            self._write(answer)

    def _response(self, request: bytes) -> bytes:
        """Unit, function, data: MODBUS Application Protocol V1.1b3, 6.1 to 6.4 and 7."""
        unit, function = request[0], request[1]
        address, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        device = self.units[unit]

        def refused(code: int) -> bytes:
            return bytes([unit, function | 0x80, code])

        if function in _BITS_OF and isinstance(device, BitUnit):
            bits = list(getattr(device, _BITS_OF[function])())[address : address + count]
            if len(bits) < count:
                return refused(2)
            packed = bytearray((count + 7) // 8)
            for place, bit in enumerate(bits):
                packed[place // 8] |= bool(bit) << place % 8
            return bytes([unit, function, len(packed)]) + packed
        if function not in (3, 4):
            return refused(1)
        if not 1 <= count <= 125:
            return refused(3)
        reserved = any(first < address + count and address <= last for first, last in device.reserved)
        if address + count > device.size or reserved:
            return refused(2)
        words = device.image()[address : address + count]
        return bytes([unit, function, 2 * count]) + b"".join(word.to_bytes(2, "big") for word in words)
