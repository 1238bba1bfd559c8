"""Destination of an import: the running gateway over HTTP, or this process."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

import httpx
import msgspec

from gateway.api.tls import pinned
from gateway.domain.errors import GatewayError, StoreUnavailable
from gateway.import_service.service import Imports
from gateway.import_service.wire import MAX_LOOKUP, Begin, Begun, Chunk, End, ImportScope, Lookup, Result, Taken

T = TypeVar("T")
PACK: Final = "application/msgpack"
UNREACHABLE_SECONDS: Final = 60.0  # seconds a gateway may be unreachable during an import
_AGAIN: Final = frozenset({408, 429, 502, 503, 504, 507})


class ImportRefused(GatewayError):
    """The gateway refuses the import; the text is the reason."""


class ChunkExpected(GatewayError):
    """The gateway restarted and expects chunk `expected` again."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        super().__init__(f"chunk {expected} is expected")


class UnknownImport(ImportRefused):
    """The gateway has no such import: it ended with its last mark, and the gateway restarted before it answered."""


class ImportTarget(Protocol):
    """Receiver of an import."""

    async def lookup(self, codes: Sequence[str]) -> ImportScope:
        """The devices in service and their points."""

    async def begin(self, wanted: Begin) -> Begun:
        """Start an import."""

    async def rows(self, number: str, chunk: Chunk) -> Taken:
        """Send one chunk; `next` may fall back to 0 when the gateway lost its buffer."""

    async def end(self, number: str, chunks: int) -> Result | None:
        """End the import after the last chunk; None when the gateway lost some chunks."""


def merged(answers: Iterable[ImportScope]) -> ImportScope:
    """Several answers joined into one."""
    devices: dict[str, str] = {}
    profiles: dict[str, Any] = {}
    oldest = 0
    for answer in answers:
        devices |= answer.devices
        profiles |= answer.profiles
        oldest = max(oldest, answer.oldest)
    return ImportScope(devices, profiles, oldest)


class LocalImportTarget:
    """Import service of this process."""

    def __init__(self, imports: Imports) -> None:
        self._imports = imports

    async def lookup(self, codes: Sequence[str]) -> ImportScope:
        """Implements ImportTarget."""
        return self._imports.lookup(Lookup(list(codes)))

    async def begin(self, wanted: Begin) -> Begun:
        """Implements ImportTarget."""
        return await self._imports.begin(wanted)

    async def rows(self, number: str, chunk: Chunk) -> Taken:
        """Implements ImportTarget."""
        return await self._imports.rows(number, chunk)

    async def end(self, number: str, chunks: int) -> Result | None:
        """Implements ImportTarget."""
        while not (result := await self._imports.end(number, End(chunks))).done:
            pass
        return result


class GatewayImportTarget:
    """API of a running gateway. During a restart it waits, up to `patience` seconds each time."""

    def __init__(
        self, url: str, key: str = "", patience: float = UNREACHABLE_SECONDS, cert: Path | None = None
    ) -> None:
        headers = {"Content-Type": PACK, "Accept": PACK} | ({"Authorization": f"Bearer {key}"} if key else {})
        verify = True if cert is None else pinned(cert)
        self._client = httpx.AsyncClient(base_url=url, headers=headers, timeout=90, trust_env=False, verify=verify)
        self._patience = patience

    async def __aenter__(self) -> "GatewayImportTarget":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def is_running(self) -> bool:
        """True if a gateway answers."""
        return await self._health() in {200, 503}

    async def ready(self) -> bool:
        """True if a gateway answers and is ready."""
        return await self._health() == httpx.codes.OK

    async def _health(self) -> int:
        try:
            return (await self._client.get("/readyz", timeout=5)).status_code
        except httpx.TransportError:
            return 0

    async def lookup(self, codes: Sequence[str]) -> ImportScope:
        """Implements ImportTarget."""
        parts = [list(codes[start : start + MAX_LOOKUP]) for start in range(0, len(codes), MAX_LOOKUP)]
        return merged([await self._request("/v1/imports/lookup", Lookup(part), ImportScope) for part in parts])

    async def begin(self, wanted: Begin) -> Begun:
        """Implements ImportTarget."""
        return await self._request("/v1/imports", wanted, Begun)

    async def rows(self, number: str, chunk: Chunk) -> Taken:
        """Implements ImportTarget."""
        try:
            return await self._request(f"/v1/imports/{number}/rows", chunk, Taken)
        except ChunkExpected as lost:
            return Taken(lost.expected)

    async def end(self, number: str, chunks: int) -> Result | None:
        """Implements ImportTarget."""
        try:
            while not (result := await self._request(f"/v1/imports/{number}/end", End(chunks), Result)).done:
                pass
        except ChunkExpected:
            return None
        return result

    async def _request(self, path: str, body: object, answer: type[T]) -> T:
        content = msgspec.msgpack.encode(body)
        loop = asyncio.get_running_loop()
        until, wait = loop.time() + self._patience, 0.1
        while True:
            try:
                response = await self._client.post(path, content=content)
                if response.status_code not in _AGAIN or loop.time() > until:
                    return _decoded(response, answer)
            except httpx.TransportError as error:
                if loop.time() > until:
                    raise StoreUnavailable(f"{self._client.base_url}: {error or type(error).__name__}") from None
            await asyncio.sleep(wait)
            wait = min(2.0, wait * 2)


def _decoded(response: httpx.Response, answer: type[T]) -> T:
    if not response.is_success:
        answer_body = _problem(response)
        if response.status_code == httpx.codes.CONFLICT and isinstance(expected := answer_body.get("expected"), int):
            raise ChunkExpected(expected)
        if answer_body.get("code") == "unknown-import":
            raise UnknownImport(f"{response.request.url}: 404 {answer_body.get('detail')}")
        detail = answer_body.get("detail") or answer_body.get("title") or response.reason_phrase
        raise ImportRefused(f"{response.request.url}: {response.status_code} {detail}")
    return msgspec.msgpack.decode(response.content, type=answer)


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        answer_body = response.json()
    except ValueError:
        return {}
    return answer_body if isinstance(answer_body, dict) else {}
