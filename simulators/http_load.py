"""A load of pushes: kept connections, each with a few requests on the way, for so many seconds.

`python -m simulators.http_load --url http://HOST:PORT/v1/ingest/NAME --token SECRET --seconds 10`. Writes one line of
JSON, {"pushes", "seconds", "refused"}: answers by 200, the time they took, other answers. Payload: 100 bytes of JSON
with 4 points, every (device, time) once.
"""

import argparse
import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

DEPTH = 4  # requests of one connection on the way


class PushLoad(asyncio.Protocol):
    """One connection. `devices` are its own."""

    def __init__(self, head: str, devices: list[str]) -> None:
        self._head, self._devices = head, devices
        self._start, self._sent = int(time.time() * 1000), 0
        self._transport: asyncio.Transport | None = None
        self._stopped = False
        self.good = self.refused = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._push(DEPTH)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - as Protocol
        if not self.done.done():
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        good, answers = data.count(b"HTTP/1.1 200"), data.count(b"HTTP/1.1 ")
        self.good += good
        self.refused += answers - good
        if not self._stopped:
            self._push(answers)
        elif self.good + self.refused >= self._sent and self._transport is not None:
            self._transport.close()

    def stop(self) -> None:
        """Push no more; the connection ends with its last answer."""
        self._stopped = True

    def _push(self, count: int) -> None:
        parts = []
        for number in range(self._sent, self._sent + count):
            turn, device = divmod(number, len(self._devices))
            at = self._start + turn * 10_000
            body = (
                f'{{"ts":{at},"temp":{20 + number % 40}.5,"u":{230_000 + number % 999},"i":12.5,"p":2875.25,"s":"ok"}}'
            )
            parts.append(f"POST {self._head.format(self._devices[device])}content-length: {len(body)}\r\n\r\n{body}")
        self._sent += count
        assert self._transport is not None
        self._transport.write("".join(parts).encode())


async def _run(url: str, token: str, devices: int, connections: int, seconds: float) -> dict[str, float]:
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    head = f"{parts.path}/{{}} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {token}\r\n"
    names = [f"D{n:05d}" for n in range(devices)]
    started, loads = time.monotonic(), []
    for n in range(connections):
        _, load = await loop.create_connection(
            lambda n=n: PushLoad(head, names[n::connections]),  # type: ignore[misc]
            parts.hostname or "",
            parts.port or 80,
        )
        loads.append(load)
    await asyncio.sleep(seconds)
    for load in loads:
        load.stop()
    async with asyncio.timeout(30):
        await asyncio.gather(*(load.done for load in loads))
    taken = time.monotonic() - started
    return {"pushes": sum(one.good for one in loads), "refused": sum(one.refused for one in loads), "seconds": taken}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    found = asyncio.run(_run(given.url, given.token, given.devices, given.connections, given.seconds))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
