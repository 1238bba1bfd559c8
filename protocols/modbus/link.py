"""A link carries one request at a time to the units behind it.

`TcpLink` is the only place that uses pymodbus. The library decides little: the time limit is ours, only
frames that `frames.sift` accepts reach its decoder, and after a time-out or a garbled frame the connection is given
up, so that a late answer can never be taken for the next one. Transaction numbers go on over connections, because some
serial gateways deliver the late answer of the old connection to the new one. A cancellation never goes into the
library: it waits with `asyncio.wait_for`, which in Python 3.11 swallows one that meets the answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU

from gateway.domain.errors import SourceError
from protocols.modbus.frames import PendingRequest, sift
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.slave import Backoff

# The library logs every skipped frame and failed connect; the source counts them and says each change once.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

GATEWAY_NO_PATH, GATEWAY_NO_ANSWER = 10, 11
_FUNCTION = {RegisterTable.COIL: 1, RegisterTable.DISCRETE: 2, RegisterTable.HOLDING: 3, RegisterTable.INPUT: 4}
_FOREVER = 3600.0
_US = 1_000_000


class ExceptionResponse(SourceError):
    """The unit is there and answered with an exception `code` (MODBUS Application Protocol, section 7)."""

    def __init__(self, code: int, detail: str = "") -> None:
        self.code, self.reason = code, f"exception_{code}"
        super().__init__(f"{self.reason}: {detail}" if detail else self.reason)


class Silent(SourceError):
    """The unit gave no valid response. `reason`: timeout, garbled, or gateway (exceptions 10 and 11)."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason} {detail}".strip())


class LinkDown(SourceError):
    """No connection; the state of the units behind it is unknown."""


class Link(Protocol):
    """One bus or one connection. A serial line keeps its quiet time itself."""

    @property
    def strays(self) -> int:
        """Number of frames and bytes that belong to no request, so far."""

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """Exactly `count` words; of a table of bits, 0 or 1 each. Callers wait for each other.

        Raises ExceptionResponse, Silent or LinkDown.
        """

    async def close(self) -> None:
        """Give up the connection; a later read opens it again."""


def _reader(client: AsyncModbusTcpClient, table: RegisterTable) -> Callable[..., Awaitable[ModbusPDU]]:
    match table:
        case RegisterTable.COIL:
            return client.read_coils
        case RegisterTable.DISCRETE:
            return client.read_discrete_inputs
        case RegisterTable.HOLDING:
            return client.read_holding_registers
        case RegisterTable.INPUT:
            return client.read_input_registers


class TcpLink:
    """Modbus TCP to one host and port. `timeout` (answer) and `connect` s, `pause` s between two requests."""

    def __init__(
        self, host: str, port: int, *, timeout: float, connect: float, pause: float = 0.0, retry: Backoff
    ) -> None:
        self._host, self._port = host, port
        self._timeout, self._connect, self._pause = timeout, connect, pause
        self._retry, self._failures, self._retry_at = retry, 0, 0.0
        self._lock = asyncio.Lock()
        self._client: AsyncModbusTcpClient | None = None
        self._pending: PendingRequest | None = None
        self._fault: Silent | ConnectionResetError | None = None
        self._dirty = False
        self._transaction = 0
        self._quiet_until = 0.0
        self._strays = 0

    @property
    def strays(self) -> int:
        """Number of frames and bytes that belong to no request, so far."""
        return self._strays

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """See Link. A connection that the other side had closed meanwhile is opened again once."""
        async with self._lock:
            used = self._client is not None
            try:
                return await self._exchange(unit, table, address, count)
            except ConnectionResetError as reset:
                if not used:
                    raise self._down("modbus.down.closed") from reset
            try:
                return await self._exchange(unit, table, address, count)
            except ConnectionResetError as reset:
                raise self._down("modbus.down.closed") from reset

    async def close(self) -> None:
        """See Link."""
        self._drop()
        await asyncio.sleep(0)  # lets the transport finish closing

    async def _exchange(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """One request. Unless an answer came, the connection is gone afterwards, also when the caller is cancelled."""
        client = await self._opened()
        loop = asyncio.get_running_loop()
        if self._pause and (wait := self._quiet_until - loop.time()) > 0:
            await asyncio.sleep(wait)
        read = _reader(client, table)
        self._pending, self._fault = PendingRequest(0, unit, _FUNCTION[table], count), None
        timer = loop.call_later(self._timeout, self._fail, Silent("timeout", f"unit {unit} at {address}"))
        request = asyncio.ensure_future(read(address, count=count, device_id=unit))
        answered = False
        try:
            answer = await asyncio.shield(request)
            answered = True
        except ModbusException as error:
            raise self._fault or ConnectionResetError(str(error)) from error
        finally:
            timer.cancel()
            self._quiet_until = loop.time() + self._pause
            if not answered:
                self._fail(Silent("cancelled"))
                self._drop()
            self._pending = None
        self._failures = 0
        if not answer.isError():
            return [int(bit) for bit in answer.bits[:count]] if table.of_bits else list(answer.registers)
        if answer.exception_code in (GATEWAY_NO_PATH, GATEWAY_NO_ANSWER):
            raise Silent("gateway", f"unit {unit}: exception {answer.exception_code}")
        raise ExceptionResponse(answer.exception_code, f"unit {unit}: {count} {table.contents} at {address}")

    async def _opened(self) -> AsyncModbusTcpClient:
        if self._client is not None and (self._dirty or not self._client.connected):
            self._drop()
        if self._client is None:
            now = asyncio.get_running_loop().time()
            if now < self._retry_at:
                raise LinkDown.of("modbus.down.waiting")
            # The names bound here belong to this connection: what an old one still says changes nothing.
            client = AsyncModbusTcpClient(
                self._host,
                port=self._port,
                timeout=self._connect,
                retries=0,
                reconnect_delay=0,
                trace_packet=lambda sending, data: self._watch(client, sending, data),
                trace_connect=lambda up: self._lost(client, up),
            )
            connecting = asyncio.ensure_future(client.connect())
            try:
                connected = await asyncio.shield(connecting)
            except asyncio.CancelledError:
                connecting.add_done_callback(lambda _: client.close())
                connecting.cancel()
                raise
            if not connected:
                client.close()
                raise self._down("modbus.down.away", where=f"{self._host}:{self._port}")
            client.ctx.comm_params.timeout_connect = _FOREVER  # from here on it is the answer time-out, and ours
            client.ctx.next_tid = self._transaction
            self._client, self._dirty = client, False
        return self._client

    def _down(self, key: str, **fields: object) -> LinkDown:
        self._failures += 1
        self._retry_at = asyncio.get_running_loop().time() + self._retry.wait(self._failures, self._host) / _US
        return LinkDown.of(key, **fields)

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _watch(self, client: AsyncModbusTcpClient, sending: bool, data: bytes) -> bytes:
        """Called with every packet; returns b"" for what the library must not decode."""
        pending = self._pending
        if sending:
            self._transaction = int.from_bytes(data[:2], "big")
            if pending is not None:
                self._pending = PendingRequest(self._transaction, pending.unit, pending.function, pending.count)
            return data
        if client is not self._client:
            return b""
        if pending is None:
            self._strays, self._dirty = self._strays + 1, True
            return b""
        seen = sift(data, pending)
        if seen.garbled:
            self._fail(Silent("garbled", seen.garbled))
        if seen.answer is None:
            return b""
        self._strays += seen.strays + bool(seen.rest)
        self._dirty = bool(seen.rest)
        self._pending = None
        return seen.answer

    def _lost(self, client: AsyncModbusTcpClient, up: bool) -> None:
        if not up and client is self._client and self._pending is not None:
            self._fail(ConnectionResetError("closed by the other side"))

    def _fail(self, fault: Silent | ConnectionResetError) -> None:
        """End the request under way with `fault`."""
        future = self._client.ctx.response_future if self._client is not None else None
        if self._pending is not None and future is not None and not future.done():
            self._fault = fault
            future.set_exception(ConnectionException(str(fault)))
