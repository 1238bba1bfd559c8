"""Scenario 21: an endpoint whose URL, name or answer leads inside. From the configuration file to the socket.

A server listens on loopback where no endpoint may go; every connection this process begins is noted as well, so that
other inside addresses (a cloud's metadata) are seen to be left alone without anything listening there.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hostile_kit import CONFIG, SECRET, write_project
from webhook_receiver import Receiver, StoppedClock, answer, receiving

from gateway.app.build import endpoint_sink
from gateway.domain.delivery import Delivery
from gateway.domain.errors import DeliveryDeferred, DeliveryError, DeliveryRefused
from gateway.settings.project import inspect_project
from sinks.http.client import Resolve
from sinks.oa.webhook.sink import WebhookSink

pytestmark = pytest.mark.fault
FRIEND = "127.0.0.2"
"""The one address on the endpoint's allow-list."""
ENDPOINT = '\nendpoints:\n  oa: {{type: webhook, url: "{url}", secret: {secret}, allow: [{friend}/32], timeout: 2s}}\n'
dialled: list[str] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        dialled.append(str(arguments[1][0]))


@pytest.fixture(scope="module", autouse=True)
def _noted() -> None:
    sys.addaudithook(_note)  # for the rest of the process: Python has no way to take one away


@pytest.fixture(autouse=True)
def _nothing_noted_yet() -> None:
    dialled.clear()


@asynccontextmanager
async def inside() -> AsyncIterator[Receiver]:
    """The server that must never be reached."""
    async with receiving(answer(200)) as receiver:
        yield receiver
        assert receiver.connections == 0


def configured(folder: Path, url: str) -> tuple[list[str], WebhookSink | None]:
    """(problems of the configuration, the sink the gateway makes of it)."""
    written = ENDPOINT.format(url=url, secret=SECRET, friend=FRIEND)
    file = write_project(folder, devices=["G"], config=CONFIG + written, broker=1883)
    found = inspect_project(file, {})
    if found.project is None:
        return [problem.key for problem in found.problems], None
    sink = endpoint_sink(found.project, "oa", StoppedClock())
    assert isinstance(sink, WebhookSink)
    return [], sink


async def attempt(sink: WebhookSink, number: int = 9) -> DeliveryError | None:
    """What came of a delivery; attempt 9 is beyond all patience."""
    try:
        await sink.deliver(Delivery("evt_1", "oa", "workorder.created", "WO-1", b"{}", "application/json", number))
    except (DeliveryRefused, DeliveryDeferred) as error:
        return error
    finally:
        await sink.close()
    return None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://2130706433:@/hook", "address"),
        ("https://2130706433:@/hook", "address"),
        ("http://0x7f.1:@/hook", "address"),
        ("http://0x7f000001:@/hook", "address"),
        ("http://017700000001:@/hook", "address"),
        ("http://0177.0.0.1:@/hook", "address"),
        ("http://127.1:@/hook", "address"),
        ("http://[::1%25lo]:@/hook", "address"),
        ("http://%31%32%37.0.0.1:@/hook", "host"),
        ("http://１２７.0.0.1:@/hook", "characters"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://127.0.0.1:@/", "scheme"),
        ("ftp://127.0.0.1:@/", "scheme"),
        ("http://oa.example%40127.0.0.1:@/", "host"),
        ("http://oa.example@127.0.0.1:PORT/", "userinfo"),
        ("http://127.0.0.2#@127.0.0.1:PORT/", "fragment"),
        ("http://127.0.0.2/#x", "fragment"),
        ("http://127.0.0.2\\\\@127.0.0.1:PORT/", "characters"),
        ("http://127.0.0.2/a\\r\\nHost: x", "characters"),
        ("http://127.0.0.2/a\\0b", "characters"),
    ],
)
async def test_urls_the_configuration_refuses(tmp_path: Path, url: str, problem: str) -> None:
    async with inside() as receiver:
        port = str(receiver.port)
        problems, sink = configured(tmp_path, url.replace("PORT", port).replace(":@", f":{port}"))
        assert (problems, sink) == ([f"delivery.url.{problem}"], None)
    assert dialled == []


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "100.100.100.200",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "[fe80::1]",
        "224.0.0.1",
    ],
)
async def test_addresses_inside_are_never_dialled(tmp_path: Path, scheme: str, host: str) -> None:
    async with inside() as receiver:
        problems, sink = configured(tmp_path, f"{scheme}://{host}:{receiver.port}/hook")
        assert problems == []
        assert sink is not None
        with pytest.raises(DeliveryRefused, match="address"):
            await sink.check()
        error = await attempt(sink, 1)
        assert isinstance(error, DeliveryRefused), "the URL itself names it: no second attempt"
        assert error.reason == "address"
    assert dialled == []


def renamed(sink: WebhookSink, *answers: list[str]) -> WebhookSink:
    """The resolver gives these answers, one after the other."""
    waiting = list(answers)
    resolve: Resolve = lambda host, port: waiting.pop(0)  # noqa: E731
    sink._endpoint._client._resolve = resolve
    return sink


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["169.254.169.254"],
        [FRIEND, "127.0.0.1"],
        ["127.0.0.1", FRIEND],
        [FRIEND, "64:ff9b::a9fe:a9fe"],
    ],
)
async def test_a_name_that_leads_inside(tmp_path: Path, scheme: str, addresses: list[str]) -> None:
    """One bad address among good ones is enough: nothing is dialled, not even the good one."""
    async with inside() as receiver:
        _, sink = configured(tmp_path, f"{scheme}://oa.example:{receiver.port}/hook")
        assert sink is not None
        error = await attempt(renamed(sink, addresses))
        assert isinstance(error, DeliveryRefused)
        assert error.reason == "address"
    assert dialled == []


async def test_the_name_of_this_machine(tmp_path: Path) -> None:
    """The resolver of the system, not one of ours."""
    async with inside() as receiver:
        _, sink = configured(tmp_path, f"http://localhost:{receiver.port}/hook")
        assert sink is not None
        error = await attempt(sink)
        assert isinstance(error, DeliveryRefused)
        assert error.reason == "address"
    assert dialled == []


async def test_a_name_that_moves_inside_between_two_deliveries(tmp_path: Path) -> None:
    """Rebinding: one look-up for one connection, and that very answer is dialled."""
    async with inside() as receiver, receiving(answer(200, connection="close"), host=FRIEND) as friend:
        _, sink = configured(tmp_path, f"http://oa.example:{friend.port}/hook")
        assert sink is not None
        renamed(sink, [FRIEND], ["127.0.0.1"])
        body = Delivery("evt_1", "oa", "workorder.created", "WO-1", b"{}", "application/json", 1)
        assert (await sink.deliver(body)).status == 200
        error = await attempt(sink)
        assert isinstance(error, DeliveryRefused)
        assert error.reason == "address"
        assert friend.connections == 1
        assert receiver.connections == 0
    assert dialled == [FRIEND]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_inside_is_not_followed(tmp_path: Path, status: int) -> None:
    async with inside() as receiver:
        target = f"http://127.0.0.1:{receiver.port}/hook"
        async with receiving(answer(status, location=target), host=FRIEND) as friend:
            _, sink = configured(tmp_path, f"http://{FRIEND}:{friend.port}/hook")
            assert sink is not None
            error = await attempt(sink)
            assert isinstance(error, DeliveryRefused)
            assert error.reason.startswith(f"redirect: {status}")
    assert dialled == [FRIEND]


async def test_the_allowed_address_is_reached(tmp_path: Path) -> None:
    """What is counted here does count."""
    async with receiving(answer(200), host=FRIEND) as friend:
        _, sink = configured(tmp_path, f"http://{FRIEND}:{friend.port}/hook")
        assert sink is not None
        assert await attempt(sink) is None
        assert friend.connections == 1
    assert dialled == [FRIEND]
