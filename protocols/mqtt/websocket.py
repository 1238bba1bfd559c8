"""MQTT over WebSocket (RFC 6455; MQTT 5 and 3.1.1, section 6): bytes in, bytes out, no I/O.

MQTT packets travel in binary frames of the subprotocol `mqtt`; a frame may hold several of them, or a part of one.
`websockets` does the protocol; this is the only file that uses it.
"""

from collections.abc import Mapping
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import CONNECTING
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from gateway.domain.errors import SourceError, SourceRejected, SourceUnavailable
from gateway.domain.language_values import Phrase

_LONGEST: Final = 16 * 1024 * 1024
"""Bytes of a frame, at least: a longer one ends the connection."""
_REFUSED: Final = {400, 401, 403, 404, 405}
"""HTTP statuses that another try will not change."""


class WebSocket:
    """One connection to `url` (ws:// or wss://). After `failure` is set nothing more is read."""

    def __init__(self, url: str, headers: Mapping[str, str], max_packet: int) -> None:
        self.failure: SourceError | None = None
        self.opened = False
        """The handshake is over: MQTT may begin."""
        self._headers = headers
        self._protocol = ClientProtocol(
            parse_uri(url), subprotocols=[Subprotocol("mqtt")], max_size=max(_LONGEST, 2 * max_packet)
        )

    def begin(self) -> bytes:
        """The HTTP request."""
        request = self._protocol.connect()
        for name, value in self._headers.items():
            request.headers[name] = value
        self._protocol.send_request(request)
        return self.outgoing()

    def receive(self, data: bytes) -> bytes:
        """Bytes as they came -> the MQTT bytes in them."""
        protocol, found = self._protocol, []
        protocol.receive_data(data)
        for event in protocol.events_received():
            if not isinstance(event, Frame):
                self.opened = protocol.handshake_exc is None and protocol.subprotocol == "mqtt"
            elif event.opcode in (Opcode.BINARY, Opcode.CONT):
                found.append(bytes(event.data))
            elif event.opcode is Opcode.TEXT:
                self._fail("a text frame")
        if not self.opened and (protocol.handshake_exc or protocol.state is not CONNECTING):
            self._not_opened(protocol.handshake_exc)
        elif protocol.parser_exc is not None and not isinstance(protocol.parser_exc, ConnectionClosed):
            self._fail(str(protocol.parser_exc))
        return b"".join(found)

    def wrap(self, data: bytes) -> bytes:
        """MQTT bytes as a masked binary frame."""
        self._protocol.send_binary(data)
        return self.outgoing()

    def outgoing(self) -> bytes:
        """What the protocol itself has to send: pongs, the answer to a close."""
        return b"".join(self._protocol.data_to_send())

    def _not_opened(self, error: Exception | None) -> None:
        if isinstance(error, InvalidStatus):
            status = error.response.status_code
            kind = SourceRejected if status in _REFUSED else SourceUnavailable
            self.failure = kind.of("source.websocket", more=_more(f"HTTP {status}"))
        else:
            self._fail(str(error or "no subprotocol mqtt"))

    def _fail(self, why: str) -> None:
        self.failure = self.failure or SourceUnavailable.of("source.websocket", more=_more(why))


def _more(why: str) -> Phrase:
    """For the log alone."""
    return Phrase("source.more", {"why": why[:200]})
