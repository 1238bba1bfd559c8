"""The client library, in this file alone: one request after another, no retries and no batches of its own.

docs.influxdata.com/influxdb/v2/api: /api/v2/write, /query, /delete, /ping.
"""

import gzip
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import influxdb_client
import urllib3
from influxdb_client.rest import ApiException

from gateway.domain.duration import SECOND
from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError, StoreUnavailable
from gateway.domain.language_values import DurationText

T = TypeVar("T")
library: Any = influxdb_client  # half of it has types
LEVEL: Final = 1
"""Of gzip: lines shrink to a tenth with the least effort."""
LONGEST: Final = 300.0
"""Seconds a server may ask to be left alone for."""
REFUSED_PAUSE: Final = 60.0
"""Seconds after which a wrong token or bucket is tried again."""
SLOW: Final = "store.why.slow"
"""The error of a request that took too long."""
MESSAGE: Final = 300
"""Characters of an answer that are kept."""


class LinesRefused(StoreError):
    """The server will not take these lines as they are; `too_large`: not so many at once."""

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


class InfluxConnection:
    """`place` is what `gateway.adapter_ports.SeriesAdapter.place` gives: url, org, bucket, token, timeout (µs) and the
    files of TLS. All calls from one thread; each raises StoreUnavailable when the server does not do it."""

    def __init__(self, place: Mapping[str, str]) -> None:
        """Connects to nobody. Raises StoreError when a file cannot be read."""
        self._org, self.bucket, self._timeout = place["org"], place["bucket"], int(place["timeout"])
        files = {
            key: place.get(name)
            for key, name in (("ssl_ca_cert", "ca_file"), ("cert_file", "cert_file"), ("cert_key_file", "key_file"))
        }
        try:
            token = place["token"] or (
                Path(place["token_file"]).read_text("utf-8").strip() if "token_file" in place else "-"
            )
        except (OSError, ValueError) as error:
            raise StoreError.of("influx.token_file", path=place["token_file"], error=reason(error)) from error
        self._client = library.InfluxDBClient(
            place["url"], token, org=self._org, timeout=self._timeout // 1000, retries=False, **files
        )
        self._writes = library.WriteService(self._client.api_client)
        self._queries, self._deletes = self._client.query_api(), self._client.delete_api()
        self._pause_until = 0.0

    @property
    def link(self) -> object:
        """Changes when a connection was made anew: the server may have been started anew."""
        pools = self._client.api_client.rest_client.pool_manager.pools
        idle = [one for key in pools.keys() for one in pools[key].pool.queue]  # noqa: SIM118 - no mapping
        return [one.sock.getsockname() for one in idle if one is not None and one.sock is not None]

    def write(self, lines: Sequence[bytes]) -> None:
        """All of them are stored. Raises LinesRefused."""
        body = gzip.compress(b"\n".join(lines), LEVEL)
        self._call(
            lambda: self._writes.post_write(
                self._org,
                self.bucket,
                body,
                precision="us",
                content_encoding="gzip",
                content_type="text/plain; charset=utf-8",
            )
        )

    def query(self, flux: str) -> Iterator[str]:
        """The lines of the answer, annotated CSV."""
        response = self._call(lambda: self._queries.query_raw(flux))
        response.auto_close = False  # it would be closed under the wrapper when all is read
        try:
            yield from io.TextIOWrapper(response, "utf-8", newline="")
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._unavailable(error) from error
        finally:
            response.release_conn()

    def ping(self) -> None:
        """It answers."""
        if not self._call(self._client.ping):
            raise StoreUnavailable.of("store.why.away")

    def delete(self, start: str, stop: str, predicate: str) -> None:
        """Points of [start, stop], RFC 3339."""
        self._call(lambda: self._deletes.delete(start, stop, predicate, self.bucket, self._org))

    def close(self) -> None:
        """Close its connections."""
        with suppress(urllib3.exceptions.HTTPError, OSError):
            self._client.close()

    def _call(self, call: Callable[[], T]) -> T:
        if (left := self._pause_until - time.monotonic()) > 0:
            raise StoreUnavailable.of("store.why.waiting", left=DurationText(max(1, round(left)) * SECOND))
        try:
            return call()
        except ApiException as error:
            raise self._answered(error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: BaseException) -> StoreUnavailable:
        refused = isinstance(error, urllib3.exceptions.NewConnectionError)  # a kind of time-out, in its library
        if isinstance(error, urllib3.exceptions.TimeoutError) and not refused:
            return StoreUnavailable.of(SLOW, timeout=DurationText(self._timeout))
        if isinstance(error, urllib3.exceptions.SSLError):
            return StoreUnavailable.of("store.why.tls")
        return StoreUnavailable.of("store.why.away")

    def _answered(self, error: ApiException) -> StoreError:
        status, message = int(error.status or 0), str(error.message or error.reason or "")[:MESSAGE]
        if status == 0:
            return StoreUnavailable.of("store.why.tls")  # the library's word for an error of TLS
        if status in {400, 413, 422}:
            return LinesRefused(f"HTTP {status}: {message}", too_large=status == 413)
        if status in {401, 403, 404}:
            self._pause_until = time.monotonic() + REFUSED_PAUSE
            return StoreUnavailable.of("store.why.unknown" if status == 404 else "store.why.credentials", status=status)
        wait = _seconds(error.headers)
        self._pause_until = time.monotonic() + min(wait, LONGEST)
        busy = status == 429 or wait > 0
        return StoreUnavailable.of("store.why.busy" if busy else "store.why.failing", status=status)


def _seconds(headers: Any) -> float:
    """Of `Retry-After`; 0 when there is none, or a date."""
    try:
        return max(0.0, float((headers or {}).get("Retry-After", 0)))
    except ValueError:
        return 0.0
