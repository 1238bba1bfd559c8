"""OPC UA against a server: a reading is a value of a node that stays as it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract.harness import SourcePeer
from opcua_kit import NODES, config, services

from simulators.opcua_server import OpcUaSimulator


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SourcePeer]:
    async with OpcUaSimulator(NODES) as server:

        async def bring(value: float) -> None:
            await server.put("s=P1.Energy", value)

        yield SourcePeer(config(server.endpoint), services(folder), bring, server.stop, acknowledges=False)
