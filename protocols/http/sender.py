"""How the requests of one kind of sender become messages, and what it is answered."""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Protocol

import msgspec

from gateway.domain.text import Lang
from protocols.http.message import PushAnswer, PushRequest, problem

KEY: Final = "idempotency-key"
LONGEST_KEY: Final = 255
_ACCEPTED = PushAnswer(200, msgspec.json.encode({"status": "accepted"}))
_DUPLICATE = PushAnswer(200, msgspec.json.encode({"status": "duplicate"}))


@dataclass(frozen=True, slots=True)
class PushOutcome:
    """The end of a message. `reason`, `detail`: of its dead letter."""

    state: Literal["accepted", "duplicate", "dead_letter", "busy", "not_taken", "stopping"]
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class OpenedPush:
    """A message of a sender that proved who it is. `key` finds it among those that were sent before ("" = it has none);
    `once`: a message with this key is taken once, on whichever path and whatever it holds. `damaged`: why its content
    could not be read."""

    payload: bytes
    answer: Callable[[PushOutcome], PushAnswer]
    key: str = ""
    once: bool = False
    damaged: str = ""


class Sender(Protocol):
    """One kind of sender. Pure."""

    methods: frozenset[str]
    """Methods of HTTP that it uses."""

    def open(self, request: PushRequest, now: int) -> PushAnswer | OpenedPush:
        """The message, or the answer to a request that is none; `now` in µs."""


def opened(request: PushRequest, payload: bytes) -> OpenedPush:
    """A message that is answered in plain JSON, with the key of its header."""
    key = request.headers.get(KEY, "")[:LONGEST_KEY]
    return OpenedPush(payload, partial(json_answer, request.language), key)


def json_answer(lang: Lang, outcome: PushOutcome) -> PushAnswer:
    """200 when the journal has the message: it must not be sent again, whether readings came of it or not."""
    if outcome.state == "accepted":
        return _ACCEPTED
    if outcome.state == "duplicate":
        return _DUPLICATE
    if outcome.state == "dead_letter":
        body = {"status": "dead_letter", "reason": outcome.reason, "detail": outcome.detail}
        return PushAnswer(200, msgspec.json.encode(body))
    return problem(503, outcome.state, lang, retry_after=5 if outcome.state == "stopping" else 1)


def plain_body(request: PushRequest, most: int) -> bytes | PushAnswer:
    """The body, unpacked when it is gzip or deflate; at most `most` bytes."""
    encoding = request.headers.get("content-encoding", "identity").lower()
    body = request.body
    if encoding in {"gzip", "deflate"}:
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            body = unpack.decompress(body, most + 1)
        except zlib.error:
            return problem(400, "encoding", request.language, got=encoding)
        if not unpack.eof and len(body) <= most:
            return problem(400, "cut_short", request.language, got=encoding)
    elif encoding != "identity":
        return problem(415, "content_encoding", request.language)
    return problem(413, "too_large", request.language, most=most) if len(body) > most else _as_utf8(request, body)


_CHARSET = re.compile(r';\s*charset\s*=\s*"?([\w.:-]+)', re.IGNORECASE)
_GB = frozenset({"gbk", "gb2312", "gb18030", "x-gbk", "cp936"})


def _as_utf8(request: PushRequest, body: bytes) -> bytes | PushAnswer:
    """The body as UTF-8, by the charset of its type. What does not fit its charset stays as it came: a dead letter."""
    match = _CHARSET.search(request.headers.get("content-type", ""))
    charset = "utf-8" if match is None else match[1].lower()
    if charset in {"utf-8", "utf8", "us-ascii"}:
        return body
    if charset not in _GB | {"iso-8859-1"}:
        return problem(415, "charset", request.language, got=charset[:40])
    try:
        return body.decode("gb18030" if charset in _GB else charset).encode()
    except UnicodeDecodeError:
        return body
