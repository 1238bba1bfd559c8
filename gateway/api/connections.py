"""Connections: their number, their lifetime, and when they are closed. HTTP itself is uvicorn's.

No caller can shut out the others. A connection that brings no whole request in time is closed, and so is one that does
not read its answer. At the limit, the connection that has waited longest for its request is closed for a new one.
"""

import asyncio
import logging
import socket
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final

import h11
import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from gateway.api.config import TlsFiles
from gateway.api.tls import Renewal, server_context
from gateway.domain.error_reasons import reason

REQUEST_SECONDS: Final = 10.0
"""Seconds from the connection, or the previous answer, to the end of the next request's headers."""
HANDSHAKE_SECONDS: Final = 5.0
STALLED_SECONDS: Final = 30.0
"""Seconds after which an answer that is not read is given up."""
CLOSE_SECONDS: Final = 3.0
"""Seconds for open requests at a stop."""
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 1 << 20
"""Bytes received after a refusal that are discarded, so that the caller can read the answer."""
PIECE: Final = 64
"""Bytes per piece (chunk or packet) that a body must have on average; this many pieces more are allowed."""
PIECES: Final = 64
ACCEPT: Final = 64
"""Connections accepted in one turn of the loop."""
LAST: Final = 0.01  # s
FULL_PAUSE: Final = 0.2  # s, when the process has no file descriptor left
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits: connections in total and from one address; largest body in bytes."""

    total: int
    per_address: int
    max_body: int


class _Parser(h11.Connection):
    """Refuses a body in very small pieces: each piece costs as much work as a whole packet."""

    pieces = most = 0

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.pieces = 0
        elif isinstance(event, h11.Data):
            self.pieces += 1
            if self.pieces > self.most:
                raise h11.RemoteProtocolError("too many pieces")
        return event


class ApiConnection(H11Protocol):
    """One accepted connection."""

    def __init__(self, acceptor: "ConnectionAcceptor", address: str) -> None:
        super().__init__(acceptor.config, acceptor.state, {}, asyncio.get_running_loop())
        self.conn = _Parser(h11.SERVER)
        self.conn.most = PIECES + acceptor.bounds.max_body // PIECE
        self.acceptor, self.address = acceptor, address
        self.opening: asyncio.Task[Any] | None = None
        self.open = False  # the handshake is over
        self.waits_since = self.loop.time()
        self.stalled_since = 0.0
        self._left: int | None = None  # bytes that are still thrown away

    @property
    def idle(self) -> bool:
        """True if no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Implements asyncio.Protocol."""
        self.open, self.waits_since = True, self.loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Implements asyncio.Protocol."""
        if self._left is None:
            super().data_received(data)
        elif self._left > len(data):
            self._left -= len(data)
        else:
            self.transport.abort()

    def on_response_complete(self) -> None:
        """Called when a request is answered. A request that was answered before it had arrived completely ends the
        connection."""
        self.waits_since = self.loop.time()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self._left = LINGER_BYTES
            self.flow.resume_reading()
            with suppress(NotImplementedError):  # TLS has no half-closed connections
                self.transport.write_eof()
            self.loop.call_later(LINGER_SECONDS, self.transport.close)
            return
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Implements asyncio.Protocol: the caller does not read."""
        self.stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Implements asyncio.Protocol: the caller reads again."""
        self.stalled_since = 0.0
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Implements asyncio.Protocol."""
        self.acceptor.forget(self)
        super().connection_lost(exc)

    def shut(self) -> None:
        """Close at once."""
        if self.open:
            self.transport.abort()
        elif self.opening is not None:
            self.opening.cancel()

    def look(self, now: float) -> None:
        """Called once a second: closes the connection if nothing arrives, or nothing is read, for too long."""
        if not self.open:
            return  # the handshake has a time of its own
        if self.stalled_since and now - self.stalled_since > STALLED_SECONDS:
            self.transport.abort()
        elif self.idle and now - self.waits_since > REQUEST_SECONDS:
            if self.transport.is_closing():
                self.transport.abort()
            else:
                self.waits_since = now  # what is written still goes out, for as long again
                self.transport.close()


class ConnectionAcceptor:
    """Accepts connections on one listening socket. All calls on one event loop."""

    def __init__(self, listener: socket.socket, app: Any, bounds: Bounds, tls: TlsFiles | None = None) -> None:
        """Raises OSError for certificates that cannot be used."""
        self._listener, self.bounds = listener, bounds
        self._tls = None if tls is None else server_context(tls)
        self._renewal = None if tls is None else Renewal(tls)
        self.config = uvicorn.Config(
            app,
            log_config=None,
            lifespan="off",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_keep_alive=int(REQUEST_SECONDS),
        )
        self.config.load()
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # who sends nonsense writes no line for each
        self.state = ServerState()
        self.connections: set[ApiConnection] = set()
        self._addresses: Counter[str] = Counter()
        self._left = asyncio.Event()  # somebody went
        self._loop: asyncio.AbstractEventLoop
        self._watching: asyncio.Task[None]

    async def open(self) -> None:
        """Start accepting; returns when connections are accepted."""
        self._listener.setblocking(False)
        self._date()
        self._loop = asyncio.get_running_loop()
        self._attend()
        self._watching = asyncio.create_task(self._watch())
        self._watching.add_done_callback(_ended)

    async def close(self) -> None:
        """Accept no more; open requests get a limited time to end."""
        self._watching.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        left = [connection.opening for connection in self.connections if connection.opening is not None]
        for connection in list(self.connections):
            if connection.open:
                connection.shutdown()
            else:
                connection.shut()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while self.connections:
                    self._left.clear()
                    await self._left.wait()
        for connection in list(self.connections):
            connection.shut()
        for answer in list(self.state.tasks):
            answer.cancel()
        await asyncio.gather(self._watching, *left, *self.state.tasks, return_exceptions=True)
        await asyncio.sleep(LAST)  # for transports to close their sockets

    def _accept(self) -> None:
        """Accept the connections that wait."""
        for _ in range(ACCEPT):
            try:
                client, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no file descriptor is left
                log.warning("the api cannot accept a connection", error=reason(error))
                self._loop.remove_reader(self._listener)
                self._loop.call_later(FULL_PAUSE, self._attend)
                return
            address = str(peer[0])
            if not self._room(address):
                client.close()
                continue
            client.setblocking(False)
            self._take(client, address)

    def _attend(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)

    def _take(self, client: socket.socket, address: str) -> None:
        connection = ApiConnection(self, address)
        self.connections.add(connection)
        self._addresses[address] += 1
        timeout = HANDSHAKE_SECONDS if self._tls else None
        opening = self._loop.create_task(
            self._loop.connect_accepted_socket(lambda: connection, client, ssl=self._tls, ssl_handshake_timeout=timeout)
        )

        def opened(task: asyncio.Task[Any]) -> None:
            if task.cancelled() or task.exception() is not None:  # no handshake, or none in time
                client.close()
                self.forget(connection)

        opening.add_done_callback(opened)
        connection.opening = opening

    def _room(self, address: str) -> bool:
        """True if there is room for one more connection, also after closing an idle one."""
        here = self._addresses[address] >= self.bounds.per_address
        if not here and len(self.connections) < self.bounds.total:
            return True
        idle = [c for c in self.connections if c.idle and (not here or c.address == address)]
        if not idle:
            return False
        longest = min(idle, key=lambda connection: connection.waits_since)
        longest.shut()
        self.forget(longest)  # connection_lost comes a moment later
        return True

    def forget(self, connection: ApiConnection) -> None:
        """Remove a connection that is closed or about to be."""
        if connection in self.connections:
            self.connections.discard(connection)
            self._left.set()
            self._addresses[connection.address] -= 1
            if not self._addresses[connection.address]:
                del self._addresses[connection.address]

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._date()
            if self._renewal is not None and (renewed := self._renewal.look()) is not None:
                self._tls = renewed
            now = self._loop.time()
            for connection in list(self.connections):
                connection.look(now)

    def _date(self) -> None:
        self.state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("the api looks after its connections no longer", error=str(error), exc_info=error)
