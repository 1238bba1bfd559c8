"""The only file that uses pymodbus: one connection, from opening to closing.

The library builds requests and decodes the response; which bytes are the response is decided by `frames` and
`rtu_frames`, and time limits are ours. Its serial transport is used too: pyserial below it, read by the event loop
without a thread. A cancellation never goes into the library: it waits with `asyncio.wait_for`, which in Python 3.11
swallows one that meets the answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal, cast

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.transport.serialtransport import create_serial_connection

from protocols.modbus.register_table import RegisterTable
from protocols.modbus.register_write import RegisterWrite

# The library logs every skipped frame and failed connect; the source counts them and says each change once.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

LibraryError = ModbusException
__all__ = ["Connection", "LibraryError", "ModbusPDU", "Packet", "open_serial"]
_FOREVER = 3600.0
_BUFFER = 4096
"""Bytes that may wait for the rest of a frame: late frames before the answer do not push it out."""

Packet = Callable[[bool, bytes], bytes]
"""(it is sent, bytes): every packet. Of what was received since the last request: the response, b"" = not yet."""


async def _refuse() -> None:
    """The library connects again by itself when a request begins after the end of a connection."""
    raise OSError("closed")


class Connection:
    """`open` to `close`; then it is used up. `lost` is called when the other side ends it."""

    def __init__(self, packet: Packet, lost: Callable[[], None], *, rtu: bool) -> None:
        self._client = AsyncModbusTcpClient(
            "",
            framer=FramerType.RTU if rtu else FramerType.SOCKET,
            timeout=_FOREVER,
            retries=0,
            reconnect_delay=0,
            trace_packet=packet,
            trace_connect=lambda up: None if up else lost(),
        )
        self._client.ctx.max_buffer_size = _BUFFER
        self._client.ctx.call_create = _refuse

    @property
    def protocol(self) -> asyncio.Protocol:
        """What a transport reads into."""
        return cast("asyncio.Protocol", self._client.ctx)  # it has all methods of one

    @property
    def connected(self) -> bool:
        """Open, as far as is known."""
        return bool(self._client.connected)

    def number_from(self, transaction: int) -> None:
        """The next request has the transaction number after this one."""
        self._client.ctx.next_tid = transaction

    def read(self, unit: int, table: RegisterTable, address: int, count: int) -> "asyncio.Future[ModbusPDU]":
        """Send a request. The result is its response; `fail` and `close` end it with a LibraryError."""
        response = asyncio.ensure_future(self._reader(table)(address, count=count, device_id=unit))
        response.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits: no log line of it
        return response

    def write(self, unit: int, write: RegisterWrite) -> "asyncio.Future[ModbusPDU]":
        """As `read`, for a request that writes."""
        client, address, words = self._client, write.address, list(write.words)
        match write.function:
            case 5:
                sent = client.write_coil(address, bool(words[0]), device_id=unit)
            case 6:
                sent = client.write_register(address, words[0], device_id=unit)
            case 15:
                sent = client.write_coils(address, [bool(word) for word in words], device_id=unit)
            case _:
                sent = client.write_registers(address, words, device_id=unit)
        return asyncio.ensure_future(sent)

    def fail(self, reason: str) -> bool:
        """End the request under way, if there is one."""
        future = self._client.ctx.response_future
        if future.done():
            return False
        future.set_exception(ConnectionException(reason))
        return True

    def close(self) -> None:
        """End it. A request under way must have been ended with `fail`."""
        self._client.close()

    def _reader(self, table: RegisterTable) -> Callable[..., Awaitable[ModbusPDU]]:
        match table:
            case RegisterTable.COIL:
                return self._client.read_coils
            case RegisterTable.DISCRETE:
                return self._client.read_discrete_inputs
            case RegisterTable.HOLDING:
                return self._client.read_holding_registers
            case RegisterTable.INPUT:
                return self._client.read_input_registers


async def open_serial(
    protocol: asyncio.Protocol, path: str, baud: int, parity: Literal["N", "E", "O"], stop_bits: int
) -> None:
    """Open a serial port of 8 data bits for this process alone, and let `protocol` read it.

    Raises OSError (of pyserial), ValueError when the driver does not have the speed.
    """
    await create_serial_connection(
        asyncio.get_running_loop(),
        lambda: protocol,
        path,
        baudrate=baud,
        bytesize=8,
        parity=parity,
        stopbits=stop_bits,
        timeout=0,
    )
    for _ in range(2):  # the library begins to read in the next rounds of the loop
        await asyncio.sleep(0)
