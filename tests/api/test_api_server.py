"""The real server, on its own loop."""

import asyncio
import socket
from pathlib import Path

import httpx
import pytest
from api_kit import MAIN, World, house

from gateway.api.server import ApiServer
from gateway.app.build import build
from gateway.domain.errors import ConfigError
from gateway.settings import load_project


async def test_a_whole_gateway_answers_and_stops(tmp_path: Path) -> None:
    app = build(load_project(house(tmp_path), {}))
    await app.start()
    try:
        assert app.api is not None
        assert not app.api.url.endswith(":0")
        secret = (tmp_path / "var" / "admin.key").read_text().strip()
        async with httpx.AsyncClient(base_url=app.api.url) as client:
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["ready"]) == (200, True), ready.text
            assert "server" not in ready.headers
            me = await client.get("/v1/me", headers={"authorization": f"Bearer {secret}"})
            assert me.json()["role"] == "admin"
            assert "fieldgate_ready 1.0" in (await client.get("/metrics")).text
            assert (await client.get("/v1/me")).status_code == 401
    finally:
        await app.stop()
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.TransportError):
            await client.get(app.api.url)


async def test_answers_are_not_held_back(tmp_path: Path) -> None:
    """Nagle's delay would add 40 ms to each; asyncio switches it off for connections of a socket that says TCP."""
    world = World(tmp_path)
    server = ApiServer(world.app.context)
    await server.start()
    reader, writer = await asyncio.open_connection(*server.url.removeprefix("http://").split(":"))
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    (connection,) = server.acceptor.connections
    answering = connection.transport.get_extra_info("socket")
    assert answering.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    writer.close()
    await server.stop()
    await world.close()


async def test_a_port_that_is_taken_is_a_problem_of_the_configuration(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        world = World(tmp_path, {"gateway.yaml": MAIN.replace("port: 0", f"port: {port}")})
        server = ApiServer(world.app.context)
        with pytest.raises(ConfigError) as caught:
            await server.start()
        assert (caught.value.problems[0].path, caught.value.problems[0].key) == ("api.port", "api.listen")
        await server.stop()
        await world.close()
