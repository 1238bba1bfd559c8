"""Logging: one JSON object per line on standard error, without secrets and personal data.

`event` is a fixed name for machines, `message` the sentence of the catalogue, in the installation's language. Libraries
that log through the standard library are included.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Literal

import structlog

from gateway.domain.attribute_mask import masked
from gateway.domain.language_values import as_text_field
from gateway.domain.text import Lang, Localized, catalogue, localize

HIDDEN = "***"
_SECRET_KEY = re.compile(r"(secret|password|token|authorization|api_key|phone|signature)", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(whsec_[A-Za-z0-9+/=_-]+|fg_[A-Za-z0-9_-]{16,}|(?<=://)[^/@\s:]+:[^/@\s]+(?=@)|(?<!\d)(?:\+?86)?1[3-9]\d{9}(?!\d))"
)


_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·•. -]?[A-Z0-9]{4,5}[A-Z0-9挂警学]"
)


_APART = re.compile(r"[^a-z0-9]+")
_KEPT = ("timestamp", "level", "event", "exception", "stack")


def key_of(event: str) -> str:
    """`source down` -> `log.source_down`: the catalogue key of its sentence."""
    return f"log.{_APART.sub('_', event.lower()).strip('_')}"


class LocalizedMessage:
    """Adds the sentence of an event as `message`; values with texts in both languages become texts."""

    def __init__(self, lang: Lang) -> None:
        self._lang: Lang = lang

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A structlog processor. An event whose fields do not fill its sentence has no message."""
        key = key_of(str(event.get("event", "")))
        if key in catalogue():
            with suppress(KeyError):
                fields = {name: as_text_field(value, self._lang) for name, value in event.items()}
                event["message"] = localize(key, self._lang, **fields)
        for name, value in event.items():
            if isinstance(value, Localized):
                event[name] = str(value)
        return event


def sentence(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Processor of the console format: the sentence alone, if there is one."""
    message = event.pop("message", None)
    if message is None:
        return event
    return {name: event[name] for name in _KEPT if name in event} | {"event": message}


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank values under keys that suggest a secret, and whatever looks like a secret or a phone number in any text,
    at any depth; number plates are masked."""
    for key, value in event.items():
        event[key] = HIDDEN if _SECRET_KEY.search(key) else _blanked(value)
    return event


def _blanked(value: Any) -> Any:
    """Values that are not JSON (errors, tuples) become texts or lists, as the renderer would write them."""
    if isinstance(value, str):
        return _readable(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(k): HIDDEN if _SECRET_KEY.search(str(k)) else _blanked(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_blanked(item) for item in value]
    return _readable(repr(value))


def _readable(text: str) -> str:
    return _PLATE.sub(lambda found: masked(found[0]), _SECRET_TEXT.sub(HIDDEN, text))


def _called_off(record: logging.LogRecord) -> bool:
    """True for a cancelled task at the end of the process, which is no error."""
    return record.exc_info is None or not isinstance(record.exc_info[1], asyncio.CancelledError)


def configure(level: str = "info", form: Literal["json", "text"] = "json", lang: Lang = "en") -> None:
    """Configure structlog and the standard library, once per process. `lang`: language of `message`."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        LocalizedMessage(lang),
        redact,
    ]
    last: list[Any] = (
        [structlog.processors.JSONRenderer(ensure_ascii=False)]
        if form == "json"
        else [sentence, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("apscheduler.executors.default").addFilter(_called_off)
    for noisy in ("apscheduler", "httpx", "httpcore", "pymodbus", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
