"""Senders by the `auth` of their source. Pure; secrets are compared in constant time."""

import base64
import hmac
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from gateway.domain.duration import SECOND
from protocols.http.config import HmacAuth, HttpConfig, OneNetAuth, TcecAuth, TokenAuth
from protocols.http.message import PushAnswer, PushRequest, problem
from protocols.http.onenet import OneNetSender
from protocols.http.sender import OpenedPush, Sender, opened, plain_body
from protocols.http.tcec102 import TcecKeys, TcecSender

Proven = Callable[[PushRequest, int], bool]
"""(request, now µs) -> whether it may push."""


def sender_of(config: HttpConfig) -> Sender:
    """Raises OSError when a secret cannot be read, ValueError when it is no key of the kind that is needed."""
    auth, most = config.auth, config.max_payload
    if isinstance(auth, OneNetAuth):
        return OneNetSender(auth.value(), most, auth.aes_key())
    if isinstance(auth, TcecAuth):
        return TcecSender(_tcec_keys(auth), most)
    if isinstance(auth, TokenAuth):
        return PlainSender(_token(auth, auth.value()), config, auth.query or "")
    return PlainSender(_hmac(auth, auth.value()) if isinstance(auth, HmacAuth) else _anyone, config)


def _tcec_keys(auth: TcecAuth) -> TcecKeys:
    return TcecKeys(
        operator=auth.operator_id,
        operator_secret=auth.value("operator_secret"),
        data_secret=auth.value("data_secret"),
        iv=auth.value("iv_secret"),
        sig_secret=auth.value("sig_secret"),
        lifetime=auth.token_lifetime,
        tolerance=auth.tolerance,
        zone=ZoneInfo(auth.zone),
    )


class PlainSender:
    """The body is the message, in the clear; with `query` of the source the query may be. `secret`: a name of the query
    that is no part of the message."""

    def __init__(self, proven: Proven, config: HttpConfig, secret: str = "") -> None:
        self._proven, self._most, self._secret = proven, config.max_payload, secret
        self._query = config.query
        self.methods = frozenset({"GET", "POST"} if config.query else {"POST"})

    def open(self, request: PushRequest, now: int) -> PushAnswer | OpenedPush:
        """The message, or why there is none."""
        if not self._proven(request, now):
            return problem(401, "unproven", request.language)
        if self._query and not request.body:
            return opened(request, self._from_query(request.query))
        body = plain_body(request, self._most)
        return body if isinstance(body, PushAnswer) else opened(request, body)

    def _from_query(self, query: str) -> bytes:
        if self._secret:
            query = urlencode([pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != self._secret])
        return query.encode("latin-1")


def _anyone(_: PushRequest, __: int) -> bool:
    """The listener has looked at the certificate, or is on loopback."""
    return True


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _token(auth: TokenAuth, secret: str) -> Proven:
    if auth.query is not None:
        name = auth.query
        return lambda request, _: _same(dict(parse_qsl(request.query)).get(name, ""), secret)
    name = auth.header.lower()
    if name == "authorization":
        return lambda request, _: _same(_bearer(request.headers.get(name, "")), secret)
    return lambda request, _: _same(request.headers.get(name, ""), secret)


def _bearer(header: str) -> str:
    """The token of `Bearer …`; the word may have any case (RFC 9110, section 11.1)."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _hmac(auth: HmacAuth, secret: str) -> Proven:
    name, stamp = auth.header.lower(), auth.timestamp.lower() if auth.timestamp else ""

    def check(request: PushRequest, now: int) -> bool:
        signed = request.body
        if stamp:
            text = request.headers.get(stamp, "")
            if not (text.isascii() and text.isdigit() and len(text) < 12):
                return False
            if abs(int(text) * SECOND - now) > auth.tolerance:
                return False
            signed = text.encode() + b"." + signed
        digest = hmac.new(secret.encode(), signed, auth.algorithm)
        text = digest.hexdigest() if auth.encoding == "hex" else base64.b64encode(digest.digest()).decode()
        sent = request.headers.get(name, "")
        sent = sent.lower() if auth.encoding == "hex" else sent
        return _same(sent, auth.prefix + text)

    return check
