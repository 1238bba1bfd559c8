"""A running HTTP source over a small registry, with a journal in memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
from mqtt_kit import SIMPLE, Ledger, Wall, registry

from gateway.domain.errors import StoreUnavailable
from gateway.domain.record import Parcel
from protocols.http.authenticate import sender_of
from protocols.http.config import HttpConfig
from protocols.http.source import HttpSource

ROUTE = SIMPLE | {"filter": "push/{device}"}
BODY = b'{"ts":1774408725992,"temp":21.5}'
OPEN: Mapping[str, Any] = {"type": "http", "listen": "127.0.0.1:0", "auth": "none", "routes": [ROUTE]}


class Journal:
    """An Emit in memory; `gate` holds parcels back, `refuse` makes the next ones fail."""

    def __init__(self, ledger: Ledger) -> None:
        self.parcels: list[Parcel] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.refuse = 0
        self._ledger = ledger

    async def __call__(self, parcel: Parcel) -> None:
        await self.gate.wait()
        if self.refuse:
            self.refuse -= 1
            raise StoreUnavailable("the disk is away")
        self.parcels.append(parcel)
        if parcel.receipts is not None:
            for packet, digest in zip(parcel.receipts.packets, parcel.receipts.digests, strict=True):
                self._ledger.kept[parcel.receipts.session, packet] = digest

    @property
    def values(self) -> list[float]:
        return [value for parcel in self.parcels for value in parcel.batch.value.tolist()]


class Stage:
    """A running source."""

    def __init__(self, config: Mapping[str, Any], name: str = "push", ledger: Ledger | None = None) -> None:
        self.config = HttpConfig.model_validate(dict(config))
        self.ledger = ledger or Ledger()
        self.journal = Journal(self.ledger)
        self.source = HttpSource(name, self.config, registry(), self.ledger, Wall(), sender_of(self.config))
        self.task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        host, port = self.source.address
        return f"{'https' if self.config.tls else 'http'}://{host}:{port}/v1/ingest/{self.source.name}"

    def refused(self) -> dict[str, float]:
        """Requests that were no messages, by reason."""
        return {one.labels[0]: one.value for one in self.source.samples() if one.family == "http_refused"}


@asynccontextmanager
async def running(
    config: Mapping[str, Any] = OPEN, name: str = "push", ledger: Ledger | None = None
) -> AsyncIterator[Stage]:
    stage = Stage(config, name, ledger)
    stage.task = asyncio.create_task(stage.source.run(stage.journal))
    async with asyncio.timeout(10):
        while not stage.source.stats.connected:
            if stage.task.done():
                stage.task.result()
            await asyncio.sleep(0.001)
    try:
        yield stage
    finally:
        stage.journal.gate.set()
        stage.task.cancel()
        with suppress(asyncio.CancelledError):
            await stage.task
        balance = [one.value for one in stage.source.samples() if one.family == "balance_source_messages"]
        assert balance == [0]


async def post(stage: Stage, body: bytes = BODY, path: str = "/c1", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=10) as client:
        return await client.post(
            stage.url + path, content=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
