"""Modbus inside TLS (Modbus/TCP Security) against a real server that wants a certificate."""

import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice
from tls_kit import Authority

from protocols.modbus import wires
from protocols.modbus.bus_link import BusLink
from protocols.modbus.config import LinkConfig
from protocols.modbus.link import LinkDown
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.slave import Backoff
from protocols.modbus.wiring import timing_of, wire_of

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
H = RegisterTable.HOLDING


@pytest.fixture
async def charger(tmp_path: Path) -> AsyncIterator[tuple[Authority, int]]:
    """Its authority and its port."""
    authority = Authority(tmp_path)
    pair = authority.issue("charger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    context.load_verify_locations(authority.itself.cert)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # a refused certificate ends the handshake, not the first read
    memory = SimData(0, values=list(range(100)), datatype=DataType.REGISTERS)
    server = ModbusTlsServer([SimDevice(1, [memory])], framer=FramerType.TLS, address=("127.0.0.1", 0), sslctx=context)
    await server.serve_forever(background=True)
    yield authority, server.transport.sockets[0].getsockname()[1]
    await server.shutdown()


def _link(port: int, **keys: str) -> BusLink:
    config = LinkConfig.model_validate({"tls": f"127.0.0.1:{port}", "timeout": "3s"} | keys)
    return BusLink(wire_of(config), timing_of(config), Backoff(min=1, max=1))


async def test_words_and_renewed_certificates(
    charger: tuple[Authority, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    authority, port = charger
    ours = authority.issue("gateway")
    files = {"ca_file": str(authority.itself.cert), "cert_file": str(ours.cert), "key_file": str(ours.key)}
    link = _link(port, **files)
    assert await link.read(1, H, 3, 5) == [3, 4, 5, 6, 7]
    first = link._connection
    monkeypatch.setattr(wires, "TLS_LOOK", 0.0)
    assert await link.read(1, H, 4, 1) == [4]
    assert link._connection is first
    authority.issue("gateway")
    assert await link.read(1, H, 5, 1) == [5]
    assert link._connection is not first, "new files, new connection"
    second = link._connection
    ours.key.write_text("half of it", "utf-8")
    assert await link.read(1, H, 6, 1) == [6]
    assert link._connection is second, "files that cannot be used change nothing"
    await link.close()


async def test_who_is_not_known_is_refused(charger: tuple[Authority, int]) -> None:
    authority, port = charger
    ca = str(authority.itself.cert)
    with pytest.raises(LinkDown):
        await _link(port, ca_file=ca).read(1, H, 0, 1)
    stranger = authority.stranger()
    with pytest.raises(LinkDown, match="certificate"):
        await _link(port, ca_file=str(stranger.cert)).read(1, H, 0, 1)
    ours = authority.issue("gateway")
    files = {"ca_file": ca, "cert_file": str(ours.cert), "key_file": str(ours.key)}
    with pytest.raises(LinkDown, match="certificate"):
        await _link(port, server_name="other.example", **files).read(1, H, 0, 1)
    with pytest.raises(LinkDown, match="TLS files"):
        await _link(port, **files | {"key_file": ca}).read(1, H, 0, 1)
