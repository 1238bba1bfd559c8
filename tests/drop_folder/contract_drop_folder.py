"""A drop folder against a program that writes files; a file is read again when the source stops before it is moved."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract.harness import SourcePeer
from mqtt_kit import NOW, Ledger, registry

from gateway.adapter_ports import SourceServices
from gateway.clock import SystemClock


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SourcePeer]:
    drop, count = folder / "drop", 0
    drop.mkdir()
    route = {
        "filter": "one/{file}",
        "payload": "csv",
        "each": "[*]",
        "device": {"path": "device"},
        "time": {"path": "ts", "unit": "ms"},
        "points": {"gun_temp": {"path": "temp"}},
    }
    config = {"type": "drop_folder", "folder": str(drop), "every": "10ms", "settle": "0s", "routes": [route]}
    services = SourceServices("gateway.yaml", registry(), Ledger(), SystemClock(), lambda: (), {}, {}, folder, 0)

    async def bring(value: float) -> None:
        nonlocal count
        count += 1
        hidden = drop / f".{count:03}.csv"
        hidden.write_text(f"device,ts,temp\nc1,{NOW // 1000 + count},{value:g}\n", "utf-8")
        hidden.rename(drop / f"{count:03}.csv")

    async def leave() -> None:
        shutil.rmtree(drop)

    yield SourcePeer(config, services, bring, leave, acknowledges=False)
