"""Connections: secured by certificates, to a wrong server, and through a network that breaks what it carries."""

import asyncio
import random
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from opcua_kit import NODES, Kept, config, services, source, until

from gateway.domain.errors import SourceError
from protocols.opcua.adapter import ADAPTER
from protocols.opcua.client import connected
from protocols.opcua.config import OpcUaConfig
from protocols.opcua.doctor import server as examine
from simulators.opcua_server import OpcUaSimulator, ServerKind

pytestmark = pytest.mark.server


def certificate(folder: Path, name: str, uri: str) -> tuple[Path, Path]:
    cert, key = folder / f"{name}.pem", folder / f"{name}.key.pem"
    usage = "digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyCertSign"
    extensions = (
        f"subjectAltName=URI:{uri},IP:127.0.0.1",
        f"keyUsage={usage}",
        "extendedKeyUsage=serverAuth,clientAuth",
    )
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    made += [word for one in extensions for word in ("-addext", one)]
    subprocess.run([*made, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


async def test_a_secured_connection(tmp_path: Path) -> None:
    theirs = certificate(tmp_path, "server", "urn:freeopcua:python:server")
    key = tmp_path / "key"  # its content is what counts, not its name
    ours, other = certificate(tmp_path, "ours", "urn:site:gateway"), certificate(tmp_path, "other", "urn:x")
    key.write_bytes(ours[1].read_bytes())
    secure = {"cert": str(ours[0]), "key": str(key), "server_cert": str(theirs[0])}
    async with OpcUaSimulator(NODES, kind=ServerKind(secure=theirs)) as server:
        for mode in ("sign", "sign_and_encrypt"):
            made = OpcUaConfig.model_validate(config(server.endpoint, secure=secure | {"mode": mode}))
            async with connected("plant", made, None) as session:
                assert (await session.about()).product
        wrong = OpcUaConfig.model_validate(config(server.endpoint, secure=secure | {"server_cert": str(other[0])}))
        with pytest.raises(SourceError):
            async with connected("plant", wrong, None):
                pass
        plain = OpcUaConfig.model_validate(config(server.endpoint))
        with pytest.raises(SourceError):
            async with connected("plant", plain, None):
                pass
        missing = OpcUaConfig.model_validate(config(server.endpoint, secure=secure | {"cert": str(tmp_path / "no")}))
        with pytest.raises(SourceError):
            async with connected("plant", missing, None):
                pass


def test_check_names_files_that_cannot_be_used(tmp_path: Path) -> None:
    ours, other = certificate(tmp_path, "ours", "urn:site:gateway"), certificate(tmp_path, "other", "urn:x")

    def found(**files: Path) -> list[tuple[str, str]]:
        secure = {"cert": ours[0], "key": ours[1], "server_cert": other[0]} | files
        given = {name: str(path) for name, path in secure.items()}
        made = OpcUaConfig.model_validate(config("opc.tcp://h:4840", secure=given))
        return [(one.path.rpartition(".")[2], one.key) for one in ADAPTER.check({"a": made}, "gateway.yaml").problems]

    assert found() == []
    assert found(key=other[1]) == [("key", "opcua.other_key")]
    assert found(key=other[0], cert=ours[1]) == [("cert", "opcua.no_certificate"), ("key", "opcua.no_key")]
    assert found(server_cert=tmp_path / "no") == [("server_cert", "config.file.unreadable")]


async def test_the_doctor(tmp_path: Path) -> None:
    async with OpcUaSimulator(NODES) as server:
        made = OpcUaConfig.model_validate(config(server.endpoint))
        (here,) = await examine("plant", made)
        assert "FreeOpcUa" in here.text("en")
    (away,) = await examine("plant", made)
    assert (here.grade.value, away.grade.value) == ("ok", "bad")
    assert (await ADAPTER.examine("plant", made, running=True))[0].grade.value == "bad"


class Breaker:
    """A network between source and server that changes, drops and doubles what the server sends, when `broken`."""

    def __init__(self, port: int) -> None:
        self._port, self.broken, self.port, self._dice = port, False, 0, random.Random(7)
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Breaker":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        ways = [self._carry(reader, back, harmless=True), self._carry(there, writer, harmless=False)]
        await asyncio.wait([asyncio.create_task(way) for way in ways], return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, back):
            end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, harmless: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(4096):
                writer.write(data if harmless or not self.broken else self._changed(data))
                await writer.drain()

    def _changed(self, data: bytes) -> bytes:
        kind = self._dice.randrange(4)
        if kind == 0:
            return data
        if kind == 1:
            return data[: self._dice.randrange(len(data))]
        if kind == 2:
            return data + data
        place = self._dice.randrange(len(data))
        return data[:place] + bytes([data[place] ^ (1 << self._dice.randrange(8))]) + data[place + 1 :]


async def test_broken_packets_end_connections_and_nothing_else(tmp_path: Path) -> None:
    """No value of a broken packet of another node or time is taken for one of ours: energy only grows."""
    async with OpcUaSimulator(NODES) as server, Breaker(server.port) as between:
        given = services(tmp_path)
        made = source(given, config(f"opc.tcp://127.0.0.1:{between.port}/", timeout="300ms", gap_after="1s"))
        kept = Kept(given.directory)  # type: ignore[arg-type]
        task = asyncio.create_task(made.run(kept))
        await until(lambda: bool(kept.values(2, "energy")))
        between.broken = True
        for value in range(11, 40):
            await server.put("s=P1.Energy", float(value))
            await asyncio.sleep(0.05)
            assert not task.done()
        between.broken = False
        await server.put("s=P1.Energy", 99.0)
        await until(lambda: bool(kept.values(1, "energy")) and kept.values(1, "energy")[-1] == 99.0, 30)
        assert made.stats.connections > 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
