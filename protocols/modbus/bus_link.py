"""The link over a wire: TCP, TLS, a serial port, or a serial server behind TCP.

A late answer is never taken for the next one. Modbus TCP has transaction numbers: after a time-out or a garbled frame
the connection is given up, and the numbers go on over connections, because some serial gateways deliver the late answer
of the old connection to the new one. RTU frames have none: the bus is left alone until a late answer can have come
(`RtuTiming.late_answer`), what comes meanwhile is thrown away, and what looks like the answer before is kept apart in
time (`SETTLE`). See docs/decisions/160.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceError
from protocols.modbus.connection import Connection, LibraryError, ModbusPDU
from protocols.modbus.frames import PendingRequest, sift
from protocols.modbus.link import ExceptionResponse, LinkDown, Silent
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.register_write import RegisterWrite
from protocols.modbus.rtu_frames import AROUND, REQUEST, sift_rtu
from protocols.modbus.slave import Backoff
from protocols.modbus.wires import Wire

GATEWAY_NO_PATH, GATEWAY_NO_ANSWER = 10, 11
SETTLE = 0.05
"""s without a byte after bytes that nobody requested, and between two requests whose responses look alike."""
MUTE = 5
"""Requests in a row without a single byte, after which a serial connection is opened again: it may be dead itself."""
_FUNCTION = {RegisterTable.COIL: 1, RegisterTable.DISCRETE: 2, RegisterTable.HOLDING: 3, RegisterTable.INPUT: 4}
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class RtuTiming:
    """Seconds on a serial bus: `octet` of one byte on the wire, `quiet` between two frames (3.5 characters),
    `late_answer` after a request without an answer. `echo`: the adapter repeats what is sent."""

    octet: float
    quiet: float
    late_answer: float
    echo: bool = False


@dataclass(frozen=True, slots=True)
class WireTiming:
    """Seconds: `timeout` for an answer, `connect` for a connection, `pause` between two requests. `rtu`: the frames are
    those of a serial bus."""

    timeout: float
    connect: float
    pause: float = 0.0
    rtu: RtuTiming | None = None

    def limit(self, request: PendingRequest) -> float:
        """s from sending a request to its time-out: on a serial bus its bytes and those of the response count too."""
        if self.rtu is None:
            return self.timeout
        return self.timeout + self.rtu.octet * (REQUEST + AROUND + request.octets)


class NotSent(ConnectionResetError):
    """The connection was gone before the request."""


class BusLink:
    """Link over `wire`: one request at a time. `retry`: waits between attempts to connect."""

    def __init__(self, wire: Wire, timing: WireTiming, retry: Backoff) -> None:
        self._wire, self._timing, self._rtu = wire, timing, timing.rtu
        self._retry, self._failures, self._retry_at = retry, 0, 0.0
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None
        self._pending: PendingRequest | None = None
        self._sent = b""
        self._echoes = timing.rtu is not None and timing.rtu.echo
        self._fault: Silent | ConnectionResetError | None = None
        self._doubt = ""
        self._dirty = False
        self._mute = 0
        self._transaction = 0
        self._free_at = 0.0
        self._alike: tuple[int, int, int | None] | None = None
        self._last_end = 0.0
        self._strays = 0

    @property
    def strays(self) -> int:
        """Number of frames and bytes that belong to no request, so far."""
        return self._strays

    async def open(self) -> None:
        """Connect, if there is no connection. Raises LinkDown."""
        async with self._lock:
            await self._opened()

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """See Link. A connection that the other side had closed meanwhile is opened again once."""
        async with self._lock:
            used = self._connection is not None
            try:
                answer = await self._read(unit, table, address, count)
            except ConnectionResetError as reset:
                if not used:
                    raise self._down(self._wire.lost) from reset
                try:
                    answer = await self._read(unit, table, address, count)
                except ConnectionResetError as again:
                    raise self._down(self._wire.lost) from again
        return [int(bit) for bit in answer.bits[:count]] if table.of_bits else list(answer.registers)

    async def write(self, unit: int, write: RegisterWrite) -> None:
        """See WritingLink."""
        request = PendingRequest(0, unit, write.function, len(write.words), write.echo)
        async with self._lock:
            self._sent = b""
            try:
                await self._exchange(
                    request, lambda one: one.write(unit, write), f"{write.function} at {write.address}"
                )
            except NotSent as closed:
                raise self._down(self._wire.lost) from closed
            except Silent as silence:
                if self._sent:
                    raise
                raise LinkDown.of("command.line_busy") from silence
            except ConnectionResetError as reset:
                raise Silent("closed", f"unit {unit} at {write.address}") from reset

    async def close(self) -> None:
        """See Link."""
        self._drop()
        await asyncio.sleep(0)  # lets the transport finish closing

    async def _read(self, unit: int, table: RegisterTable, address: int, count: int) -> ModbusPDU:
        request = PendingRequest(0, unit, _FUNCTION[table], count)
        where = f"{count} {table.contents} at {address}"
        return await self._exchange(request, lambda one: one.read(unit, table, address, count), where)

    async def _exchange(
        self, request: PendingRequest, send: Callable[[Connection], "asyncio.Future[ModbusPDU]"], where: str
    ) -> ModbusPDU:
        """One request. Without an answer a connection with transaction numbers is gone afterwards, and a serial bus is
        left alone; when the caller is cancelled, both."""
        connection = await self._opened()
        unit = request.unit
        await self._until_free(request)
        if not connection.connected:
            raise NotSent("closed by the other side")
        loop = asyncio.get_running_loop()
        self._pending, self._fault, self._doubt = request, None, ""
        timer = loop.call_later(self._timing.limit(request), self._expire, f"unit {unit}: {where}")
        request_sent = send(connection)
        answered = False
        try:
            answer = await asyncio.shield(request_sent)
            answered = True
        except LibraryError as error:
            raise self._fault or ConnectionResetError(str(error)) from error
        finally:
            timer.cancel()
            self._ended(answered)
        self._failures = 0
        self._alike = unit, request.function, None if answer.isError() else request.octets
        if not answer.isError():
            return answer
        if answer.exception_code in (GATEWAY_NO_PATH, GATEWAY_NO_ANSWER):
            raise Silent("gateway", f"unit {unit}: exception {answer.exception_code}")
        raise ExceptionResponse(answer.exception_code, f"unit {unit}: {where}")

    def _ended(self, answered: bool) -> None:
        """Set when the next exchange may begin, and whether on this connection."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now + self._timing.pause)
        if answered:
            self._mute = 0
        elif self._rtu is None or not isinstance(self._fault, Silent):
            self._fail(Silent("cancelled"))
            self._drop()
        elif self._mute >= MUTE:
            self._mute = 0
            self._drop()
        self._pending = None
        if self._rtu is not None:
            quiet = self._rtu.quiet if answered else self._rtu.late_answer
            self._free_at = max(self._free_at, now + quiet)
            self._last_end = now

    async def _until_free(self, request: PendingRequest) -> None:
        """Wait for the pause between two requests, and until the line is quiet. Raises Silent when it never is."""
        loop = asyncio.get_running_loop()
        if self._rtu is not None and self._alike in [
            (request.unit, request.function, n) for n in (None, request.octets)
        ]:
            self._free_at = max(self._free_at, self._last_end + SETTLE)
        most = max(self._free_at, loop.time()) + self._timing.timeout
        while (wait := self._free_at - loop.time()) > 0:
            if self._free_at > most:
                raise Silent("garbled", "noise")
            await asyncio.sleep(wait)

    async def _opened(self) -> Connection:
        if self._connection is not None and (
            self._dirty or not self._connection.connected or await self._wire.renewed()
        ):
            self._drop()
        if self._connection is None:
            loop = asyncio.get_running_loop()
            if loop.time() < self._retry_at:
                raise LinkDown.of("modbus.down.waiting")
            # The names bound here belong to this connection: what an old one still says changes nothing.
            connection = Connection(
                lambda sending, data: self._watch(connection, sending, data),
                lambda: self._lost(connection),
                rtu=self._rtu is not None,
            )
            try:
                async with asyncio.timeout(self._timing.connect):
                    await self._wire.connect(connection.protocol)
            except BaseException as error:
                connection.close()
                if isinstance(error, LinkDown):
                    raise self._postponed(error) from error
                if isinstance(error, OSError | ValueError | SourceError):
                    raise self._down("modbus.down.away", where=self._wire.where, why=reason(error)) from error
                raise
            connection.number_from(self._transaction)
            self._connection, self._dirty = connection, False
            if self._rtu is not None:  # a serial server may have kept what came meanwhile
                self._free_at = max(self._free_at, loop.time() + SETTLE)
        return self._connection

    def _down(self, key: str, **fields: object) -> LinkDown:
        return self._postponed(LinkDown.of(key, **fields))

    def _postponed(self, error: LinkDown) -> LinkDown:
        """The error, and the next attempt later than the one before."""
        self._failures += 1
        self._retry_at = asyncio.get_running_loop().time() + self._retry.wait(self._failures, self._wire.where) / _US
        return error

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _watch(self, connection: Connection, sending: bool, data: bytes) -> bytes:
        """Called with every packet; returns b"" for what the library must not decode."""
        pending = self._pending
        if sending:
            self._sent = data
            if self._rtu is None and pending is not None:
                self._transaction = int.from_bytes(data[:2], "big")
                self._pending = replace(pending, transaction=self._transaction)
            return data
        if connection is not self._connection:
            return b""
        if pending is None:
            self._stray()
            return b""
        if self._rtu is not None:
            self._mute = 0
            return self._of_bus(data, pending)
        seen = sift(data, pending)
        if seen.garbled:
            self._fail(Silent("garbled", seen.garbled))
        if seen.answer is None:
            return b""
        self._strays += seen.strays + bool(seen.rest)
        self._dirty = bool(seen.rest)
        self._pending = None
        return seen.answer

    def _of_bus(self, data: bytes, pending: PendingRequest) -> bytes:
        """The response in what a serial bus brought since the request, b"" when it is not there yet.

        The response to a write of one place is the request again, so an echo of the adapter would pass for it. Whether
        there is an echo shows with every read: none is its own response.
        """
        echoed = data.startswith(self._sent)
        if echoed and (self._echoes if pending.echo else self._rtu is not None and self._rtu.echo):
            data = data[len(self._sent) :]
        seen = sift_rtu(data, pending)
        self._doubt = seen.doubt
        if seen.answer is None:
            return b""
        if not pending.echo:
            self._echoes = echoed
        self._strays += seen.strays
        self._pending = None
        if seen.rest:
            self._stray()
        return seen.answer

    def _stray(self) -> None:
        """Bytes that belong to no request: never read on as if nothing had happened."""
        self._strays += 1
        self._dirty = self._rtu is None
        if self._rtu is not None:
            self._free_at = max(self._free_at, asyncio.get_running_loop().time() + max(SETTLE, self._rtu.quiet))

    def _expire(self, place: str) -> None:
        self._mute += 1
        self._fail(Silent("garbled", self._doubt) if self._doubt else Silent("timeout", place))

    def _lost(self, connection: Connection) -> None:
        if connection is self._connection and self._pending is not None:
            self._fail(ConnectionResetError("closed by the other side"))

    def _fail(self, fault: Silent | ConnectionResetError) -> None:
        """End the request under way with `fault`."""
        if self._pending is not None and self._connection is not None and self._connection.fail(str(fault)):
            self._fault = fault
