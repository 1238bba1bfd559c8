"""A receiver on loopback that answers raw bytes, so that the worst behaviour of a server can be written down."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class StoppedClock:
    """Wall clock that stands still unless moved, µs."""

    def __init__(self, at: int = 1_795_327_200_000_000) -> None:
        self.at = at

    def now(self) -> int:
        return self.at


@dataclass
class Got:
    """One request as it arrived."""

    head: str
    headers: dict[str, str]
    body: bytes


Behave = Callable[[Got, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """Takes requests one after the other and does with each what `behave` says."""

    behave: Behave
    port: int = 0
    got: list[Got] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/oa"


def answer(status: int, body: bytes = b"", **headers: str) -> Behave:
    """An ordinary HTTP answer."""

    async def behave(_: Got, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()

    return behave


@asynccontextmanager
async def receiving(behave: Behave, *, ssl: object = None, host: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    receiver = Receiver(behave)
    live: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.connections += 1
        live.add(writer)
        try:
            while True:
                raw = await reader.readuntil(b"\r\n\r\n")
                head, *lines = raw.decode("latin-1").split("\r\n")
                headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
                got = Got(head, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
                receiver.got.append(got)
                await receiver.behave(got, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            live.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=ssl)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for writer in live:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)
