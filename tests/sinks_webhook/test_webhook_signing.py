"""Standard Webhooks v1: the published vector, the reference library, and what must not verify."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from sinks.http.signing import SignatureInvalid, headers, parse_secret, sign, valid_id, verify, weakness

KEYS = st.binary(min_size=24, max_size=64)
IDS = st.text(st.sampled_from("abcXYZ019_-:/"), min_size=1, max_size=40)
STAMPS = st.integers(0, 4_000_000_000)


def test_vector() -> None:
    signature = sign([b"0" * 32], "msg_1", 1_700_000_000, b'{"a":1}')
    assert signature == "v1,z0gF+AgSqUCmK9E5+VdblaSkKJjio2qcazBsuPr0wWA="


@given(KEYS, IDS, STAMPS, st.text())
def test_agrees_with_the_reference_library(key: bytes, message: str, stamp: int, body: str) -> None:
    raw = body.encode("utf-8", "surrogatepass")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return  # the library takes text only
    library = Webhook(base64.b64encode(key).decode())
    assert sign([key], message, stamp, raw) == library.sign(message, datetime.fromtimestamp(stamp, UTC), raw.decode())


def test_the_reference_library_verifies_chinese_text() -> None:
    body = json.dumps({"title": "枪头过温"}, ensure_ascii=False).encode()
    secret = "whsec_" + base64.b64encode(b"abcdefghijklmnopqrstuvwxyz012345").decode()
    now = int(datetime.now(UTC).timestamp())
    assert Webhook(secret).verify(body, headers([parse_secret(secret)], "evt_1", now, body)) == {"title": "枪头过温"}


@given(KEYS, KEYS, IDS, STAMPS, st.binary())
def test_round_trip_while_a_secret_rotates(new: bytes, old: bytes, message: str, stamp: int, body: bytes) -> None:
    sent = headers([new, old], message, stamp, body)
    for known in ([new], [old], [new, old], [b"x" * 24, old]):
        assert verify(known, sent, body, stamp) == message
    if b"y" * 24 not in (new, old):
        with pytest.raises(SignatureInvalid, match="mismatch"):
            verify([b"y" * 24], sent, body, stamp)


@given(KEYS, IDS, STAMPS, st.binary(min_size=1), st.data())
def test_any_change_is_noticed(key: bytes, message: str, stamp: int, body: bytes, data: st.DataObject) -> None:
    sent = headers([key], message, stamp, body)
    at = data.draw(st.integers(0, len(body) - 1))
    changed = body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 255))]) + body[at + 1 :]
    with pytest.raises(SignatureInvalid, match="mismatch"):
        verify([key], sent, changed, stamp)
    with pytest.raises(SignatureInvalid, match="mismatch"):
        verify([key], {**sent, "webhook-id": message + "x"}, body, stamp)
    with pytest.raises(SignatureInvalid, match="mismatch"):
        verify([key], {**sent, "webhook-timestamp": str(stamp + 1)}, body, stamp)


@given(
    st.dictionaries(st.sampled_from(["webhook-id", "Webhook-Timestamp", "webhook-signature"]), st.text()), st.binary()
)
def test_nonsense_is_refused_and_raises_nothing_else(received: dict[str, str], body: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        verify([b"k" * 32], received, body, 1_700_000_000)


@pytest.mark.parametrize(("now", "reason"), [(1301, "too_old"), (699, "too_new"), (1300, ""), (700, "")])
def test_tolerance_is_five_minutes_on_both_sides(now: int, reason: str) -> None:
    sent = headers([b"k" * 32], "evt_1", 1000, b"{}")
    if reason:
        with pytest.raises(SignatureInvalid, match=reason):
            verify([b"k" * 32], sent, b"{}", now)
    else:
        assert verify([b"k" * 32], sent, b"{}", now) == "evt_1"


def test_without_keys_nothing_verifies() -> None:
    with pytest.raises(SignatureInvalid, match="mismatch"):
        verify([], headers([b"k" * 32], "evt_1", 1000, b"{}"), b"{}", 1000)
    with pytest.raises(ValueError, match="no secret"):
        sign([], "evt_1", 1000, b"{}")


@pytest.mark.parametrize("message", ["", "a.b", "a\r\nx: y", "a b", "é", "a" * 129])
def test_ids_that_would_be_ambiguous_or_split_a_header(message: str) -> None:
    assert not valid_id(message)
    with pytest.raises(ValueError, match="webhook id"):
        sign([b"k" * 32], message, 1000, b"")


def test_secrets() -> None:
    key = bytes(range(32))
    encoded = base64.b64encode(key).decode()
    assert parse_secret("whsec_" + encoded) == key
    assert parse_secret("whsec_" + encoded.rstrip("=")) == key
    assert parse_secret("a raw secret of many characters") == b"a raw secret of many characters"
    for broken in ("", "whsec_", "whsec_%%%", "whsec_a"):
        with pytest.raises(ValueError, match="secret"):
            parse_secret(broken)
    assert [weakness(k) for k in (key, key[:23], key * 3, b"0" * 32)] == [None, "short", "long", "plain"]
