"""The running gateway of an installation, as far as looking back needs it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any

import httpx
import numpy as np
from msgspec import Struct

from gateway.adapter_ports import HistoryReader
from gateway.adapters import SERIES
from gateway.api.tls import pinned
from gateway.domain.duration import from_us
from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError, StoreUnavailable
from gateway.domain.reading import I64, Batch, decode_batch
from gateway.domain.text import Lang, say

PATIENCE = 60.0  # s for one answer: its store may be busy writing
PROBLEM = "application/problem+json"


class Address(Struct, frozen=True):
    """Of an API: its URL ("" = there is none), a key, and the file of its certificate ("" = the system decides)."""

    url: str = ""
    key: str = ""
    cert: str = ""


class HistoryPlace(Struct, frozen=True):
    """What another process needs to read the history: the adapter of the store and its place, the gateway that holds
    some of it."""

    store: str
    place: dict[str, str]
    gateway: Address = Address()


class GatewayClient:
    """Its API over HTTP (`gateway.ports.HeldReadings`). Blocking."""

    def __init__(self, address: Address, lang: Lang = "en") -> None:
        headers = {"Accept-Language": lang} | ({"Authorization": f"Bearer {address.key}"} if address.key else {})
        self.url, self._lang = address.url, lang
        verify = pinned(address.cert) if address.cert else True
        self._client = httpx.Client(
            base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False, verify=verify
        )  # fmt: skip

    def __enter__(self) -> "GatewayClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def rows(self, start: int, end: int, devices: Sequence[int] | None, points: Sequence[int] | None) -> Batch:
        """Readings that it alone can read. Raises StoreError."""
        body = {"start": _rfc3339(start), "end": _rfc3339(end), "devices": devices, "points": points}
        return decode_batch(self._ask("/v1/history/open/rows", body))

    def before(self, moment: int, devices: Sequence[int]) -> Batch:
        """Of each point of these devices the newest reading before, and the newest with a value. Raises StoreError."""
        return decode_batch(self._ask("/v1/history/before", {"moment": _rfc3339(moment), "devices": list(devices)}))

    def counts(self, start: int, end: int, width: int) -> I64:
        """How many there are in each bucket of `width` µs. Raises StoreError."""
        body = {"start": _rfc3339(start), "end": _rfc3339(end), "width": width}
        return np.frombuffer(self._ask("/v1/history/open/counts", body), "<i8").astype(np.int64)

    def _ask(self, path: str, body: dict[str, Any]) -> bytes:
        try:
            answer = self._client.post(path, json=body)
        except httpx.TransportError as error:
            raise StoreUnavailable(say("review.no_answer", self._lang, url=self.url, error=reason(error))) from error
        if not answer.is_success:
            message = answer.json()["detail"] if answer.headers["content-type"] == PROBLEM else answer.text[:300]
            fields = {"url": f"{self.url}{path}", "status": answer.status_code, "said": message}
            raise StoreError(say("review.refused", self._lang, **fields))
        return answer.content


def _rfc3339(us: int) -> str:
    return from_us(us).isoformat(timespec="microseconds")


@contextmanager
def open_history(place: HistoryPlace) -> Iterator[HistoryReader]:
    """The stored readings; the gateway is asked when some of them are its own. Raises StoreError."""
    with ExitStack() as opened:

        def ask() -> GatewayClient:
            return opened.enter_context(GatewayClient(place.gateway))

        history = SERIES[place.store].open_history(place.place, ask if place.gateway.url else None)
        opened.callback(history.close)
        yield history
