"""One bounded POST to one endpoint: the address is checked and then connected to, the answer is capped.

Resolve, check every address, connect to a checked one: nobody can move the name in between. TLS and the Host header
keep the name. This stands on httpcore, the lower half of httpx, because the upper half follows the environment, keeps
cookies and logs every URL, and a webhook's URL may hold a key.
"""

import asyncio
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpcore
import httpx

from sinks.http.address import CheckedUrl, Network, permitted

if "sniffio" not in sys.modules and find_spec("sniffio") is None:
    # httpcore tries to import it several times a request; looking for it in every folder took a third of the time
    sys.modules["sniffio"] = None  # type: ignore[assignment]

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer that are read; the connection is closed on more."""
_BODY_WAIT = 2.0  # s for the body once a status is there: the status decides, the body only explains
_KEEPALIVE = 30.0
_CONNECTIONS = 16

Resolve = Callable[[str, int], Iterable[str]]
"""Host and port -> addresses. Blocking; OSError when there are none."""

Trouble = Literal["timeout", "resolve", "connect", "tls", "address", "broken"]


class SendFailed(Exception):
    """There was no HTTP status. `label`: a text `delivery.reason.<label>`; `literal` = the URL itself names the
    address."""

    def __init__(self, label: Trouble, *, literal: bool = False) -> None:
        self.label, self.literal = label, literal
        super().__init__(label)


class ForbiddenAddress(Exception):
    """A name or literal resolves to an address that this endpoint may not use."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The response. `complete` is False when the body was cut off by size, time or the other side."""

    status: int
    retry_after: str
    body: bytes
    complete: bool


def system_resolve(host: str, port: int) -> list[str]:
    """The addresses of the system's resolver, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections only to permitted addresses. Names are resolved in two threads of its own: a resolver that
    hangs for this endpoint must not block those of the others."""

    def __init__(self, target: CheckedUrl, allow: Sequence[Network], resolve: Resolve = system_resolve) -> None:
        self._target, self._allow, self._resolve = target, tuple(allow), resolve
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="resolve")
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers. Raises ForbiddenAddress when any of them is not permitted."""
        addresses = [str(self._target.address)] if self._target.address else await self._lookup(host, port)
        for address in addresses:
            if not permitted(ip_address(address.partition("%")[0]), self._allow, tls=self._target.tls):
                raise ForbiddenAddress
        share = None if timeout is None else timeout / len(addresses)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, share, local_address, socket_options)

    async def _lookup(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        addresses = list(await loop.run_in_executor(self._threads, partial(self._resolve, host, port)))
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return addresses

    def close(self) -> None:
        """Shut down the threads; a look-up that hangs is abandoned."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Client:
    """POSTs to one target. Cheap to create; the TLS context is built with the first request."""

    def __init__(
        self,
        target: CheckedUrl,
        allow: Sequence[Network],
        *,
        timeout: float,
        ca_file: Path | None = None,
        resolve: Resolve = system_resolve,
    ) -> None:
        self._target, self._allow, self._timeout = target, allow, timeout
        self._ca_file, self._resolve = ca_file, resolve
        self._always = [
            ("host", urlsplit(target.url).netloc),
            ("user-agent", "Fieldgate"),
            ("accept", "application/json, */*;q=0.5"),
            ("accept-encoding", "identity"),
        ]
        self._pool: httpcore.AsyncConnectionPool | None = None
        self._backend: GuardedBackend | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext | None:
        """TLS 1.2 or newer, verified, with the endpoint's own certificate authority if it has one; None for http.

        Raises OSError (ssl.SSLError is one) when the file cannot be read or holds no certificate.
        """
        if self._target.tls and self._context is None:
            context = httpx.create_ssl_context(trust_env=False)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._ca_file is not None:
                context.load_verify_locations(self._ca_file)
            self._context = context
        return self._context

    def _open(self) -> httpcore.AsyncConnectionPool:
        if self._pool is None:
            self._backend = GuardedBackend(self._target, self._allow, self._resolve)
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=self.context(),
                max_connections=_CONNECTIONS,
                keepalive_expiry=_KEEPALIVE,
                network_backend=self._backend,
            )
        return self._pool

    async def post(self, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """Send once, within the time limit as a whole (a trickle of bytes does not extend it). Raises SendFailed."""
        try:
            async with asyncio.timeout(self._timeout) as limit:
                return await self._post(body, headers, limit)
        except (TimeoutError, httpcore.TimeoutException):
            raise SendFailed("timeout") from None
        except ForbiddenAddress:
            raise SendFailed("address", literal=self._target.address is not None) from None
        except socket.gaierror:
            raise SendFailed("resolve") from None
        except httpcore.ConnectError as error:
            raise SendFailed("tls" if _of_tls(error) else "connect") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:  # TLS 1.3: a missing certificate is told late
            raise SendFailed("tls" if _of_tls(error) else "broken") from None
        except OSError:  # the authority file, or a resolver that fails in its own way
            raise SendFailed("connect") from None

    async def _post(self, body: bytes, headers: Mapping[str, str], limit: asyncio.Timeout) -> HttpResponse:
        whole = [*self._always, ("content-length", str(len(body))), *headers.items()]
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        async with self._open().stream(
            "POST", self._target.url, headers=whole, content=body, extensions={"timeout": timeouts}
        ) as response:
            limit.reschedule(asyncio.get_running_loop().time() + 2 * _BODY_WAIT)  # also bounds closing the connection
            parts, size, complete = [], 0, False
            try:
                async with asyncio.timeout(_BODY_WAIT):
                    async for part in response.aiter_stream():
                        parts.append(part)
                        size += len(part)
                        if size > ANSWER_LIMIT:
                            break
                    else:
                        complete = True
            except (TimeoutError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
                complete = False
            waits = [value for name, value in response.headers if name.lower() == b"retry-after"]
            retry_after = waits[0].decode("latin-1") if waits else ""
            return HttpResponse(response.status, retry_after, b"".join(parts)[:ANSWER_LIMIT], complete)

    async def close(self) -> None:
        """Close the connections; the next post opens new ones."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.aclose()
        if self._backend is not None:
            self._backend.close()


def _of_tls(error: BaseException) -> bool:
    """True if the error is, or wraps, a TLS error."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__context__
    return isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError)
