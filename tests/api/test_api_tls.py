"""TLS of the API, plain HTTP that is refused, and the names callers may use."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from api_kit import MAIN, World, house, problem

from gateway.api.allowed_hosts import AllowedHosts
from gateway.api.server import ApiServer
from gateway.api.tls import pinned
from gateway.backtest.gateway_client import Address, GatewayClient
from gateway.imports.target import GatewayImportTarget
from gateway.settings.project import inspect_project

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
FEW = "connections: 20, connections_per_address: 4, tls: {cert: a.crt, key: a.key},"
TLS = MAIN.replace("{port: 0,", f"{{port: 0, {FEW}")


def certificate(folder: Path, name: str = "a") -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
    subprocess.run([*command, "-days", "2", "-subj", "/CN=somewhere.example", *files], check=True, capture_output=True)
    return folder / f"{name}.crt"


def keys(folder: Path, main: str) -> list[tuple[str, str]]:
    return [(p.key, p.path) for p in inspect_project(house(folder, {"gateway.yaml": main}), {}).problems]


@needs_openssl
async def test_the_api_speaks_tls(tmp_path: Path) -> None:
    cert = certificate(tmp_path)
    world = World(tmp_path, {"gateway.yaml": TLS})
    server = ApiServer(world.app.context)
    await server.start()
    try:
        assert server.url.startswith("https://127.0.0.1:")
        port = int(server.url.rpartition(":")[2])
        async with httpx.AsyncClient(base_url=server.url, verify=pinned(cert)) as client:
            assert (await client.get("/healthz")).status_code == 200
        async with GatewayImportTarget(server.url, cert=cert) as remote, GatewayImportTarget(server.url) as stranger:
            assert await remote.is_running()
            assert not await stranger.is_running(), "a certificate nobody vouches for"
        live = GatewayClient(Address(server.url, "", str(cert)))
        assert (await asyncio.to_thread(live._client.get, "/healthz")).status_code == 200
        live.close()
        with pytest.raises(httpx.TransportError):
            async with httpx.AsyncClient() as plain:
                await plain.get(server.url.replace("https", "http") + "/healthz")
        assert server.acceptor._tls is not None
        assert server.acceptor._tls.minimum_version is ssl.TLSVersion.TLSv1_2
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]  # never begin to speak TLS
        async with httpx.AsyncClient(base_url=server.url, verify=pinned(cert)) as client:
            assert (await client.get("/healthz")).status_code == 200
        for one in silent:
            one.close()
    finally:
        await server.stop()
        await world.close()


@needs_openssl
async def test_a_renewed_certificate_is_taken_over(tmp_path: Path) -> None:
    certificate(tmp_path)
    other = certificate(tmp_path / "later")
    world = World(tmp_path, {"gateway.yaml": TLS})
    server = ApiServer(world.app.context)
    await server.start()
    try:
        async with GatewayImportTarget(server.url, cert=other) as remote:
            assert not await remote.is_running()
            shutil.copy(other, tmp_path / "a.crt")  # half of it: the key does not fit
            await asyncio.sleep(1.5)
            assert not await remote.is_running()
            shutil.copy(other.with_suffix(".key"), tmp_path / "a.key")
            async with asyncio.timeout(10):
                while not await remote.is_running():
                    await asyncio.sleep(0.1)
    finally:
        await server.stop()
        await world.close()


@needs_openssl
def test_clear_text_off_loopback_is_refused(tmp_path: Path) -> None:
    certificate(tmp_path)
    certificate(tmp_path, "b")
    open_ = MAIN.replace("{port: 0,", "{port: 0, host: 0.0.0.0,")
    assert keys(tmp_path, open_) == [("api.plain", "api.host")]
    assert keys(tmp_path, open_.replace("host: 0.0.0.0", 'host: "::"')) == [("api.plain", "api.host")]
    assert keys(tmp_path, open_.replace("{port", "{behind_tls_proxy: true, port")) == []
    assert keys(tmp_path, open_.replace("{port", "{tls: {cert: a.crt, key: a.key}, port")) == []
    for cert, key in (("a.crt", "b.key"), ("a.crt", "none.key"), ("gateway.yaml", "a.key")):
        found = keys(tmp_path, open_.replace("{port", f"{{tls: {{cert: {cert}, key: {key}}}, port"))
        assert found == [("api.tls", "api.tls")]


def test_names_of_this_gateway() -> None:
    hosts = AllowedHosts("https://gw.example.com/x", ["Fieldgate.LAN"])
    for good in (
        "",
        "127.0.0.1",
        "10.0.0.7:8420",
        "[::1]:8420",
        "localhost:1",
        "gw.example.com",
        "fieldgate.lan.:80",
        socket.gethostname(),
    ):
        assert hosts.known(good), good
    for bad in (
        "evil.example",
        "gw.example.com.evil.example",
        "[evil.example]",
        "a b",
        "gw.example.com:x",
        "@",
        ":80",
        "127.0.0.1.evil.example",
    ):
        assert not hosts.known(bad), bad


async def test_a_browser_that_was_led_here_gets_nothing(world: World) -> None:
    for path in ("/metrics", "/v1/me", "/v1/callbacks/oa"):
        problem(await world.ask("GET", path, headers={"host": "evil.example"}), 421, "host_unknown")
    server = ApiServer(world.app.context)
    await server.start()
    async with httpx.AsyncClient() as client:
        answer = await client.get(server.health_url + "/metrics", headers={"host": "evil.example"})
        problem(answer, 421, "host_unknown")
    await server.stop()
