"""InfluxDB needs a server: the simulator."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract.harness import SeriesPeer

from simulators.influx import InfluxServer


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SeriesPeer]:
    with InfluxServer() as server:
        config = {"type": "influx", "url": server.url, "org": server.org, "bucket": server.bucket_name}
        forget = (folder / "stores" / "influx.json").unlink
        yield SeriesPeer(folder, {**config, "token": server.token}, server.stop, server.start, forget)
