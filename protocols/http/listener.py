"""The listening socket: one for each address, shared by the sources that are pushed to there."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceRejected
from protocols.http.config import HttpConfig, ServerTls
from protocols.http.connection import Handle, PushConnection
from protocols.http.message import PushAnswer, PushRequest, problem

PREFIX = "/v1/ingest/"
log = structlog.get_logger()


def server_context(files: ServerTls) -> ssl.SSLContext:
    """TLS 1.2 or newer; with `client_ca` senders need a certificate. Raises OSError (ssl.SSLError is one)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key, password=lambda: "")
    if files.client_ca is not None:
        context.load_verify_locations(cafile=files.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@dataclass(slots=True, eq=False)
class Listener:
    """Requests to `/v1/ingest/NAME…` go to the handler of NAME. `limit`: connections at one time."""

    limit: int
    max_body: int
    handlers: dict[str, Handle] = field(default_factory=dict)
    server: asyncio.Server | None = None
    connections: set[PushConnection] = field(default_factory=set)

    async def open(self, config: HttpConfig) -> None:
        """Bind and listen. Raises SourceRejected."""
        host, port = config.address
        try:
            context = None if config.tls is None else await asyncio.to_thread(server_context, config.tls)
            loop = asyncio.get_running_loop()
            self.server = await loop.create_server(self._accept, host, port, ssl=context, backlog=512)
        except OSError as error:
            raise SourceRejected.of("http.cannot_listen", address=config.listen, error=reason(error)) from error

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self.server is not None
        return int(self.server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Accept nothing more; connections end after the answers that are due."""
        if self.server is not None:
            self.server.close()
        for connection in list(self.connections):
            connection.close()

    def _accept(self) -> asyncio.Protocol:
        connection = PushConnection(self._handle, self.connections.discard, self.max_body)
        self.connections.add(connection)
        if len(self.connections) > self.limit:
            asyncio.get_running_loop().call_soon(connection.close)
        return connection

    def _handle(self, request: PushRequest) -> "PushAnswer | asyncio.Future[PushAnswer]":
        if not request.path.startswith(PREFIX):
            return problem(404, "no_path", request.language, path=f"{PREFIX}SOURCE")
        name = request.path.removeprefix(PREFIX).partition("/")[0]
        handler = self.handlers.get(name)
        if handler is None:
            return problem(404, "no_source", request.language)
        return handler(request)


class Listeners:
    """Open listeners by address; the last source that leaves closes its listener. One event loop."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], Listener] = {}
        self._lock = asyncio.Lock()

    async def join(self, name: str, config: HttpConfig, handle: Callable[[PushRequest], object]) -> Listener:
        """Listen for the source `name`. Raises SourceRejected."""
        async with self._lock:
            listener = self._open.get(config.address) if config.address[1] else None
            if listener is None:
                listener = Listener(config.max_connections, config.max_payload)
                await listener.open(config)
                self._open[config.address[0], config.address[1] or listener.port] = listener
            listener.max_body = max(listener.max_body, config.max_payload)
            listener.handlers[name] = handle  # type: ignore[assignment]
            return listener

    async def leave(self, name: str, listener: Listener) -> None:
        """The source listens no more."""
        async with self._lock:
            listener.handlers.pop(name, None)
            if not listener.handlers:
                self._open = {address: one for address, one in self._open.items() if one is not listener}
                await listener.close()


LISTENERS: dict[asyncio.AbstractEventLoop, Listeners] = {}


def listeners() -> Listeners:
    """Those of the running loop."""
    loop = asyncio.get_running_loop()
    for other in [one for one in LISTENERS if one.is_closed()]:
        del LISTENERS[other]
    return LISTENERS.setdefault(loop, Listeners())
