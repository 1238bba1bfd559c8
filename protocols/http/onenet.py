"""China Mobile OneNET and OneNET Studio: signed pushes, in the clear or encrypted, and the check of the address.

Source: the platform's own sample receiver (data push, "Util.java"): signature = base64(MD5(token + nonce + msg)); with
encryption `enc_msg` is base64 of AES-256-CBC, key = base64 of EncodingAESKey and "=", IV = its first 16 bytes; the
plain text is 16 random bytes, the length of the message in 4 bytes, the message. Compared with a captured push.

OneNET Studio ("HTTP推送", open.iot.10086.cn, iot_platform/application-develop/push/http_push): `{msg, signature, nonce,
time, id}`, `msg` is a text, the same signature. In its safe mode `msg` is base64 of AES-128-CBC with the key of 16
characters, which is the IV, too (by public receivers; the manual names AES and the length only). Whether the signature
is of the text that is sent or of what it holds is not written there, so either proves the sender. Not tried with the
platform itself.
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

_STUDIO_KEY = 16
_PADDED_TO = 32
"""The platform pads to 32 bytes, as others of this scheme do; 16 is within it."""


class _OneNetPush(msgspec.Struct):
    nonce: str
    msg_signature: str = ""
    signature: str = ""
    id: str | int = ""
    msg: msgspec.Raw = msgspec.Raw(b"")
    enc_msg: str | None = None


class OneNetSender:
    """`aes_key`: of the platform, "" = messages are in the clear. What was encrypted, or is JSON in a text, is passed
    on as `{"msg": …}`, so that routes are the same. Raises ValueError for a key that is none."""

    methods = frozenset({"GET", "POST"})

    def __init__(self, token: str, most: int, aes_key: str = "") -> None:
        self._token, self._most = token, most
        self._aes: AesCbc | None = None
        self._studio = len(aes_key) == _STUDIO_KEY
        if self._studio:
            self._aes = AesCbc(aes_key.encode(), aes_key.encode())
        elif aes_key:
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
            if push.signature and not push.msg_signature:
                return self._of_studio(request, push, msgspec.json.decode(bytes(push.msg), type=str))
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

    def _of_studio(self, request: PushRequest, push: _OneNetPush, text: str) -> PushAnswer | OpenedPush:
        plain, damaged = text.encode(), ""
        if self._aes is not None and self._studio:
            try:
                plain = self._aes.decrypt(base64.b64decode(text, validate=True))
            except (ValueError, binascii.Error) as error:
                damaged = f"msg: {error}"
        if not (self._fits(push, text) or self._fits(push, plain.decode("utf-8", "replace"))):
            return problem(401, "unproven", request.language)
        found = opened(request, b"")
        key = found.key or (f"onenet {push.id}" if push.id else "")
        payload = b'{"msg":' + plain + b"}" if not damaged and _is_json(plain) else request.body
        return OpenedPush(payload, found.answer, key, damaged=damaged)

    def _checked_address(self, request: PushRequest) -> PushAnswer:
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        msg, nonce, sent = (query.get(name, "") for name in ("msg", "nonce", "signature"))
        # an unquoted + of base64 has become a blank
        if msg and _same(sent.replace(" ", "+"), self._signature(nonce, msg)):
            return PushAnswer(200, msg.encode(), "text/plain; charset=utf-8")
        return problem(401, "unproven", request.language)

    def _fits(self, push: _OneNetPush, text: str) -> bool:
        return bool(text) and _same(push.msg_signature or push.signature, self._signature(push.nonce, text))

    def _signature(self, nonce: str, msg: str) -> str:
        digest = hashlib.md5((self._token + nonce + msg).encode(), usedforsecurity=False).digest()
        return base64.b64encode(digest).decode()


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
