"""A webhook receiver in this process that answers as it is told: any status, late, byte by byte, cut off, or never."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

REASONS = {200: "OK", 204: "No Content"}


@dataclass(frozen=True)
class Said:
    """One answer. `wait` s before it, `trickle` s between its bytes, `cut` bytes of it before a reset, `headers`."""

    status: int = 200
    wait: float = 0.0
    trickle: float = 0.0
    cut: int | None = None
    headers: str = ""
    body: str = "ok"


NEVER = Said(wait=3600)


@dataclass
class Receiver:
    """`answers(event, times this event was sent before)` says what to do; `got` are the requests as they came."""

    answers: Callable[[dict[str, object], int], Said]
    got: list[tuple[float, str, str]] = field(default_factory=list)  # loop time, webhook-id, subject
    headers: list[dict[str, str]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)  # ids whose whole answer was 2xx and went out
    open: int = 0
    tasks: set[asyncio.Task[object] | None] = field(default_factory=set)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        self.open += 1
        self.tasks.add(asyncio.current_task())
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                pairs = [line.split(": ", 1) for line in head.split("\r\n")[1:] if line]
                fields = {name.lower(): value for name, value in pairs}
                event = json.loads(await reader.readexactly(int(fields["content-length"])))
                before = sum(id_ == event["id"] for _, id_, _ in self.got)
                self.got.append((asyncio.get_running_loop().time(), event["id"], event["subject"]))
                self.headers.append(fields)
                if not await self._answer(writer, reader, self.answers(event, before), event["id"]):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            self.open -= 1
            self.tasks.discard(asyncio.current_task())
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader, said: Said, event: str) -> bool:
        if said.wait:
            gone = asyncio.ensure_future(reader.read(1))  # the client hangs up
            done, _ = await asyncio.wait({gone}, timeout=said.wait)
            if done:
                return False
            gone.cancel()
        text = f"HTTP/1.1 {said.status} {REASONS.get(said.status, 'X')}\r\ncontent-length: {len(said.body)}\r\n"
        whole = f"{text}{said.headers}\r\n{said.body}".encode()
        if said.cut is not None:
            writer.write(whole[: said.cut])
            await writer.drain()
            writer.transport.abort()
            return False
        for start in range(0, len(whole), 1 if said.trickle else len(whole)):
            writer.write(whole[start : start + (1 if said.trickle else len(whole))])
            await writer.drain()
            if said.trickle:
                await asyncio.sleep(said.trickle)
                if writer.transport.is_closing() or reader.at_eof():
                    return False
        if 200 <= said.status < 300:
            self.taken.append(event)
        return True


@asynccontextmanager
async def receiving(answers: Callable[[dict[str, object], int], Said]) -> AsyncIterator[Receiver]:
    """Listens on a free port of this machine."""
    receiver = Receiver(answers)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(receiver.tasks):
            if task is not None:
                task.cancel()
        await asyncio.sleep(0)
