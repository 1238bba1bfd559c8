"""Authentication of requests that push messages. Pure; secrets are compared in constant time."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec

from gateway.domain.duration import SECOND
from protocols.http.config import Auth, ClientCertificate, HmacAuth, NoAuth, OneNetAuth, TokenAuth
from protocols.http.message import PushAnswer, PushRequest, problem

Authenticate = Callable[[PushRequest, int], PushAnswer | None]
"""(request, now µs) -> None when it may push, else the answer."""


def authenticator(auth: Auth) -> Authenticate:
    """Raises OSError when a secret cannot be read."""
    if isinstance(auth, TokenAuth):
        return _token(auth, auth.value())
    if isinstance(auth, HmacAuth):
        return _hmac(auth, auth.value())
    if isinstance(auth, OneNetAuth):
        return _onenet(auth.value())
    assert isinstance(auth, ClientCertificate | NoAuth)
    return _anyone


def _anyone(_: PushRequest, __: int) -> PushAnswer | None:
    """The listener has looked at the certificate, or is on loopback."""
    return None


def _refused(request: PushRequest) -> PushAnswer:
    return problem(401, "unproven", request.language)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _token(auth: TokenAuth, secret: str) -> Authenticate:
    name = auth.header.lower()
    expected = f"Bearer {secret}" if name == "authorization" else secret

    def check(request: PushRequest, _: int) -> PushAnswer | None:
        return None if _same(request.headers.get(name, ""), expected) else _refused(request)

    return check


def _hmac(auth: HmacAuth, secret: str) -> Authenticate:
    name, stamp = auth.header.lower(), auth.timestamp.lower() if auth.timestamp else ""

    def check(request: PushRequest, now: int) -> PushAnswer | None:
        signed = request.body
        if stamp:
            text = request.headers.get(stamp, "")
            if not (text.isascii() and text.isdigit() and len(text) < 12):
                return _refused(request)
            if abs(int(text) * SECOND - now) > auth.tolerance:
                return _refused(request)
            signed = text.encode() + b"." + signed
        digest = hmac.new(secret.encode(), signed, auth.algorithm)
        text = digest.hexdigest() if auth.encoding == "hex" else base64.b64encode(digest.digest()).decode()
        sent = request.headers.get(name, "")
        sent = sent.lower() if auth.encoding == "hex" else sent
        return None if _same(sent, auth.prefix + text) else _refused(request)

    return check


class _OneNetPush(msgspec.Struct):
    msg: msgspec.Raw
    msg_signature: str
    nonce: str


def _onenet(token: str) -> Authenticate:
    """`msg` is signed as it stands in the body, or without its blanks: the platform signs what it serialised."""

    def signature(nonce: str, msg: str) -> str:
        digest = hashlib.md5((token + nonce + msg).encode(), usedforsecurity=False).digest()
        return base64.b64encode(digest).decode()

    def check(request: PushRequest, _: int) -> PushAnswer | None:
        if request.method == "GET":
            query = {name: values[0] for name, values in parse_qs(request.query).items()}
            msg, nonce, sent = (query.get(name, "") for name in ("msg", "nonce", "signature"))
            # an unquoted + of base64 has become a blank
            if msg and _same(sent.replace(" ", "+"), signature(nonce, msg)):
                return PushAnswer(200, msg.encode(), "text/plain; charset=utf-8")
            return _refused(request)
        try:
            push = msgspec.json.decode(request.body, type=_OneNetPush)
            raw = bytes(push.msg)
            text = msgspec.json.decode(raw)
            texts = [text] if isinstance(text, str) else [raw.decode(), msgspec.json.encode(text).decode()]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _refused(request)
        fits = [_same(push.msg_signature, signature(push.nonce, one)) for one in texts]
        return None if any(fits) else _refused(request)

    return check
