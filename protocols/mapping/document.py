"""Hostile JSON: limits and duplicate keys, cheap for the honest."""

import json
from codecs import BOM_UTF8
from typing import Any

import msgspec

from gateway.domain.errors import DecodeError
from protocols.mapping.number import parse_number

DEEPEST = 32


decode = msgspec.json.Decoder().decode
"""Bytes -> JSON value; whole numbers of any size stay whole. Raises one of `BROKEN`."""
BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def parse_document(payload: bytes) -> Any:
    """Payload -> JSON value. Raises DecodeError `bad_json` or `duplicate_key`."""
    document = _decoded(payload)
    check_keys(payload, document)
    return document


def _decoded(payload: bytes) -> Any:
    try:
        return decode(payload)
    except BROKEN as error:
        if payload.startswith(BOM_UTF8):
            return _decoded(payload.removeprefix(BOM_UTF8))
        raise DecodeError("bad_json", str(error)[:200]) from None


def check_keys(payload: bytes, document: Any) -> None:
    """Raises DecodeError `duplicate_key` when some object names a key twice (a parser keeps the last, silently).

    Each key takes a colon. When there are no more colons than keys at the top, no key was dropped there, and no object
    below has any. Each key and each text takes two quotation marks; a key that was dropped leaves its two behind. So
    when the marks are exactly twice the texts that survived, nothing was dropped. Otherwise (colons and escaped quotes
    inside a text, or a real duplicate) a strict parser decides.
    """
    if type(document) is dict and payload.count(b":") == len(document):
        return
    if payload.count(b'"') == 2 * _texts(document, 1):
        return
    try:
        json.loads(payload, object_pairs_hook=_strict)
    except (RecursionError, ValueError) as error:  # whole numbers of thousands of digits, too
        raise DecodeError("bad_json", str(error)[:200]) from None


def _texts(node: Any, depth: int) -> int:
    """Keys and texts of a document."""
    if depth > DEEPEST:
        raise DecodeError("bad_json", f"nested deeper than {DEEPEST}")
    total = 0
    if type(node) is dict:
        total = len(node)
        node = node.values()
    elif type(node) is not list:
        return 1 if type(node) is str else 0
    kinds = list(map(type, node))
    total += kinds.count(str)
    if dict in kinds or list in kinds:
        for value, kind in zip(node, kinds, strict=True):
            if kind is dict or kind is list:
                total += _texts(value, depth + 1)
    return total


def _strict(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise DecodeError("duplicate_key", key[:80])
        seen.add(key)


def parse_bare(payload: bytes) -> Any:
    """A payload that is one value: `88` -> 88, `true` -> True, `"charging"` and `charging` -> text, empty -> ``.

    Raises DecodeError `bad_json` when it is not UTF-8.
    """
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise DecodeError("bad_json", str(error)[:200]) from None
    if text in {"true", "false"}:
        return text == "true"
    if text == "null":
        return None
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _decoded(text.encode())
    try:
        return parse_number(text)
    except ValueError:
        return text
