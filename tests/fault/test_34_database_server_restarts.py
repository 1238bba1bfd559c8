"""The database is on a server: server and gateway are killed at any moment. What was acknowledged is not lost, a fault
makes one order, each event comes once."""

import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import postgres_kit
import pytest
from process_kit import project, start_gateway, wait_until

from gateway.database_config import DatabaseConfig
from gateway.domain.errors import StoreError
from gateway.store import Database, OrderFilter, Queries
from simulators.postgres_server import PASSWORD, PostgresProcess, postgres
from simulators.servers import free_port

pytestmark = [pytest.mark.fault, postgres_kit.needed]
PUSH = """\
  push:
    type: http
    listen: 127.0.0.1:{port}
    auth: none
    routes:
    - filter: push/{{device}}
      device: "{{device}}"
      time: {{path: ts, unit: ms}}
      points: {{gun_temp: {{path: temp}}, voltage: {{path: u}}, current: {{path: i}}, power: {{path: p}}}}
"""


def installation(folder: Path, server: PostgresProcess, api: int, pushed: int) -> Path:
    """Gateway with an HTTP source, its database on the server; the password is in a file."""
    config = project(folder, 1, api, 9)
    text = config.read_text("utf-8")
    begin, end = text.index("  broker:"), text.index("endpoints:")
    (folder / "secret").write_text(PASSWORD)
    place = f"{{url: 'postgresql://postgres@127.0.0.1:{server.port}/postgres', password_file: secret}}"
    text = f"{text[:begin]}{PUSH.format(port=pushed)}{text[end:]}database: {place}\n"
    config.write_text(text.replace("level: warning", "level: info"), "utf-8")
    return config


def test_gateway_and_server_are_killed_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    api, pushed, log = free_port(), free_port(), tmp_path / "log"
    devices = iter(range(400))
    sent: list[str] = []

    def push(count: int) -> None:
        for _ in range(count):
            code = f"D{next(devices):05d}"
            body = {"ts": time.time_ns() // 10**6, "temp": 95, "u": 1, "i": 1, "p": 1}
            answer = httpx.post(f"http://127.0.0.1:{pushed}/v1/ingest/push/{code}", json=body)
            assert answer.status_code == 200, answer.text
            sent.append(code)

    def ready() -> dict[str, str]:
        with suppress(httpx.TransportError, ValueError):
            answer: dict[str, dict[str, str]] = httpx.get(f"http://127.0.0.1:{api}/readyz", timeout=20).json()
            return answer["parts"]
        return {}

    def live() -> bool:
        return ready().get("live") == "ok" and ready()["database"] == "ok"

    with postgres({"fsync": "off"}) as server:
        config = installation(tmp_path / "site", server, api, pushed)
        database = Database(
            DatabaseConfig.model_validate(f"postgresql://postgres:{PASSWORD}@127.0.0.1:{server.port}/postgres")
        )

        def orders() -> int:
            with suppress(StoreError):
                return len(Queries(database).orders(OrderFilter(), limit=500).items)
            return -1

        server.kill()
        gateway = start_gateway(config, log)
        try:
            wait_until(lambda: "waits for the database" in log.read_text("utf-8"), 60, "the start waits", log)
            server.start()
            wait_until(live, 60, "the start goes on", log)
            push(5)
            asked = [sys.executable, "-m", "gateway", "doctor", "-c", str(config), "--lang", "en"]
            shown = subprocess.run(asked, capture_output=True, text=True, check=False)
            assert "database: PostgreSQL postgres@127.0.0.1" in shown.stdout
            assert PASSWORD not in shown.stdout + shown.stderr
            server.kill()
            push(5)
            wait_until(lambda: ready().get("database", "ok") != "ok", 60, "the server is missed", log)
            server.start()
            wait_until(lambda: orders() == len(sent), 60, "all caught up", log)
            for _ in range(2):
                push(5)
                server.kill()
                gateway.kill()
                gateway.wait()
                gateway = start_gateway(config, log)
                server.start()
                wait_until(live, 90, "both are back", log)
            wait_until(lambda: orders() == len(sent), 60, "all caught up", log)
            _leave(gateway)
            events = [(event.type, event.subject) for _, event in Queries(database).feed(0, 500)]
        finally:
            gateway.kill()
            gateway.wait()
            database.close()
    assert set(Counter(events).values()) == {1}
    assert len([kind for kind, _ in events if kind.endswith("workorder.created")]) == len(sent)
    assert PASSWORD not in log.read_text("utf-8")


def _leave(gateway: "subprocess.Popen[bytes]") -> None:
    gateway.send_signal(signal.SIGTERM)
    assert gateway.wait(20) == 0
