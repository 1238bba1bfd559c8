"""Hostile JSON: limits and duplicate keys, cheap for the honest."""

import json
from typing import Any

import orjson

from gateway.domain.errors import DecodeError
from protocols.mqtt.number import parse_number

DEEPEST = 32


def parse_document(payload: bytes) -> Any:
    """Payload -> JSON value. Raises DecodeError `bad_json` or `duplicate_key`."""
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise DecodeError("bad_json", str(error)[:200]) from None
    check_keys(payload, document)
    return document


def check_keys(payload: bytes, document: Any) -> None:
    """Raises DecodeError `duplicate_key` when some object names a key twice (a parser keeps the last, silently).

    Each key and each text takes two quotation marks; a key that was dropped leaves its two behind. So when the marks
    are exactly twice the texts that survived, nothing was dropped. Otherwise (escaped quotes inside a text, or a real
    duplicate) a strict parser decides.
    """
    marks = payload.count(b'"')
    if (type(document) is dict and marks == 2 * len(document)) or marks == 2 * _texts(document, 1):
        return
    try:
        json.loads(payload, object_pairs_hook=_strict)
    except RecursionError:
        raise DecodeError("bad_json", "nested too deep") from None


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
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise DecodeError("bad_json", str(error)[:200]) from None
    try:
        return parse_number(text)
    except ValueError:
        return text
