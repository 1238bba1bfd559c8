"""Error responses (RFC 9457): `type`, `title`, `status`, `detail`, `code` and members of the case.

No answer repeats values of the request or reveals internals.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gateway.domain.errors import CommandError, Conflict, InvariantBroken, StoreError, StoreFull
from gateway.domain.text import Lang, catalogue, localize

MEDIA = "application/problem+json"
MOST_ERRORS = 50
RETRY_AFTER = "2"  # seconds
RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457)",
        "content": {
            MEDIA: {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "status", "detail", "code"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                        "code": {"type": "string"},
                        "possible": {
                            "type": "array",
                            "description": "Of a 409: what the caller may do now",
                            "items": {
                                "type": "object",
                                "required": ["act", "text"],
                                "properties": {"act": {"type": "string"}, "text": {"type": "string"}},
                            },
                        },
                        "errors": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
                            },
                        },
                    },
                }
            }
        },
    }
}
log = structlog.get_logger()
_HTTP = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}


def language(headers: Mapping[str, str]) -> Lang:
    """zh if the caller prefers Chinese."""
    return "zh" if headers.get("accept-language", "").strip().lower().startswith("zh") else "en"


def body_of(status: int, code: str, detail: str, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Members of one problem document."""
    return {
        "type": f"urn:fieldgate:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **(extra or {}),
    }


def of_command(error: CommandError, lang: Lang = "en") -> dict[str, Any]:
    """Refusal of a command, in the caller's language if the catalogue has it."""
    extra = dict(error.extra)
    key, fields = extra.pop("key", ""), extra.pop("fields", {})
    if isinstance(error, Conflict) and isinstance(fields, Mapping):
        extra["possible"] = [
            {"act": act, "text": localize(f"possible.{act}", lang, **fields)} for act in error.possible
        ]
    detail = (
        localize(key, lang, **fields) if isinstance(key, str) and key and isinstance(fields, Mapping) else error.detail
    )
    return body_of(error.status, error.code, detail, extra)


def of_store(error: StoreError, lang: Lang = "en") -> dict[str, Any]:
    """A store that does not work now. The original message goes to the log only."""
    full = isinstance(error, StoreFull)
    return body_of(507 if full else 503, "store_full" if full else "store", localize("api.store", lang))


def answer(problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem document as a response."""
    return JSONResponse(dict(problem), int(problem["status"]), headers=dict(headers or {}), media_type=MEDIA)


def respond(error: CommandError | StoreError, lang: Lang) -> JSONResponse:
    """Response for an error of the gateway."""
    if isinstance(error, CommandError):
        headers = {"www-authenticate": 'Bearer realm="fieldgate"'} if error.status == HTTPStatus.UNAUTHORIZED else {}
        if error.status == HTTPStatus.TOO_MANY_REQUESTS:
            fields = error.extra.get("fields")
            headers = {"retry-after": str(fields["seconds"] if isinstance(fields, Mapping) else RETRY_AFTER)}
        return answer(of_command(error, lang), headers)
    log.warning("store failed in a request", error=error)
    return answer(of_store(error, lang), {"retry-after": RETRY_AFTER})


def install(api: FastAPI) -> None:
    """Install handlers for all errors that a request may raise."""
    api.add_exception_handler(CommandError, _expected)
    api.add_exception_handler(StoreError, _expected)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(InvariantBroken, _broken)
    api.add_exception_handler(Exception, _unexpected)


async def _expected(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CommandError | StoreError)
    return respond(error, language(request.headers))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    lang, found = language(request.headers), error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return answer(body_of(400, "json", localize("api.json", lang)))
    return answer(invalid(found, lang))


def invalid(found: Sequence[Any], lang: Lang) -> dict[str, Any]:
    """Everything that is wrong with the content of the request, each with its place, never with the value."""
    errors = [
        {"path": ".".join(str(part)[:100] for part in item["loc"]), "message": message(item, lang)}
        for item in found[:MOST_ERRORS]
    ]
    return body_of(422, "invalid", localize("api.invalid", lang, count=len(found)), {"errors": errors})


def message(item: Mapping[str, Any], lang: Lang) -> str:
    """Message for one field: in English pydantic's, or that of the validator."""
    text = str(item["msg"]).removeprefix("Value error, ")
    if lang == "en":
        return text
    if (key := f"field.{item['type']}") in catalogue():
        return localize(key, lang, **{name: _listed(value) for name, value in item.get("ctx", {}).items()})
    key = next((key for key, (english, _) in catalogue().items() if english == text and key.startswith("api.")), "")
    return localize(key, lang) if key else text


def _listed(value: object) -> object:
    """`'a', 'b' or 'c'` -> `'a'、'b'、'c'`."""
    return re.sub(r", | or ", "、", value) if isinstance(value, str) and value.startswith("'") else value


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _HTTP.get(error.status_code, "http")
    detail = (
        localize(f"api.{code}", language(request.headers)) if code != "http" else HTTPStatus(error.status_code).phrase
    )
    return answer(body_of(error.status_code, code, detail), error.headers)


async def _broken(request: Request, error: Exception) -> JSONResponse:
    """An invariant is broken: the process stops, as for the same error elsewhere."""
    context = request.app.state.context
    log.critical("stopping: this error cannot be undone", task="api", error=str(error), exc_info=error)

    async def stop() -> None:
        context.stop_for(error)

    await context.ingest.run(stop)
    return await _unexpected(request, error)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - logged by the server
    return answer(body_of(500, "internal", localize("api.internal", language(request.headers))))
