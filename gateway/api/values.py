"""Types of requests and answers: RFC 3339 times with microseconds, bounded text, cursors."""

import base64
import math
import re
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from gateway.domain.alarm import Level
from gateway.domain.duration import from_us, parse_duration, to_us
from gateway.domain.errors import CommandError
from gateway.domain.text import localize

T = TypeVar("T")
MAX_INT = 2**63 - 1
MAX_PAGE = 500
_LATEST = 253_370_764_800_000_000  # 9999-01-01
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
LevelWord = Literal["notice", "minor", "major", "critical"]
_WORDS: dict[Level, LevelWord] = {
    Level.NOTICE: "notice", Level.MINOR: "minor", Level.MAJOR: "major", Level.CRITICAL: "critical",
}  # fmt: skip


def rfc3339(us: int) -> str:
    """µs since 1970 -> `2026-11-22T06:00:00.123456Z`."""
    return from_us(us).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_rfc3339(value: Any) -> int:
    """RFC 3339 -> µs since 1970; any offset, years 1970 to 9998. Raises ValueError. A blank before the offset is
    read as an unescaped `+`."""
    text = value.strip().replace(" ", "+") if isinstance(value, str) else ""
    if not _RFC3339.fullmatch(text):
        raise ValueError(localize("api.time"))
    at = to_us(datetime.fromisoformat(text.upper()))  # ValueError for a 30th of February
    if not 0 <= at < _LATEST:
        raise ValueError(localize("api.time"))
    return at


def _duration(value: Any) -> int:
    us = parse_duration(value if isinstance(value, str) and len(value) <= 40 else "")
    if not 1000 <= us <= 10_000 * 86_400_000_000:
        raise ValueError(localize("api.duration"))
    return us


def _clean(text: str) -> str:
    if any((c < " " and c not in "\n\r\t") or c == "\x7f" for c in text):
        raise ValueError(localize("api.control_characters"))
    return text


def refused(status: int, key: str, /, **fields: object) -> CommandError:
    """Refusal with the catalogue text `api.<key>`."""
    return CommandError(status, key, localize(f"api.{key}", "en", **fields), key=f"api.{key}", fields=fields)


def finite(value: float | None) -> float | None:
    """`value`, or None for NaN, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None


_TIME_SCHEMA = {"type": "string", "format": "date-time"}
Instant = Annotated[int, PlainSerializer(rfc3339, return_type=str), WithJsonSchema(_TIME_SCHEMA, mode="serialization")]
"""µs internally, RFC 3339 in requests and answers."""
When = Annotated[int, BeforeValidator(parse_rfc3339), WithJsonSchema(_TIME_SCHEMA)]
"""RFC 3339 in a request -> µs."""
Every = Annotated[int, BeforeValidator(_duration), WithJsonSchema({"type": "string", "examples": ["15m"]})]
"""Duration in a request -> µs."""
Line = Annotated[str, Field(max_length=200), AfterValidator(_clean)]
Text = Annotated[str, Field(max_length=2000), AfterValidator(_clean)]
CommandId = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[!-~]+$")]
"""Visible ASCII. A repeated command with the same id changes nothing."""
NonNegativeInt = Annotated[int, Field(ge=0, le=MAX_INT)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str, Query(max_length=400, pattern=r"^[A-Za-z0-9_-]*$", description="`next` of the page before")]


class RequestModel(BaseModel):
    """A request body: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class ResponseModel(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class PageView(ResponseModel, Generic[T]):
    """One page. Pass `next` as `cursor` of the next request; "" = the last page."""

    items: list[T]
    next: str = ""


def pack(key: str) -> str:
    """Cursor for `key`."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def unpack(cursor: str) -> str:
    """Key of a cursor. Raises CommandError for a cursor that this API did not issue."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise refused(422, "cursor") from None


def unpack_number(cursor: str) -> int:
    """Number of a cursor. Raises CommandError as `unpack` does."""
    text = unpack(cursor)
    if not (text.isascii() and text.isdigit()) or int(text[:19]) > MAX_INT or len(text) > 19:
        raise refused(422, "cursor")
    return int(text)


def level_word(level: Level) -> LevelWord:
    """3 -> `major`."""
    return _WORDS[level]


def level_of(word: LevelWord | None) -> int:
    """`major` -> 3; None -> 0, which is below all levels."""
    return int(Level[word.upper()]) if word else 0
