"""Connections that bring nothing, bring it in crumbs, or take nothing: others get in all the same."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from api_kit import MAIN, World

from gateway.api import connections
from gateway.api.event_loops import LoopThread
from gateway.api.routes import health
from gateway.api.server import ApiServer

HALF = b"GET /healthz HTTP/1.1\r\nhost: 127"
KNOCKED: list[asyncio.StreamWriter] = []
POST = b"POST /v1/callbacks/oa HTTP/1.1\r\nhost: 127.0.0.1\r\n"


@asynccontextmanager
async def serving(
    folder: Path, bounds: str = "connections: 20, connections_per_address: 4"
) -> AsyncIterator[ApiServer]:
    world = World(folder, {"gateway.yaml": MAIN.replace("{port: 0,", f"{{port: 0, {bounds},")})
    server = ApiServer(world.app.context)
    await server.start()
    try:
        yield server
    finally:
        for writer in KNOCKED:
            writer.close()
        KNOCKED.clear()
        await server.stop()
        await world.close()


async def knock(server: ApiServer, text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    KNOCKED.append(writer)
    writer.write(text)
    await writer.drain()
    return reader, writer


async def read_all(reader: asyncio.StreamReader, seconds: float = 10) -> bytes:
    """All until the server closes."""
    async with asyncio.timeout(seconds):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def test_half_a_request_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.1)
    async with serving(tmp_path) as server:
        silent, half = await knock(server, b""), await knock(server, HALF)
        assert await read_all(silent[0]) == b""
        assert await read_all(half[0]) == b""
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/healthz")).status_code == 200
            await asyncio.sleep(1.5)  # the connection was closed meanwhile: another is made
            assert (await client.get("/healthz")).status_code == 200


async def test_the_one_that_waits_longest_makes_room(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, httpx.AsyncClient() as client:
        others = [await knock(server, HALF) for _ in range(30)]
        assert (await client.get(f"{server.url}/healthz")).status_code == 200
        assert await read_all(others[0][0]) == b""
        assert len(server.acceptor.connections) <= 4
        with pytest.raises(TimeoutError):
            await read_all(others[-1][0], 0.2)


async def test_requests_under_way_make_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go = threading.Semaphore(0), threading.Event()

    async def slow() -> None:
        entered.release()
        await asyncio.to_thread(go.wait)

    monkeypatch.setattr(health, "_pulse", slow)
    async with serving(tmp_path) as server, httpx.AsyncClient() as client:
        requested = [asyncio.create_task(client.get(f"{server.url}/healthz")) for _ in range(4)]
        for _ in requested:
            await asyncio.to_thread(entered.acquire)
        with pytest.raises(httpx.TransportError):
            await client.get(f"{server.url}/v1/me")
        go.set()
        assert [answer.status_code for answer in await asyncio.gather(*requested)] == [200] * 4


async def test_a_body_in_crumbs_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        reader, _ = await knock(server, POST + b"transfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1000)
        assert (await read_all(reader)).startswith(b"HTTP/1.1 400 ")
        reader, _ = await knock(server, POST + b"transfer-encoding: chunked\r\n\r\n" + b"40\r\n" + b"x" * 64 + b"\r\n")
        with pytest.raises(TimeoutError):
            await read_all(reader, 0.2)  # an honest one may go on


@pytest.mark.parametrize("how", [b"content-length: 1000000000", b"transfer-encoding: chunked"])
async def test_a_giant_is_told_and_let_go(tmp_path: Path, how: bytes) -> None:
    async with serving(tmp_path) as server:
        reader, writer = await knock(server, POST + how + b"\r\n\r\n")
        piece = b"x" * 4096
        sent = 0
        try:
            while sent < 64 << 20:
                writer.write(b"1000\r\n" + piece + b"\r\n")
                await writer.drain()
                sent += len(piece)
        except ConnectionError:
            pass
        assert sent < 64 << 20, "nobody took it all"
        reader, writer = await knock(server, POST + how + b"\r\n\r\n" + b"1000\r\n" + piece + b"\r\n1000\r\n" + piece)
        assert (await read_all(reader)).startswith(b"HTTP/1.1 413 ")


async def test_who_does_not_read_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.1)
    async with serving(tmp_path) as server:
        reader, writer = await knock(server, b"")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        ask = b"GET /openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
        try:
            async with asyncio.timeout(20):
                while True:
                    writer.write(ask)
                    await writer.drain()
                    await asyncio.sleep(0.001)
                    if writer.is_closing():
                        break
                    if not server.acceptor.connections and writer.get_extra_info("socket").fileno() > 0:
                        break
        except ConnectionError:
            pass
        assert not server.acceptor.connections


async def test_health_says_when_devices_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PULSE_SECONDS", 0.2)
    async with serving(tmp_path) as server, httpx.AsyncClient(base_url=server.health_url) as client:
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        ingest, go = LoopThread("ingest"), threading.Event()
        server._context.ingest.bind(ingest.loop)
        ingest.loop.call_soon_threadsafe(go.wait)
        stuck = await client.get("/healthz")
        assert (stuck.status_code, stuck.json()) == (503, {"status": "stuck"})
        go.set()
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/v1/me")).status_code == 404
        server._context.ingest.bind(None)
        await ingest.stop()


async def test_a_health_that_others_reach_says_whether_not_what(tmp_path: Path) -> None:
    world = World(tmp_path, {"gateway.yaml": MAIN + "health: {host: 0.0.0.0}\n"})
    server = ApiServer(world.app.context)
    await server.start()
    async with httpx.AsyncClient(base_url=server.health_url.replace("0.0.0.0", "127.0.0.1")) as client:
        assert (await client.get("/readyz")).json() == {"ready": True}
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        assert (await client.get("/metrics")).status_code == 404
    await server.stop()
    await world.close()


async def test_a_stop_waits_for_a_request_that_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go = threading.Event(), threading.Event()

    async def slow() -> None:
        entered.set()
        await asyncio.to_thread(go.wait)

    monkeypatch.setattr(health, "_pulse", slow)
    async with serving(tmp_path) as server, httpx.AsyncClient() as client:
        requested = asyncio.create_task(client.get(f"{server.url}/healthz"))
        await asyncio.to_thread(entered.wait)
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0.1)
        go.set()
        assert (await requested).status_code == 200
        await stopping
