"""The webhook sink against a real receiver: what is on the wire, and names that lie."""

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from pydantic import ValidationError
from webhook_receiver import SECRET, StoppedClock, answer, receiving

from gateway.domain.delivery import Delivery
from gateway.domain.duration import SECOND
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused
from gateway.domain.text import localize
from sinks.http.client import ANSWER_LIMIT
from sinks.http.signing import parse_secret, verify
from sinks.oa.webhook.config import WebhookConfig
from sinks.oa.webhook.sink import CONTENT_TYPE, WebhookSink

BODY = json.dumps({"specversion": "1.0", "id": "evt_1", "data": {"title": "枪头过温"}}, ensure_ascii=False).encode()


def config(url: str, **more: object) -> WebhookConfig:
    values = {"type": "webhook", "url": url, "secret": SECRET, "allow": ["127.0.0.0/8"], "timeout": "2s"}
    return WebhookConfig.model_validate({**values, **more})


def delivery(attempt: int = 1) -> Delivery:
    return Delivery("evt_1", "oa", "workorder.created", "WO-1", BODY, CONTENT_TYPE, attempt)


async def test_on_the_wire(clock: StoppedClock) -> None:
    old = "whsec_" + "b2xkIHNlY3JldCBvZiAzMiBieXRlcyBvciBzbywgeWVz"
    async with receiving(answer(202, b'{"ref": 7}')) as receiver:
        sink = WebhookSink("oa", config(receiver.url, old_secret=old), clock)
        receipt = await sink.deliver(delivery(3))
        await sink.close()
    (got,) = receiver.got
    assert got.head == "POST /hooks/oa HTTP/1.1"
    assert got.body == BODY
    assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["x-fieldgate-attempt"] == "3"
    assert got.headers["webhook-timestamp"] == str(clock.now() // 1_000_000)
    assert got.headers["accept-encoding"] == "identity"
    for secret in (SECRET, old):
        assert verify([parse_secret(secret)], got.headers, got.body, clock.now() // 1_000_000) == "evt_1"
    assert (receipt.status, receipt.detail) == (202, '{"ref": 7}')


async def test_connections_are_kept_and_cookies_are_not(clock: StoppedClock) -> None:
    async with receiving(answer(200, b"ok", set_cookie="session=1; Path=/")) as receiver:
        sink = WebhookSink("oa", config(receiver.url), clock)
        await sink.deliver(delivery())
        await sink.deliver(delivery())
        await sink.close()
    assert receiver.connections == 1
    assert not any("cookie" in got.headers for got in receiver.got)


async def test_an_endless_answer_is_cut_off_and_the_status_counts(clock: StoppedClock) -> None:
    written = 0

    async def endless(_: object, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            await writer.drain()
            written += 0x4000

    async with receiving(endless) as receiver:
        sink = WebhookSink("oa", config(receiver.url), clock)
        assert (await sink.deliver(delivery())).status == 200
        await sink.close()
    assert written < 100 * ANSWER_LIMIT


async def test_a_status_counts_although_its_body_never_ends(clock: StoppedClock) -> None:
    async def hangs(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        await writer.drain()

    async with receiving(hangs) as receiver:
        sink = WebhookSink("oa", config(receiver.url, timeout="1s"), clock)
        assert (await sink.deliver(delivery())).detail == "half"
        await sink.close()


class Resolver:
    """Answers with what it was given, one list per question."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.requested = list(answers), 0

    def __call__(self, host: str, port: int) -> list[str]:
        self.requested += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_every_address_of_a_name_is_checked(clock: StoppedClock) -> None:
    async with receiving(answer(200)) as receiver:
        url = f"http://oa.test:{receiver.port}/"
        for bad in ("169.254.169.254", "10.0.0.1", "::1", "8.8.8.8"):
            sink = WebhookSink("oa", config(url), clock, Resolver(["127.0.0.1", bad]))
            with pytest.raises(DeliveryDeferred, match="address"):
                await sink.deliver(delivery(3))
            with pytest.raises(DeliveryRefused, match="address"):
                await sink.deliver(delivery(4))
            await sink.close()
        assert receiver.connections == 0


async def test_a_name_that_moves_inside_later_is_not_followed(clock: StoppedClock) -> None:
    async with receiving(answer(200, b"", connection="close")) as receiver:
        resolver = Resolver(["127.0.0.1"], ["169.254.169.254"])
        sink = WebhookSink("oa", config(f"http://oa.test:{receiver.port}/"), clock, resolver)
        await sink.check()
        assert resolver.requested == 0
        await sink.deliver(delivery())
        assert receiver.got[0].headers["host"] == f"oa.test:{receiver.port}"
        with pytest.raises(DeliveryDeferred, match="address"):
            await sink.deliver(delivery())
        await sink.close()
    assert (receiver.connections, resolver.requested) == (1, 2)


async def test_the_next_address_is_tried_when_one_is_dead(clock: StoppedClock) -> None:
    async with receiving(answer(200)) as receiver:
        resolver = Resolver(["127.0.0.9", "127.0.0.1"])  # nobody listens at .9
        sink = WebhookSink("oa", config(f"http://oa.test:{receiver.port}/"), clock, resolver)
        assert (await sink.deliver(delivery())).status == 200
        await sink.close()


async def test_a_name_without_address(clock: StoppedClock) -> None:
    def fails(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    sink = WebhookSink("oa", config("https://oa.test/"), clock, fails)
    with pytest.raises(DeliveryDeferred, match="resolve"):
        await sink.deliver(delivery())
    await sink.close()


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-keyout",
            str(key),
            "-out",
            str(cert),
            "-subj",
            f"/CN={name}",
            "-addext",
            f"subjectAltName=DNS:{name}",
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


@pytest.mark.server
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_tls_keeps_the_name_and_verifies_it(tmp_path: Path) -> None:
    clock = StoppedClock(int(time.time()) * SECOND)
    key, cert = _certificate(tmp_path, "oa.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    requested: list[str | None] = []
    context.sni_callback = lambda _sock, name, _context: requested.append(name)
    async with receiving(answer(200), ssl=context) as receiver:
        right, wrong = f"https://oa.test:{receiver.port}/", f"https://other.test:{receiver.port}/"
        sink = WebhookSink("oa", config(right, ca_file=str(cert)), clock, Resolver(["127.0.0.1"]))
        await sink.check()
        assert (await sink.deliver(delivery())).status == 200
        await sink.close()
        for url, more in ((wrong, {"ca_file": str(cert)}), (right, {})):
            sink = WebhookSink("oa", config(url, **more), clock, Resolver(["127.0.0.1"]))
            with pytest.raises(DeliveryDeferred, match="tls"):
                await sink.deliver(delivery())
            await sink.close()
    assert requested == ["oa.test", "other.test", "oa.test"]
    assert len(receiver.got) == 1


async def test_check_names_what_is_wrong(tmp_path: Path, clock: StoppedClock) -> None:
    missing, empty = tmp_path / "missing", tmp_path / "empty.pem"
    empty.write_text("")
    for more, reason in [
        ({"secret": "whsec_c2hvcnQ="}, "secret_short"),
        ({"secret": "whsec_" + "MDAw" * 11}, "secret_plain"),
        ({"secret": "whsec_???"}, "secret: "),
        ({"old_secret": "short"}, "secret_short"),
        ({"secret": None, "secret_file": str(missing)}, "secret: "),
        ({"url": "https://oa.test/", "ca_file": str(empty)}, "authority: "),
        ({"url": "https://oa.test/", "ca_file": str(missing)}, "authority: "),
        ({"url": "https://10.0.0.1/"}, "address"),
    ]:
        sink = WebhookSink("oa", config(**{"url": "http://127.0.0.1/", **more}), clock)
        with pytest.raises(DeliveryRefused) as caught:
            await sink.check()
        assert caught.value.reason.startswith(reason), more
        assert SECRET not in str(caught.value)


async def test_a_secret_file_that_comes_later(tmp_path: Path, clock: StoppedClock) -> None:
    file = tmp_path / "secret"
    async with receiving(answer(200)) as receiver:
        sink = WebhookSink("oa", config(receiver.url, secret=None, secret_file=str(file)), clock)
        with pytest.raises(DeliveryDeferred) as caught:
            await sink.deliver(delivery())
        assert not caught.value.charge
        file.write_text(SECRET + "\n")
        assert (await sink.deliver(delivery())).status == 200
        await sink.close()


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"url": "http://user@oa.example/"}, "delivery.url.userinfo"),
        ({"url": "http://oa.example/", "allow": []}, "delivery.http_needs_allow"),
        ({"allow": ["192.168.1.5/24"]}, "delivery.allow"),
        ({"allow": [7]}, "delivery.allow"),
        ({"allow": ["0.0.0.0/0"]}, "delivery.allow_wide"),
        ({"allow": ["::/0"]}, "delivery.allow_wide"),
        ({"timeout": "5m"}, "delivery.timeout"),
        ({"timeout": "10ms"}, "delivery.timeout"),
        ({"secret": None}, "delivery.secret_once"),
        ({"secret_file": "x"}, "delivery.secret_once"),
        ({"old_secret": "x", "old_secret_file": "x"}, "delivery.old_secret_once"),
        ({"events": ["WorkOrder!"]}, "delivery.events"),
        ({"events": []}, "delivery.events"),
        ({"retries": 3}, "extra_forbidden"),
    ],
)
def test_configuration_errors_are_texts_of_the_catalogue(change: dict[str, object], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**{"url": "https://oa.example/", **change})
    (error,) = caught.value.errors()
    assert error["type"] == key
    if "." in key:
        assert error["msg"] == localize(key, "en", **(error.get("ctx") or {}))


def test_the_configuration_does_not_show_its_secrets() -> None:
    assert SECRET[6:] not in repr(config("https://oa.example/"))


async def test_the_environment_has_no_say(clock: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with receiving(answer(200)) as receiver:
        sink = WebhookSink("oa", config(receiver.url), clock)
        assert (await sink.deliver(delivery())).status == 200
        await sink.close()
