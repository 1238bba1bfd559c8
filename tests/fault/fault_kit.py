"""A whole installation as real processes: mosquitto, the gateway, a load, an OA system. Shared by the fault tests."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import process_kit as kit
from hostile_kit import ready, spawn

from simulators.load import GATE_BYTES
from simulators.servers import free_port, mosquitto
from simulators.shared_counters import Shared

ORDERS = kit.DEVICES // kit.HOT
"""Orders that come of the load once every device has sent."""


class Installation:
    """What `installation` started. `data` is the gateway's data folder, `log` what it says on standard error."""

    def __init__(self, folder: Path, broker: int, oa: int, gate: Shared, data: Path, more: str) -> None:
        self.folder, self.data, self.broker, self._gate, self._oa = folder, data, broker, gate, oa
        self.api, self.log = free_port(), folder / "gateway.log"
        self.config = kit.project(folder / "project", broker, self.api, oa)
        text = self.config.read_text().replace("data_dir: var", f"data_dir: {data}")
        self.config.write_text(text + more)
        self.gateway: subprocess.Popen[bytes] | None = None
        self.sent = 0

    def start(self, environment: Mapping[str, str] | None = None, *, wait: bool = True) -> None:
        """The gateway, up to ready."""
        with self.log.open("ab") as out:
            command = ("-m", "gateway", "run", "-c", str(self.config), "--lang", "en")
            self.gateway = spawn(*command, stdout=out, stderr=out, env=environment)
        if wait:
            kit.wait_until(lambda: self.gone() or ready(self.api), 60, "ready", self.log)
            assert not self.gone(), self.said()[-2000:]

    def gone(self) -> bool:
        """Is the gateway's process over?"""
        return self.gateway is None or self.gateway.poll() is not None

    def kill(self) -> None:
        """SIGKILL."""
        assert self.gateway is not None
        self.gateway.send_signal(signal.SIGKILL)
        self.gateway.wait(10)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.gateway is not None
        self.gateway.terminate()
        return self.gateway.wait(30)

    def send(self, count: int, seconds: float = 1.0) -> None:
        """So many more messages, spread over `seconds`; returns when they were handed to the broker's sender."""
        began, before = time.monotonic(), self.sent
        while (passed := time.monotonic() - began) < seconds:
            self._gate.set(0, before + int(count * passed / seconds))
            time.sleep(0.005)
        self.sent = before + count
        self._gate.set(0, self.sent)
        kit.wait_until(lambda: self._gate.get(1) == self.sent, 30, "the broker's acknowledgements")

    def flood(self, count: int) -> None:
        """So many more messages as fast as they go, whether or not they are acknowledged."""
        self.sent += count
        self._gate.set(0, self.sent)

    def acknowledged(self) -> int:
        """Messages that the broker acknowledged to the sender."""
        return self._gate.get(1)

    def readiness(self) -> dict[str, Any]:
        """What `/readyz` says; {} when nobody answers."""
        try:
            answer: dict[str, Any] = httpx.get(f"http://127.0.0.1:{self.api}/readyz?lang=en", timeout=5).json()
        except httpx.TransportError:
            return {}
        return answer

    def settled(self, seconds: float = 60) -> None:
        """Everything is stored, every order is at the OA."""
        metrics, stats = f"http://127.0.0.1:{self.api}/metrics", f"http://127.0.0.1:{self._oa}/stats"
        kit.wait_until(lambda: self._received() >= self.sent, seconds, "every message at the gateway", self.log)
        kit.wait_until(lambda: kit.stored_lag(metrics) == 0, seconds, "the series store", self.log)
        kit.wait_until(lambda: httpx.get(stats).json().get("orders") == ORDERS, seconds, "orders at the OA", self.log)

    def _received(self) -> int:
        """Readings the journal has, in messages; counts of the processes before are not in it."""
        return self.sent if self.restarted else int(self.metric("fieldgate_readings_total", 'state="journaled"') / 4)

    restarted = False
    """After a restart counters begin anew: only the final check counts."""

    def metric(self, name: str, label: str) -> float:
        """The sum of the samples of `name` that have `label`."""
        lines = httpx.get(f"http://127.0.0.1:{self.api}/metrics", timeout=30).text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name) and label in line)

    def check(self, *, journal: bool = True) -> None:
        """Stop, and compare what is on disk with what was sent: each message once, one order per hot device. `journal`:
        it holds all of it still."""
        if not self.gone():
            assert self.stop() == 0, self.said()[-2000:]
        if journal:
            kit.check(self.data, self.sent, ORDERS)
            return
        store = kit.DuckDbStore(self.data / "series", kit.DuckDbConfig(), kit.SystemClock())
        try:
            rows = [identity for batch in store.scan(0, 2**62) for identity in kit.identities(batch)]
            assert len(rows) == len(set(rows)) == store.stats().rows == self.sent * 4
        finally:
            store.close()
        created = [subject for kind, subject in kit.outbox(self.data) if kind.endswith("workorder.created")]
        assert len(created) == len(set(created)) == ORDERS

    def said(self) -> str:
        """The gateway's log."""
        return self.log.read_text("utf-8", "replace")

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """`fieldgate ...` to its end."""
        options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 120}
        return subprocess.run([sys.executable, "-m", "gateway", *command], **options)


@contextmanager
def installation(folder: Path, *, data: Path | None = None, more: str = "") -> Iterator[Installation]:
    """Broker, OA and load run; the gateway is not started. `more` is added to the configuration."""
    with ExitStack() as stack:
        gate = stack.enter_context(Shared(folder / "gate", GATE_BYTES))
        broker = stack.enter_context(mosquitto(folder / "broker"))
        oa = stack.enter_context(kit.oa_system(folder))
        made = Installation(folder, broker.port, oa, gate, data or folder / "var", more)
        load: Sequence[str] = (
            "-m",
            "simulators.load",
            "--broker",
            f"127.0.0.1:{broker.port}",
            "--topic",
            "kill/{}/telemetry",
            "--devices",
            str(kit.DEVICES),
            "--hot",
            str(kit.HOT),
            "--gate",
            str(gate.path),
            "--name",
            "fault",
        )
        process = spawn(*load)
        try:
            yield made
        finally:
            gate.set(2, 1)
            process.wait(10)
            if not made.gone():
                made.kill()
