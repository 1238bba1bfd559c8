"""HTTP against a sender that sends again until it is answered by 200, and an operator by T/CEC 102 until Ret is 0."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from contract.harness import SourcePeer
from mqtt_kit import NOW, SIMPLE, Ledger, registry

from gateway.adapter_ports import SourceServices
from gateway.clock import SystemClock
from simulators.charging_operator import BrokenAnswer, ChargingOperator
from simulators.servers import free_port


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SourcePeer]:
    port, count = free_port(), 0
    tasks: set[asyncio.Task[None]] = set()
    config = {
        "type": "http",
        "listen": f"127.0.0.1:{port}",
        "auth": {"kind": "token", "secret": "hush-hush-1742"},
        "silent_after": "500ms",
        "routes": [SIMPLE | {"filter": "one/{device}"}],
    }
    services = SourceServices("gateway.yaml", registry(), Ledger(), SystemClock(), lambda: (), {}, {}, folder, 0)
    url, headers = f"http://127.0.0.1:{port}/v1/ingest/one/c1", {"authorization": "Bearer hush-hush-1742"}

    async def push(body: bytes) -> None:
        async with httpx.AsyncClient(timeout=5) as client:
            while True:
                try:
                    if (await client.post(url, content=body, headers=headers)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.02)

    async def bring(value: float) -> None:
        nonlocal count
        count += 1
        tasks.add(asyncio.create_task(push(b'{"ts":%d,"temp":%g}' % (NOW // 1000 + count, value))))

    async def leave() -> None:
        for task in tasks:
            task.cancel()

    yield SourcePeer(config, services, bring, leave, acknowledges=True)
    await leave()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def peer_tcec102(folder: Path) -> AsyncIterator[SourcePeer]:
    port, count = free_port(), 0
    tasks: set[asyncio.Task[None]] = set()
    keys = {"data_secret": "0123456789abcdef", "iv_secret": "fedcba9876543210", "sig_secret": "hush-1742"}
    config = {
        "type": "http",
        "listen": f"127.0.0.1:{port}",
        "auth": {"kind": "tcec102", "operator_id": "1", "operator_secret": "hush-hush-1742", **keys},
        "silent_after": "500ms",
        "routes": [SIMPLE | {"filter": "one/notification_{what}", "device": {"path": "id"}}],
    }
    services = SourceServices("gateway.yaml", registry(), Ledger(), SystemClock(), lambda: (), {}, {}, folder, 0)
    url, sealed = f"http://127.0.0.1:{port}/v1/ingest/one", (keys["data_secret"], keys["iv_secret"], keys["sig_secret"])

    async def push(data: dict[str, float | str]) -> None:
        with ChargingOperator(url, "1", "hush-hush-1742", *sealed, timeout=2).closing() as operator:
            while True:
                try:
                    if (await asyncio.to_thread(operator.push, "notification_x", data))[0] == 0:
                        return
                except (httpx.HTTPError, BrokenAnswer):
                    pass
                await asyncio.sleep(0.02)

    async def bring(value: float) -> None:
        nonlocal count
        count += 1
        tasks.add(asyncio.create_task(push({"id": "c1", "ts": NOW // 1000 + count, "temp": value})))

    async def leave() -> None:
        for task in tasks:
            task.cancel()

    yield SourcePeer(config, services, bring, leave, acknowledges=True)
    await leave()
    await asyncio.gather(*tasks, return_exceptions=True)
