"""One connection: bytes to requests (llhttp), answers in their order. No caller can hold up the others: headers, bodies
and the time to send them are bounded, and reading stops while answers wait."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import httptools

from protocols.http.message import PushAnswer, PushRequest, problem

HEADER_BYTES: Final = 16 * 1024
HEADERS: Final = 64
REQUEST_SECONDS: Final = 10.0
"""From the first byte of a request to its last."""
IDLE_SECONDS: Final = 75.0
UNANSWERED: Final = 64
"""Requests of one connection that wait for the journal; reading stops at so many."""
Handle = Callable[[PushRequest], "PushAnswer | asyncio.Future[PushAnswer]"]


class PushConnection(asyncio.Protocol):
    """`handle` gets each whole request; `gone` is called when the connection has ended. `max_body` bytes."""

    def __init__(self, handle: Handle, gone: Callable[["PushConnection"], None], max_body: int) -> None:
        self._handle, self._gone, self._max_body = handle, gone, max_body
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._answers: deque[tuple[PushAnswer | asyncio.Future[PushAnswer], bool]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = self._paused = False
        self._begin()

    # ---- the transport
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._expect(REQUEST_SECONDS)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - as Protocol
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self._gone(self)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(problem(400, "upgrade", close=True))
        except httptools.HttpParserError:
            if not self._closing:
                self._refuse(problem(400, "no_http", close=True))

    def close(self) -> None:
        """After the answers that are due."""
        self._closing = True
        if not self._answers and self._transport is not None:
            self._transport.close()

    # ---- the parser
    def _begin(self) -> None:
        self._url, self._body = b"", bytearray()
        self._headers: dict[str, str] = {}
        self._size, self._keep = 0, True

    def on_message_begin(self) -> None:
        self._begin()
        self._expect(REQUEST_SECONDS)

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._grow(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        self._grow(len(name) + len(value))

    def _grow(self, more: int) -> None:
        self._size += more
        if self._size > HEADER_BYTES or len(self._headers) > HEADERS:
            self._refuse(problem(431, "headers", close=True, count=HEADERS, most=HEADER_BYTES))

    def on_headers_complete(self) -> None:
        self._keep = self._parser.should_keep_alive()
        length = self._headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_body:
            self._refuse(problem(413, "too_large", close=True, most=self._max_body))
        elif self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if len(self._body) + len(body) > self._max_body:
            self._refuse(problem(413, "too_large", close=True, most=self._max_body))
        elif not self._closing:
            self._body += body

    def on_message_complete(self) -> None:
        if self._closing:
            return
        url = httptools.parse_url(self._url)
        query = (url.query or b"").decode("latin-1")
        method = self._parser.get_method().decode("latin-1")
        request = PushRequest(method, url.path.decode("latin-1"), query, self._headers, bytes(self._body))
        answer = self._handle(request)
        self._answers.append((answer, self._keep))
        if isinstance(answer, asyncio.Future):
            answer.add_done_callback(self._answered)
            self._slow_reading()
        else:
            self._send()

    # ---- answers
    def _answered(self, _: "asyncio.Future[PushAnswer]") -> None:
        self._send()
        self._slow_reading()

    def _send(self) -> None:
        """All answers that are there, in the order of their requests."""
        parts, keep = [], True
        while self._answers and keep:
            answer, keep = self._answers[0]
            if isinstance(answer, asyncio.Future):
                if not answer.done():
                    keep = True
                    break
                answer = problem(503, "stopping", retry_after=5) if answer.cancelled() else answer.result()
            self._answers.popleft()
            keep = keep and not answer.close
            parts.append(answer.wire(keep=keep))
        if self._transport is None:
            return
        if parts:
            self._transport.write(b"".join(parts))
        if not keep or (self._closing and not self._answers):
            self._closing = True
            self._transport.close()
        elif not self._answers:
            self._expect(IDLE_SECONDS)

    def _refuse(self, answer: PushAnswer) -> None:
        """The last answer of this connection."""
        if not self._closing:
            self._answers.append((answer, False))
            self._send()
            self._closing = True

    def _slow_reading(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        full = len(self._answers) >= UNANSWERED
        if full != self._paused:
            self._paused = full
            (self._transport.pause_reading if full else self._transport.resume_reading)()

    def _expect(self, seconds: float) -> None:
        """Close when nothing whole comes within so long; not while answers are due."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._late)

    def _late(self) -> None:
        if not self._answers and self._transport is not None:
            self._closing = True
            self._transport.close()
