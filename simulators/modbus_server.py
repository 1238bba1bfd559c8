"""Modbus TCP server with many units, and the faults of real buses. It implements the wire format alone.

The server is pymodbus; no other file here imports it. A unit is any object with `image`, its present registers, and
may have `coils` and `discrete_inputs`. Bits are packed here, by MODBUS Application Protocol V1.1b3, 6.1 and 6.2.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

from pymodbus.constants import ExcCodes
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
HOST = "127.0.0.1"
_COILS, _DISCRETE_INPUTS = 1, 2
_IDENTIFICATION = 0x2B
_WRITE_ONE_COIL = 5
_WRITE_ONE, _WRITE_COILS, _WRITES = (5, 6), (5, 15), (5, 6, 15, 16)
_MOST_BITS = 2000


class ModbusUnit(Protocol):
    """Device under one unit id. Holding and input registers are the same image."""

    @property
    def size(self) -> int:
        """Registers 0 .. size - 1 exist; beyond them the answer is exception 2."""

    @property
    def reserved(self) -> tuple[tuple[int, int], ...]:
        """[first, last] ranges inside the map that answer exception 2."""

    def image(self) -> list[int]:
        """All `size` words, now."""


@runtime_checkable
class BitUnit(Protocol):
    """Unit with single bits as well. One without them answers exception 1 to functions 1 and 2; beyond the last bit
    the answer is exception 2."""

    def coils(self) -> Sequence[bool]:
        """All coils from address 0, now."""

    def discrete_inputs(self) -> Sequence[bool]:
        """All discrete inputs from address 0, now."""


@runtime_checkable
class WritableUnit(Protocol):
    """Unit that takes functions 5, 6, 15 and 16. One without it answers exception 1 to them."""

    def write(self, function: int, address: int, words: Sequence[int]) -> tuple[int, float] | int | None:
        """(the address that the answer repeats, s to wait before it), an exception code, or None = no answer."""


@dataclass(slots=True)
class ModbusFaults:
    """Faults by unit id. Change it while the server runs.

    `dead` never answer · `slow` answer after so many seconds · `late_every` every n-th answer of the unit comes
    `late_by` s late · `cap` answer exception 3 to requests of more registers or bits · `garbled_every` every n-th
    answer has its header destroyed · `hang_up_every` every n-th request ends the connection instead of being answered.
    """

    dead: set[int] = field(default_factory=set)
    slow: dict[int, float] = field(default_factory=dict)
    late_every: dict[int, int] = field(default_factory=dict)
    late_by: float = 0.5
    cap: dict[int, int] = field(default_factory=dict)
    garbled_every: dict[int, int] = field(default_factory=dict)
    hang_up_every: dict[int, int] = field(default_factory=dict)


class ModbusServer:
    """`async with ModbusServer(units, port=0) as server:` listens on server.port until the block ends.

    `requests` counts requests by unit id; `connections` counts connections.
    """

    def __init__(self, units: Mapping[int, ModbusUnit], *, port: int = 0, host: str = HOST) -> None:
        self.units, self.faults = dict(units), ModbusFaults()
        self.requests: dict[int, int] = {}
        self.connections = 0
        self.host, self.port = host, port
        self._server: _Server | None = None
        self._answers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        devices = [SimDevice(number, [_memory(unit)], action=_action(unit)) for number, unit in self.units.items()]
        self._server = _Server(devices, self, (self.host, self.port))
        await self._server.serve_forever(background=True)
        listener = self._server.transport
        assert isinstance(listener, asyncio.Server)
        self.port = listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for answer in self._answers:
            answer.cancel()
        await asyncio.gather(*self._answers, return_exceptions=True)
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
        await asyncio.sleep(0)  # lets the transports finish closing

    def begin(self, answer: Coroutine[Any, Any, None]) -> None:
        """Run one answer concurrently with the others, as a gateway does with its buses."""
        task = asyncio.get_running_loop().create_task(answer)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)


def _memory(unit: ModbusUnit) -> SimData:
    return SimData(0, values=[0] * unit.size, datatype=DataType.REGISTERS)


def _action(
    unit: ModbusUnit,
) -> Callable[[int, int, int, int, list[int], list[int] | list[bool] | None], Coroutine[None, None, ExcCodes | None]]:
    """Called by the server before it reads its memory: updates it, or refuses as the device does."""

    async def action(
        _function: int, _start: int, address: int, count: int, registers: list[int], values: object
    ) -> ExcCodes | None:
        if values is not None:
            return ExcCodes.ILLEGAL_FUNCTION
        if any(first < address + count and address <= last for first, last in unit.reserved):
            return ExcCodes.ILLEGAL_ADDRESS
        registers[: unit.size] = unit.image()
        return None

    return action


class _Server(ModbusTcpServer):
    def __init__(self, devices: list[SimDevice], owner: ModbusServer, address: tuple[str, int]) -> None:
        super().__init__(devices, address=address)
        self.owner = owner

    def callback_new_connection(self) -> ServerRequestHandler:
        self.owner.connections += 1
        return _Handler(self, self.owner)


class _Handler(ServerRequestHandler):
    """One connection. Each request gets its own task, which answers with the transaction id of the request."""

    def __init__(self, server: _Server, owner: ModbusServer) -> None:
        super().__init__(server, None, None, None)  # type: ignore[no-untyped-call]
        self.owner = owner
        self._garble = False

    def handle_later(self) -> None:
        if self.last_pdu is not None:
            self.owner.begin(self._answer(self.last_pdu))

    async def _answer(self, request: ModbusPDU) -> None:
        owner, faults, unit = self.owner, self.owner.faults, request.dev_id
        turn = owner.requests[unit] = owner.requests.get(unit, 0) + 1
        if unit not in owner.units or unit in faults.dead:
            return
        if _every(faults.hang_up_every, unit, turn):
            self.close()
            return
        delay = faults.slow.get(unit, 0.0) + (faults.late_by if _every(faults.late_every, unit, turn) else 0.0)
        if delay:
            await asyncio.sleep(delay)
        if request.function_code in _WRITES and isinstance(owner.units[unit], WritableUnit):
            written = await _written(request, owner.units[unit])
            if written is None:
                return
            response = written
        else:
            response = await self._respond(request)
        response.transaction_id, response.dev_id = request.transaction_id, unit
        if self.transport:
            self._garble = _every(faults.garbled_every, unit, turn)
            self.server_send(response, None)  # type: ignore[no-untyped-call]

    async def _respond(self, request: ModbusPDU) -> ModbusPDU:
        cap = self.owner.faults.cap.get(request.dev_id)
        if cap is not None and request.count > cap:
            return _refusal(request, ExcCodes.ILLEGAL_VALUE)
        if request.function_code == _IDENTIFICATION:
            return _identification(request, self.owner.units[request.dev_id])
        if request.function_code in (_COILS, _DISCRETE_INPUTS):
            return _bits(request, self.owner.units[request.dev_id])
        return await request.datastore_update(self.server.context, request.dev_id)

    def send(self, data: bytes, addr: tuple[str, int] | None = None) -> None:
        if self._garble:
            data, self._garble = data[:2] + b"\xa5\x5a" + data[4:], False
        super().send(data, addr=addr)


async def _written(request: ModbusPDU, unit: object) -> ModbusPDU | None:
    """The response to a write (6.5, 6.6, 6.11, 6.12): address, and value (5, 6) or number (15, 16)."""
    assert isinstance(unit, WritableUnit)
    function = request.function_code
    words = [int(bit) for bit in request.bits] if function in _WRITE_COILS else list(request.registers)
    if function == _WRITE_ONE_COIL:
        words = words[:1]
    elif function in _WRITE_COILS:
        words = words[: request.count]
    done = unit.write(function, request.address, words)
    if done is None:
        return None
    if isinstance(done, int):
        return _refusal(request, ExcCodes(done))
    address, delay = done
    if delay:
        await asyncio.sleep(delay)
    value = (0xFF00 * words[0] if function == _WRITE_ONE_COIL else words[0]) if function in _WRITE_ONE else len(words)
    return _RawPDU(function, address.to_bytes(2, "big") + value.to_bytes(2, "big"))


class _RawPDU(ModbusPDU):
    """Response to a function with `data` behind its code."""

    def __init__(self, function: int, data: bytes) -> None:
        super().__init__()
        self.function_code, self.data = function, data

    def encode(self) -> bytes:
        """The data."""
        return self.data


def _identification(request: ModbusPDU, unit: ModbusUnit) -> ModbusPDU:
    """Function 43/14 (6.21), one object in each response, so that a client has to follow them."""
    objects: Mapping[int, str] = getattr(unit, "identification", {})
    wanted = sorted(key for key in objects if key >= getattr(request, "object_id", 0))
    if not wanted:
        return _refusal(request, ExcCodes.ILLEGAL_FUNCTION)
    key, *following = wanted
    text = objects[key].encode()
    more = bytes([0xFF, following[0]]) if following else b"\0\0"
    data = bytes([0x0E, getattr(request, "read_code", 1), 0x01]) + more + bytes([1, key, len(text)]) + text
    return _RawPDU(_IDENTIFICATION, data)


class _BitsPDU(ModbusPDU):
    """Response to function 1 or 2 with `data`, the packed bits."""

    def __init__(self, function: int, data: bytes) -> None:
        super().__init__()
        self.function_code, self.data = function, data

    def encode(self) -> bytes:
        """The response without its function code: number of bytes, bytes."""
        return bytes([len(self.data)]) + self.data


def _bits(request: ModbusPDU, unit: ModbusUnit) -> ModbusPDU:
    """The first bit is the lowest of the first byte; the last byte is filled with zeros."""
    if not isinstance(unit, BitUnit):
        return _refusal(request, ExcCodes.ILLEGAL_FUNCTION)
    if not 1 <= request.count <= _MOST_BITS:
        return _refusal(request, ExcCodes.ILLEGAL_VALUE)
    bits = unit.coils() if request.function_code == _COILS else unit.discrete_inputs()
    chosen = bits[request.address : request.address + request.count]
    if len(chosen) < request.count:
        return _refusal(request, ExcCodes.ILLEGAL_ADDRESS)
    packed = sum(1 << place for place, bit in enumerate(chosen) if bit)
    return _BitsPDU(request.function_code, packed.to_bytes((request.count + 7) // 8, "little"))


def _every(table: Mapping[int, int], unit: int, turn: int) -> bool:
    return unit in table and turn % table[unit] == 0


def _refusal(request: ModbusPDU, code: ExcCodes) -> ModbusPDU:
    return ExceptionResponse(request.function_code, code)
