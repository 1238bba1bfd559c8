"""One connection (TCP, TLS, WebSocket) that feeds a `Session`: asyncio, timers, back-pressure."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceError, SourceRejected, SourceUnavailable
from gateway.domain.language_values import Phrase
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.keepalive import Keepalive, KeepaliveAction
from protocols.mqtt.publication import OpenPublications, Publication, settle
from protocols.mqtt.session import GOODBYE, PING, Message, Phase, Session

if TYPE_CHECKING:
    from protocols.mqtt.websocket import WebSocket

_PATIENCE = 10.0  # seconds for TCP, TLS, WebSocket, CONNACK and SUBACK together


class MqttConnection(asyncio.Protocol):
    """`messages(list)` is called with what each read brought. `closed` ends with the reason. `websocket`: what the MQTT
    bytes travel in."""

    def __init__(
        self, session: Session, messages: Callable[[list[Message]], None], websocket: "WebSocket | None" = None
    ) -> None:
        loop = asyncio.get_running_loop()
        self.session = session
        self.ready: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[SourceError] = loop.create_future()
        self.open = False
        self.paused = False
        self._loop = loop
        self._messages = messages
        self._websocket = websocket
        self._transport: asyncio.Transport | None = None
        self._keepalive = Keepalive(session.keepalive, loop.time())
        self._timer: asyncio.TimerHandle | None = None
        self._why: SourceError | None = None
        self._published = OpenPublications()

    # ---- asyncio ----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send CONNECT, or the request for a WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.open = transport, True
        if self._websocket is None:
            self.write(self.session.connect())
        else:
            transport.write(self._websocket.begin())

    def data_received(self, data: bytes) -> None:
        """Everything that came, at once."""
        session = self.session
        self._keepalive.received(self._loop.time())
        if self._websocket is not None:
            data = self._unwrapped(self._websocket, data)
        messages = session.receive(data)
        self.write(session.outgoing())
        for answer in session.answers():
            refused = SourceUnavailable.of("source.not_published", code=answer.refused) if answer.refused else None
            self._published.answer(answer.packet_id, refused)
        if messages:
            self._messages(messages)
        if session.failure is not None:
            self.abort(session.failure)
        elif session.phase is Phase.READY and not self.ready.done():
            self._keepalive = Keepalive(session.keepalive, self._loop.time())
            if session.keepalive:
                self._beat()
            self.ready.set_result(None)

    def _unwrapped(self, websocket: "WebSocket", data: bytes) -> bytes:
        before = websocket.opened
        found = websocket.receive(data)
        if self._transport is not None:
            self._transport.write(websocket.outgoing())
        if websocket.failure is not None:
            self.abort(websocket.failure)
        elif websocket.opened and not before:
            self.write(self.session.connect())
        return found

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever wanted it."""
        self.open = False
        if self._timer is not None:
            self._timer.cancel()
        lost = SourceUnavailable.of("source.lost", more=_more(exc)) if exc else SourceUnavailable.of("source.closed")
        why = self._why or lost
        self._published.fail(why)
        if not self.ready.done():
            self.ready.set_exception(why)
            self.ready.exception()  # whoever waits sees it; nobody waiting is no leak
        if not self.closed.done():
            self.closed.set_result(why)

    # ---- for the source ----------------------------------------------------------------------------------------
    def write(self, data: bytes) -> None:
        """Send while the connection is open; otherwise nothing: these bytes do not belong to the next one."""
        if data and self.open and self._transport is not None:
            self._keepalive.sent(self._loop.time())
            self._transport.write(data if self._websocket is None else self._websocket.wrap(data))

    def publish(self, publication: Publication) -> asyncio.Future[None]:
        """As `Publisher`. More messages than the broker takes at once (its receive maximum) are refused here."""
        session, grants = self.session, self.session.grants
        failure: SourceError | None = None
        if not self.open or session.phase is not Phase.READY:
            failure = SourceUnavailable.of("source.closed")
        elif publication.qos and grants is not None and len(self._published) >= grants.receive_maximum:
            failure = SourceUnavailable.of("source.not_published", code=f"> {grants.receive_maximum}")
        packet_id = None if failure is not None else session.publish(publication)
        self.write(session.outgoing())
        if packet_id is not None:
            return self._published.add(packet_id)
        sent: asyncio.Future[None] = self._loop.create_future()
        settle(sent, failure)
        return sent

    def pause(self, paused: bool) -> None:
        """Back-pressure: stop or go on reading. Pings go on."""
        if paused == self.paused or not self.open or self._transport is None:
            return
        self.paused = paused
        self._keepalive.paused(paused, self._loop.time())
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def abort(self, why: SourceError) -> None:
        """Give the connection up at once."""
        self._why = self._why or why
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    async def leave(self) -> None:
        """DISCONNECT and close, in order."""
        self.write(GOODBYE)
        self._why = SourceUnavailable.of("source.left")
        if self._transport is not None:
            self.open = False
            self._transport.close()
            await asyncio.wait([self.closed], timeout=1)
            self._transport.abort()

    def _beat(self) -> None:
        beat = self._keepalive.due(self._loop.time())
        if beat is KeepaliveAction.DEAD:
            self.abort(SourceUnavailable.of("source.no_life", seconds=f"{self.session.keepalive / 2:g}"))
            return
        if beat is KeepaliveAction.PING:
            self.write(PING)
        self._timer = self._loop.call_later(self.session.keepalive / 8, self._beat)


def websocket_of(config: MqttConfig) -> "WebSocket | None":
    """For ws:// and wss://."""
    if not config.over_websocket:
        return None
    from protocols.mqtt.websocket import WebSocket

    headers = {name: value.get_secret_value() for name, value in config.headers.items()}
    return WebSocket(config.url, headers, config.max_packet)


async def establish(
    config: MqttConfig, context: ssl.SSLContext | None, connection: MqttConnection, patience: float = 0
) -> None:
    """Connect and wait until the subscriptions are granted. `patience` s; 0 = the usual. Raises
    SourceUnavailable or SourceRejected."""
    seconds = patience or _PATIENCE
    host, port = config.address
    try:
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().create_connection(lambda: connection, host, port, ssl=context)
            await connection.ready
        return
    except TimeoutError:
        failure: SourceError = SourceUnavailable.of("source.no_answer", seconds=f"{seconds:g}")
    except ssl.SSLCertVerificationError as error:
        failure = SourceRejected.of("source.certificate", more=_more(error))
    except OSError as error:
        failure = _unreachable(error, encrypted=context is not None)
    except SourceError as error:
        failure = error
    connection.abort(failure)
    raise failure


def _unreachable(error: OSError, *, encrypted: bool) -> SourceUnavailable:
    """A server that is no TLS server, or a very old one, just hangs up: then the error alone does not help anybody."""
    if isinstance(error, ConnectionRefusedError) or error.errno == errno.ECONNREFUSED:
        return SourceUnavailable.of("source.refused_port", more="")
    if isinstance(error, socket.gaierror):
        return SourceUnavailable.of("source.unknown_host", more=_more(error))
    if encrypted and isinstance(error, ConnectionError):
        return SourceUnavailable.of("source.tls_handshake")
    return SourceUnavailable.of("source.network", more=_more(error))


def _more(error: BaseException) -> Phrase:
    """For the log alone."""
    return Phrase("source.more", {"why": reason(error)})
