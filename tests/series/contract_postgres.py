"""A real PostgreSQL server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import postgres_kit
from contract.harness import SeriesPeer


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SeriesPeer]:
    yield SeriesPeer(folder, postgres_kit.settings())
