"""Scenario 32, SIGTERM: everything under way ends on disk, status 0 within ten seconds, the process gone with its last
word, nothing said that is no error; the next start goes on from there. In a flood, on a slow disk, at any moment."""

import asyncio
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fault_kit import installation
from faulty_disk import FaultyDisk
from hostile_kit import (
    CONFIG,
    ENDPOINT,
    NEEDS_MOSQUITTO,
    client,
    fetch,
    gateway_process,
    oa_stats,
    oa_system,
    ready,
    said,
    spawn,
    wait_until,
    write_project,
)

from gateway.clock import SystemClock
from gateway.journal import SqliteJournal
from gateway.store import Database, OrderFilter, Queries
from simulators.load import GATE_BYTES
from simulators.servers import free_port, mosquitto
from simulators.shared_counters import Shared
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore

pytestmark = NEEDS_MOSQUITTO
RATE, DEVICES, HOT, POINTS = 2_000, 200, 10, 2
WITHIN = 10.0  # seconds, as promised


@contextmanager
def load(broker: int, gate: Shared) -> Iterator[threading.Event]:
    """RATE messages a second, whatever the gateway does, until the event is set."""
    enough = threading.Event()
    process = spawn(
        "-m",
        "simulators.load",
        "--broker",
        f"127.0.0.1:{broker}",
        "--topic",
        "h/{}/telemetry",
        "--devices",
        str(DEVICES),
        "--hot",
        str(HOT),
        "--gate",
        str(gate.path),
        "--name",
        "sigterm",
    )

    def pace() -> None:
        start = time.monotonic()
        while not enough.wait(0.005):
            gate.set(0, int((time.monotonic() - start) * RATE))

    thread = threading.Thread(target=pace)
    thread.start()
    try:
        yield enough
    finally:
        enough.set()
        thread.join()
        gate.set(2, 1)
        process.wait(10)


def stop(gateway: "subprocess.Popen[bytes]", log: Path) -> None:
    gateway.send_signal(signal.SIGTERM)
    try:
        status = gateway.wait(WITHIN)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"still there after {WITHIN} s:\n{log.read_text()}") from None
    gone = datetime.now(UTC)
    assert status == 0, log.read_text()
    last = said(log, "stopped")[-1:]
    if last:  # a second, and what this machine needs to say so
        assert (gone - datetime.fromisoformat(last[0]["timestamp"])).total_seconds() < 2, "gone with its last word"


def head(data: Path) -> int:
    journal = SqliteJournal(data / "journal.sqlite", partition=0)
    try:
        return journal.head(0)
    finally:
        journal.close()


def test_sigterm_in_a_flood(tmp_path: Path) -> None:
    log, api, devices = tmp_path / "gateway.log", free_port(), [f"D{n:05d}" for n in range(DEVICES)]
    data, orders = tmp_path / "project" / "var", DEVICES // HOT
    with (
        Shared(tmp_path / "gate", GATE_BYTES) as gate,
        mosquitto(tmp_path / "broker") as broker,
        oa_system(tmp_path) as oa,
    ):
        config = write_project(
            tmp_path / "project", devices=devices, config=CONFIG + ENDPOINT, broker=broker.port, api=api, oa=oa
        )
        with gateway_process(config, log) as gateway:
            wait_until(lambda: ready(api), 60, log.read_text)  # from here on the broker keeps what is sent
            with load(broker.port, gate) as enough:
                wait_until(lambda: counted(api, "journaled") > RATE, 30, "a flood")
                stop(gateway, log)
                stopped_at, before = head(data), gate.get(0)
                assert (data / "snapshots" / f"p0-{stopped_at:020d}.snapshot").exists(), (
                    "the engine as it was at the end"
                )
                assert series_cursor(data) == stopped_at
                with gateway_process(config, log) as again:
                    wait_until(lambda: gate.get(0) > before + RATE // 2, 30, "the flood goes on")
                    enough.set()
                    wait_until(lambda: gate.get(1) == gate.get(0), 30, "the broker's acknowledgements")
                    sent = gate.get(0)
                    wait_until(lambda: ready(api), 30, log.read_text)
                    asyncio.run(last_word(broker.port))
                    wait_until(lambda: counted(api, "rejected") == 1, 30, "the last message")
                    wait_until(lambda: oa_stats(oa).get("orders") == orders, 30, "orders at the OA")
                    stop(again, log)
        assert oa_stats(oa)["orders"] == orders
    restored = said(log, "engine restored")
    assert [line["snapshot"] for line in restored] == [stopped_at]
    assert restored[0]["behind"] == 0, "nothing to judge again"
    assert not [line for line in said(log) if line["level"] in {"error", "critical"}]
    check(data, sent, orders)


def counted(api: int, state: str) -> float:
    text = fetch(api, "/metrics")[1]
    label = f'fieldgate_messages_total{{source="broker",state="{state}"}} '
    return sum(float(line.removeprefix(label)) for line in text.splitlines() if line.startswith(label))


async def last_word(port: int) -> None:
    """A message behind all others: the broker's queue for a session keeps its order."""
    async with client(port, "last-word") as device:
        assert await device.publish("h/last-word/telemetry", b'{"ts":1,"temp":1}')


def series_cursor(data: Path) -> int:
    store = DuckDbStore(data / "series", DuckDbConfig(), SystemClock())
    try:
        return store.cursor(0)
    finally:
        store.close()


def check(data: Path, sent: int, orders: int) -> None:
    store = DuckDbStore(data / "series", DuckDbConfig(), SystemClock())
    database = Database(f"sqlite:///{data / 'fieldgate.sqlite'}")
    try:
        rows = [
            row
            for batch in store.scan(0, 2**62)
            for row in zip(batch.device.tolist(), batch.point.tolist(), batch.at.tolist(), strict=True)
        ]
        assert len(rows) == len(set(rows)) == sent * POINTS
        assert len(Queries(database).orders(OrderFilter(), limit=200).items) == orders
    finally:
        store.close()
        database.close()


@pytest.mark.slow_fault
def test_sigterm_while_the_oa_hangs_and_requests_do_not_end(tmp_path: Path) -> None:
    """An attempt that does not end is given back: it goes out at the next start, once. And whoever opens a connection
    to the API and says nothing does not hold the gateway up."""
    log, api = tmp_path / "gateway.log", free_port()
    with mosquitto(tmp_path / "broker") as broker, oa_system(tmp_path) as oa:
        config = write_project(
            tmp_path / "project", devices=["D1"], config=CONFIG + ENDPOINT, broker=broker.port, api=api, oa=oa
        )
        with gateway_process(config, log) as gateway:
            wait_until(lambda: ready(api), 60, log.read_text)
            assert fetch(oa, "/faults", "POST", {"kind": "slow", "count": -1, "seconds": 60})[0] == 200
            asyncio.run(hot(broker.port, "D1"))
            wait_until(lambda: oa_stats(oa).get("requests") == 1, 30, "the delivery is under way")
            head = b"POST /v1/callbacks/oa HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            address = ("127.0.0.1", api)
            with (
                socket.create_connection(address),
                socket.create_connection(address) as half,
                socket.create_connection(address) as body,
            ):
                half.sendall(head)
                body.sendall(head + b"\r\n{")
                assert ready(api)
                stop(gateway, log)
        assert fetch(oa, "/faults", "DELETE")[0] == 200
        with gateway_process(config, log) as gateway:
            wait_until(lambda: oa_stats(oa).get("orders") == 1, 30, "the order at the OA")
            wait_until(lambda: ready(api), 30, log.read_text)
            stop(gateway, log)
        stats = oa_stats(oa)
    assert (stats["orders"], stats["events"]) == (1, 1)
    assert not [line for line in said(log) if line["level"] in {"error", "critical"}]


async def hot(port: int, device: str) -> None:
    async with client(port, "hot") as sender:
        assert await sender.publish(f"h/{device}/now", b'{"temp":95}')


def test_sigterm_right_after_the_start(tmp_path: Path) -> None:
    """Also before it is live."""
    log, api = tmp_path / "gateway.log", free_port()
    config = write_project(tmp_path / "project", devices=["D1"], broker=free_port(), api=api)
    with gateway_process(config, log) as gateway:
        wait_until(lambda: (tmp_path / "project" / "var" / "journal.sqlite").exists(), 60, log.read_text)
        wait_until(lambda: caught(gateway.pid), 60, log.read_text)
        stop(gateway, log)


@pytest.mark.parametrize(
    "pause", [0.4, *(pytest.param(pause, marks=pytest.mark.slow_fault) for pause in (0.0, 1.0, 2.0))]
)
def test_sigterm_at_any_moment_is_no_error(tmp_path: Path, pause: float) -> None:
    """While it starts, right when it is live, while messages come, queries run and nobody is at the OA."""
    log, api, nobody = tmp_path / "gateway.log", free_port(), free_port()
    with Shared(tmp_path / "gate", GATE_BYTES) as gate, mosquitto(tmp_path / "broker") as broker:
        config = write_project(
            tmp_path / "project",
            devices=[f"D{n:05d}" for n in range(DEVICES)],
            config=CONFIG + ENDPOINT,
            broker=broker.port,
            api=api,
            oa=nobody,
        )
        with load(broker.port, gate):
            for turn in range(2):  # the second start has a journal to replay
                with gateway_process(config, log) as gateway:
                    wait_until(lambda gateway=gateway: caught(gateway.pid), 60, log.read_text)
                    if turn:
                        wait_until(lambda: ready(api), 60, log.read_text)
                        wait_until(lambda: counted(api, "journaled") > 100, 30, log.read_text)
                    time.sleep(pause)
                    asking = threading.Thread(target=send_requests, args=(api,))
                    asking.start()
                    stop(gateway, log)
                    asking.join()
    wrong = [line for line in said(log) if line["level"] in {"error", "critical"}]
    assert not wrong, wrong
    assert "Traceback" not in log.read_text()


def send_requests(api: int) -> None:
    """Requests that a stop may cut off."""
    for path in ("/metrics", "/readyz", "/v1/alarms", "/metrics"):
        fetch(api, path)


@pytest.mark.slow_fault
def test_sigterm_in_a_flood_on_a_disk_that_takes_two_seconds_for_a_sync(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    with installation(tmp_path) as it:
        it.start(disk.environment)
        it.send(4_000, 2.0)
        disk.rules("fsync 2000 /")
        it.flood(20_000)
        time.sleep(2.0)
        began = time.monotonic()
        assert it.gateway is not None
        stop(it.gateway, it.log)
        assert time.monotonic() - began < WITHIN
        assert "Traceback" not in it.said()
        disk.rules()
        it.restarted = True
        it.start(os.environ)
        it.settled()
        it.check()


def caught(pid: int) -> bool:
    """Does the process handle SIGTERM itself by now?"""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(mask >> (signal.SIGTERM - 1) & 1)
