"""Many Modbus TCP devices in one process, for a load: registers whose value is known from unit, address and second.

`python -m simulators.modbus_load --links 20 [--think 0.02] [--dead 7]`. Writes one line of JSON, {"ports": [...]}, one
for each link, and serves until it is terminated. Wire format by MODBUS Application Protocol V1.1b3, 6.3 and 6.4, and
Modbus Messaging on TCP/IP V1.0b, 3.1.3; nothing here is shared with the gateway.
"""

import argparse
import asyncio
import json
import struct
import sys
import time
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

HOST = "127.0.0.1"
_READ = (3, 4)
_MOST = 125


Numbers = TypeVar("Numbers", int, NDArray[np.int64])


def word(unit: Numbers, address: Numbers, second: Numbers) -> Numbers:
    """What a register holds in a second since 1970; of arrays, element by element."""
    return (unit * 307 + address * 31 + second) & 0xFFFF


class LoadLink(asyncio.Protocol):
    """One connection; requests are answered one after the other, `think` s after each. Units in `dead` never answer."""

    def __init__(self, think: float, dead: frozenset[int]) -> None:
        self._think, self._dead = think, dead
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 6 and len(self._buffer) >= (end := 6 + int.from_bytes(self._buffer[4:6], "big")):
            request, self._buffer = self._buffer[:end], self._buffer[end:]
            answer = self._answer(request)
            if answer and self._think:
                asyncio.get_running_loop().call_later(self._think, self._send, answer)
            elif answer:
                self._send(answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)

    def _answer(self, request: bytes) -> bytes:
        unit, function = request[6], request[7]
        if unit in self._dead:
            return b""
        address, count = struct.unpack(">HH", request[8:12])
        if function not in _READ:
            return request[:4] + struct.pack(">HBBB", 3, unit, function | 0x80, 1)
        if not 1 <= count <= _MOST:
            return request[:4] + struct.pack(">HBBB", 3, unit, function | 0x80, 3)
        second = int(time.time())
        words = [word(unit, address + i, second) for i in range(count)]
        return request[:4] + struct.pack(f">HBBB{count}H", 3 + 2 * count, unit, function, 2 * count, *words)


async def serve(links: int, think: float, dead: frozenset[int]) -> None:
    """Until cancelled."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(lambda: LoadLink(think, dead), HOST, 0) for _ in range(links)]
    sys.stdout.write(json.dumps({"ports": [server.sockets[0].getsockname()[1] for server in servers]}) + "\n")
    sys.stdout.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main(arguments: list[str]) -> None:
    """See the head of this file."""
    parser = argparse.ArgumentParser(prog="python -m simulators.modbus_load")
    parser.add_argument("--links", type=int, default=1)
    parser.add_argument("--think", type=float, default=0.0)
    parser.add_argument("--dead", type=int, nargs="*", default=[])
    given = parser.parse_args(arguments)
    asyncio.run(serve(given.links, given.think, frozenset(given.dead)))


if __name__ == "__main__":
    main(sys.argv[1:])
