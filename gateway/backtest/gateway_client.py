"""Client for the history that only a running gateway can read."""

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
from gateway.domain.text import Lang, localize

TIMEOUT = 60.0  # s for one answer: its store may be busy writing
PROBLEM = "application/problem+json"


class Address(Struct, frozen=True):
    """Address of an API: its URL ("" = no API), a key, and the file of its certificate ("" = use the system's
    certificates)."""

    url: str = ""
    key: str = ""
    cert: str = ""


class HistoryPlace(Struct, frozen=True):
    """Serializable description of the history, for another process: the adapter of the store, its location, and the
    gateway that holds its open part."""

    store: str
    place: dict[str, str]
    gateway: Address = Address()


class GatewayClient:
    """Open part of the history over the gateway's API (`gateway.ports.HeldReadings`). Blocking."""

    def __init__(self, address: Address, lang: Lang = "en") -> None:
        headers = {"Accept-Language": lang} | ({"Authorization": f"Bearer {address.key}"} if address.key else {})
        self.url, self._lang = address.url, lang
        verify = pinned(address.cert) if address.cert else True
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT, trust_env=False, verify=verify)

    def __enter__(self) -> "GatewayClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def rows(self, start: int, end: int, devices: Sequence[int] | None, points: Sequence[int] | None) -> Batch:
        """Readings that only the gateway can read. Raises StoreError."""
        body = {"start": _rfc3339(start), "end": _rfc3339(end), "devices": devices, "points": points}
        return decode_batch(self._request("/v1/history/open/rows", body))

    def before(self, moment: int, devices: Sequence[int]) -> Batch:
        """For each point of these devices: the newest reading before `moment` (µs), and the newest one with a value.
        Raises StoreError."""
        return decode_batch(self._request("/v1/history/before", {"moment": _rfc3339(moment), "devices": list(devices)}))

    def counts(self, start: int, end: int, width: int) -> I64:
        """Number of readings in each bucket of `width` µs, i64[]. Raises StoreError."""
        body = {"start": _rfc3339(start), "end": _rfc3339(end), "width": width}
        return np.frombuffer(self._request("/v1/history/open/counts", body), "<i8").astype(np.int64)

    def _request(self, path: str, body: dict[str, Any]) -> bytes:
        try:
            answer = self._client.post(path, json=body)
        except httpx.TransportError as error:
            raise StoreUnavailable(
                localize("review.no_answer", self._lang, url=self.url, error=reason(error))
            ) from error
        if not answer.is_success:
            message = answer.json()["detail"] if answer.headers["content-type"] == PROBLEM else answer.text[:300]
            fields = {"url": f"{self.url}{path}", "status": answer.status_code, "said": message}
            raise StoreError(localize("review.refused", self._lang, **fields))
        return answer.content


def _rfc3339(us: int) -> str:
    return from_us(us).isoformat(timespec="microseconds")


@contextmanager
def open_history(place: HistoryPlace) -> Iterator[HistoryReader]:
    """Open the stored readings. Readings that are still open in the gateway come through its API. Raises StoreError."""
    with ExitStack() as opened:

        def connect() -> GatewayClient:
            return opened.enter_context(GatewayClient(place.gateway))

        history = SERIES[place.store].open_history(place.place, connect if place.gateway.url else None)
        opened.callback(history.close)
        yield history
