"""DuckDB needs a folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract.harness import SeriesPeer


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SeriesPeer]:
    yield SeriesPeer(folder, {"type": "duckdb"})
