"""China Mobile OneNET: signed pushes, in the clear or encrypted, and its check of the address.

Source: the platform's own sample receiver (data push, "Util.java"): signature = base64(MD5(token + nonce + msg)); with
encryption `enc_msg` is base64 of AES-256-CBC, key = base64 of EncodingAESKey and "=", IV = its first 16 bytes; the
plain text is 16 random bytes, the length of the message in 4 bytes, the message. Compared with a captured push.
"""

import base64
import binascii
import hashlib
import hmac
from urllib.parse import parse_qs

import msgspec

from protocols.http.aes import AesCbc
from protocols.http.message import PushAnswer, PushRequest, problem
from protocols.http.sender import OpenedPush, opened, plain_body

_PADDED_TO = 32
"""The platform pads to 32 bytes, as others of this scheme do; 16 is within it."""


class _OneNetPush(msgspec.Struct):
    msg_signature: str
    nonce: str
    msg: msgspec.Raw = msgspec.Raw(b"")
    enc_msg: str | None = None


class OneNetSender:
    """`aes_key`: EncodingAESKey of the platform, "" = messages are in the clear. What was encrypted is passed on as
    `{"msg": …}`, so that routes are the same. Raises ValueError for a key that is none."""

    methods = frozenset({"GET", "POST"})

    def __init__(self, token: str, most: int, aes_key: str = "") -> None:
        self._token, self._most = token, most
        self._aes: AesCbc | None = None
        if aes_key:
            key = base64.b64decode(aes_key + "=" * (-len(aes_key) % 4), validate=True)
            self._aes = AesCbc(key, key[:16])

    def open(self, request: PushRequest, now: int) -> PushAnswer | OpenedPush:  # noqa: ARG002 - as Sender
        """The message; to a GET the answer that the check of the address expects."""
        if request.method == "GET":
            return self._checked_address(request)
        body = plain_body(request, self._most)
        if isinstance(body, PushAnswer):
            return body
        try:
            push = msgspec.json.decode(body, type=_OneNetPush)
            if self._aes is not None:
                return self._decrypted(request, push, self._aes)
            raw = bytes(push.msg)
            message = msgspec.json.decode(raw)
            # it is signed as it stands in the body, or without its blanks: the platform signs what it serialised
            texts = [message] if isinstance(message, str) else [raw.decode(), msgspec.json.encode(message).decode()]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return problem(401, "unproven", request.language)
        if not any(self._fits(push, text) for text in texts):
            return problem(401, "unproven", request.language)
        return opened(request, body)

    def _decrypted(self, request: PushRequest, push: _OneNetPush, aes: AesCbc) -> PushAnswer | OpenedPush:
        text = push.enc_msg or ""
        if not self._fits(push, text):
            return problem(401, "unproven", request.language)
        found = opened(request, b"")
        try:
            plain = aes.decrypt(base64.b64decode(text, validate=True), _PADDED_TO)
        except (ValueError, binascii.Error) as error:
            return OpenedPush(request.body, found.answer, found.key, damaged=f"enc_msg: {error}")
        length = int.from_bytes(plain[16:20], "big")
        damaged = "" if len(plain) == 20 + length else f"enc_msg: {len(plain) - 20} bytes, not {length}"
        payload = request.body if damaged else b'{"msg":' + plain[20:] + b"}"
        return OpenedPush(payload, found.answer, found.key, damaged=damaged)

    def _checked_address(self, request: PushRequest) -> PushAnswer:
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        msg, nonce, sent = (query.get(name, "") for name in ("msg", "nonce", "signature"))
        # an unquoted + of base64 has become a blank
        if msg and _same(sent.replace(" ", "+"), self._signature(nonce, msg)):
            return PushAnswer(200, msg.encode(), "text/plain; charset=utf-8")
        return problem(401, "unproven", request.language)

    def _fits(self, push: _OneNetPush, text: str) -> bool:
        return bool(text) and _same(push.msg_signature, self._signature(push.nonce, text))

    def _signature(self, nonce: str, msg: str) -> str:
        digest = hashlib.md5((self._token + nonce + msg).encode(), usedforsecurity=False).digest()
        return base64.b64encode(digest).decode()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
