"""Standard Webhooks 1.0.0, symmetric scheme v1: HMAC-SHA256 over `id.timestamp.body` of the raw bytes.

The body is never parsed and written again in between: re-serialised JSON breaks the signature of Chinese text.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Literal

PREFIX = "whsec_"
TOLERANCE = 5 * 60
"""Seconds a timestamp may differ from the receiver's clock."""
MIN_BYTES, MAX_BYTES = 24, 64

_ID = re.compile(r"[!-\-/-~]{1,128}")  # visible ASCII without the delimiter "."
_DIGITS = re.compile(r"[0-9]{1,12}")

Weakness = Literal["short", "long", "plain"]


class SignatureInvalid(ValueError):
    """A message that must not be trusted. `reason`: missing, malformed, too_old, too_new, mismatch."""

    def __init__(self, reason: Literal["missing", "malformed", "too_old", "too_new", "mismatch"]) -> None:
        self.reason = reason
        super().__init__(reason)


class SecretUnusable(ValueError):
    """A secret that cannot be used for signing; `reason` is the cause."""

    def __init__(self, reason: Literal["empty", "base64"], text: str) -> None:
        self.reason = reason
        super().__init__(text)


def parse_secret(text: str) -> bytes:
    """`whsec_` + base64 (padding optional), or the raw characters. Raises SecretUnusable."""
    if not text.startswith(PREFIX):
        if not text:
            raise SecretUnusable("empty", "the secret is empty")
        return text.encode()
    encoded = text.removeprefix(PREFIX).rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        raise SecretUnusable("base64", "the secret after whsec_ is not base64") from None
    if not key:
        raise SecretUnusable("empty", "the secret is empty")
    return key


def weakness(key: bytes) -> Weakness | None:
    """Reason why a key is weak: fewer than 24 bytes, more than 64, or hardly any different bytes. None = none."""
    if len(key) < MIN_BYTES:
        return "short"
    if len(key) > MAX_BYTES:
        return "long"
    return "plain" if len(set(key)) < 8 else None


def valid_id(message: str) -> bool:
    """An id that can be signed and sent in a header: 1-128 visible ASCII characters, no "." (the delimiter)."""
    return _ID.fullmatch(message) is not None


def _mac(key: bytes, message: str, timestamp: int, body: bytes) -> bytes:
    return hmac.new(key, b"%s.%d.%s" % (message.encode(), timestamp, body), hashlib.sha256).digest()


def sign(keys: Sequence[bytes], message: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64>` per key, separated by blanks: both live secrets during a rotation. `timestamp` in seconds.

    Raises ValueError for an id that cannot be signed unambiguously, or without a key.
    """
    if not valid_id(message):
        raise ValueError("a webhook id is 1-128 visible ASCII characters without a dot")
    if not keys:
        raise ValueError("no secret to sign with")
    return " ".join(f"v1,{base64.b64encode(_mac(key, message, timestamp, body)).decode()}" for key in keys)


def headers(keys: Sequence[bytes], message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a signed message."""
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(keys, message, timestamp, body),
    }


def verify(
    keys: Sequence[bytes], received: Mapping[str, str], body: bytes, now: int, tolerance: int = TOLERANCE
) -> str:
    """The id of a message that one of `keys` signed, `now` in seconds. Header names in any case.

    Every key is compared with every signature in constant time. Raises SignatureInvalid, nothing else.
    """
    lower = {name.lower(): value for name, value in received.items()}
    message, stamp, given = (lower.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
    if not (message and stamp and given):
        raise SignatureInvalid("missing")
    if not valid_id(message) or not _DIGITS.fullmatch(stamp):
        raise SignatureInvalid("malformed")
    timestamp = int(stamp)
    if timestamp < now - tolerance:
        raise SignatureInvalid("too_old")
    if timestamp > now + tolerance:
        raise SignatureInvalid("too_new")
    expected = [_mac(key, message, timestamp, body) for key in keys]
    matched = False
    for signature in _signatures(given):
        for mac in expected:
            matched |= hmac.compare_digest(mac, signature)
    if not matched:
        raise SignatureInvalid("mismatch")
    return message


def _signatures(header: str) -> list[bytes]:
    """The v1 signatures of a header; other versions and broken ones are passed over. At most 16 are looked at."""
    found = []
    for part in header.split(" ")[:16]:
        version, _, encoded = part.partition(",")
        if version != "v1":
            continue
        try:
            found.append(base64.b64decode(encoded, validate=True))
        except ValueError:
            continue
    return found
