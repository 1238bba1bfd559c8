"""Requests and answers, as the connection gives and takes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

from gateway.domain.text import Lang, localize

PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class PushRequest:
    """`headers` by their names in lower case; `path` and `query` as they came, not decoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def language(self) -> Lang:
        """zh if the sender prefers Chinese."""
        return "zh" if self.headers.get("accept-language", "").strip().lower().startswith("zh") else "en"


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """`close`: the connection ends after it. `refusal`: why the request is no message, for the count; "" = it is not
    refused."""

    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    close: bool = False
    refusal: str = ""

    def wire(self, *, keep: bool) -> bytes:
        """The bytes of HTTP/1.1; `keep`: the connection stays."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", f"content-length: {len(self.body)}"]
        if self.body:
            lines.append(f"content-type: {self.kind}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        if not keep:
            lines.append("connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


def problem(
    status: int, code: str, lang: Lang = "en", *, close: bool = False, retry_after: int = 0, **fields: Any
) -> PushAnswer:
    """An answer of RFC 9457 with the text `push.CODE`. `retry_after` s, 0 = none."""
    body = {
        "type": f"urn:fieldgate:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": localize(f"push.{code}", lang, **fields),
        "code": code,
    }
    headers = (("retry-after", str(retry_after)),) if retry_after else ()
    return PushAnswer(status, msgspec.json.encode(body), PROBLEM, headers, close, code)


@dataclass(slots=True)
class PushedMessage:
    """What the mapper sees: the path below `/v1/ingest/` is the topic. `damaged`: why it could not be decrypted."""

    topic: str
    payload: bytes
    retain: bool = field(default=False)
    damaged: str = ""
