"""A webhook's receiver."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract.harness import SinkPeer
from http_peer import http_peer


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SinkPeer]:
    async with http_peer({"type": "webhook"}, b"thank you", b'{"specversion": "1.0", "id": "evt_1"}') as found:
        yield found
