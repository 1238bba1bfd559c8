"""InfluxDB over TLS: the certificate is checked, the doctor says what is wrong, no token is shown."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_contract import NOW, at, record
from test_influx_store import config_of, store_of

from gateway.domain.errors import StoreUnavailable
from gateway.domain.finding import Grade
from simulators.influx import InfluxServer
from sinks.series.influx.adapter import ADAPTER


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(made, check=True, capture_output=True)
    return cert, key


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[InfluxServer]:
    with InfluxServer(tls=certificate) as found:
        yield found


def test_a_trusted_certificate_is_taken_and_another_is_not(
    server: InfluxServer, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    store = store_of(server, tmp_path, ca_file=str(certificate[0]))
    assert store.write(0, [record(1, at(0, 1.0))]).stored == 1
    assert store.range(1, 1, NOW, NOW + 1).value.tolist() == [1.0]
    store.close()
    store = store_of(server, tmp_path / "two")
    with pytest.raises(StoreUnavailable, match="certificate"):
        store.write(0, [record(1, at(0, 1.0))])
    store.close()


@pytest.mark.parametrize(("token", "grade"), [("t0ken", Grade.OK), ("canary", Grade.BAD)])
async def test_the_doctor_asks_and_writes_nothing(
    server: InfluxServer, certificate: tuple[Path, Path], token: str, grade: Grade
) -> None:
    config = config_of(server, ca_file=str(certificate[0]), token=token)
    (finding,) = await ADAPTER.examine("influx", config, running=False)
    assert finding.grade is grade
    for lang in ("en", "zh"):
        assert server.url in finding.text(lang)
        assert token not in finding.text(lang)
    assert {path for _, path, _ in server.requests} == {"/api/v2/query"}
    server.stop()
    (finding,) = await ADAPTER.examine("influx", config, running=False)
    assert "does not answer" in finding.text("en")


def test_a_token_file_is_read_and_missing_ones_are_named(server: InfluxServer, tmp_path: Path) -> None:
    from gateway.domain.errors import StoreError

    (tmp_path / "token").write_text("t0ken\n", "utf-8")
    config = {"token": None, "token_file": str(tmp_path / "token")}
    place = ADAPTER.place(tmp_path, config_of(server, **config))
    assert (place["token"], place["token_file"]) == ("", str(tmp_path / "token"))
    with pytest.raises(StoreError, match="token cannot be read"):
        store_of(server, tmp_path, **{**config, "token_file": str(tmp_path / "none")})
