"""Scenario 10: steps of the wall clock under a running gateway. After each of them it answers at once, takes no more
memory, a threshold makes one order within seconds, timers fire, deliveries arrive, and SIGTERM ends it."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
import process_kit as kit
import pytest
from fake_clock import DAY, HOUR, LIBRARY, FakeClock, answered, resident, until
from hostile_kit import ready, spawn
from paho.mqtt.enums import CallbackAPIVersion

from simulators.servers import free_port, mosquitto, owns_port

pytestmark = [
    *kit.NEEDS_MOSQUITTO,
    pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed (apt-get install faketime)"),
]
DEVICES = 12
RULES = """\
format: 1
rules:
- id: hot
  title: {en: Hot, zh: 过热}
  watch: {kind: charger}
  when: "gun_temp >= 90 degC"
  clear: "gun_temp < 80 degC"
  then: {order: {type: repair, fault: HOT, level: major}}
- id: held
  title: {en: No voltage, zh: 无电压}
  watch: {kind: charger}
  when: "voltage < 10 V"
  hold: {for: 2s, gap: 1m}
  then: {order: {type: repair, fault: HELD, level: major}}
- id: average
  title: {en: Load, zh: 负载}
  watch: {kind: charger}
  let: {load: {mean: power, over: 20s, coverage: 0}}
  when: "load > 100 kW"
  then: {order: {type: repair, fault: LOAD, level: minor}}
- id: quiet
  title: {en: Silent, zh: 离线}
  watch: {kind: charger}
  when: {silent: {any_of: [gun_temp], longer_than: 5m}}
  then: {order: {type: repair, fault: SILENT, level: minor}}
"""


class Site:
    """A gateway on a clock of its own, its broker and its OA."""

    def __init__(self, folder: Path, clock: FakeClock, broker: int, oa: int) -> None:
        self.folder, self.clock, self.oa = folder, clock, oa
        self.api, self.log = free_port(), folder / "gateway.log"
        self.config = kit.project(folder / "project", broker, self.api, oa)
        text = self.config.read_text()
        points = "      points: {gun_temp: {path: temp}, voltage: {path: u}, power: {path: p}}"
        before = text.index("      time: {path: ts")
        after = text.index("endpoints:")
        text = text[:before] + points + "\n" + text[after:]  # the gateway's clock gives the time
        retries = f"delivery: {{retries: [{'2s, ' * 20}], jitter: 0, breaker: {{pause: 1s, longest: 2s}}}}\n"
        self.config.write_text(text + retries + "clock: {patience: 3s}\n")
        (folder / "project" / "rules" / "kill.yaml").write_text(RULES)
        rows = "\n".join(["code,profile", *(f"D{n:05d},kill" for n in range(DEVICES))])
        (folder / "project" / "devices.csv").write_text(rows + "\n")
        self.sender = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.sender.connect("127.0.0.1", broker)
        self.sender.loop_start()
        self.gateway: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            command = ("-m", "gateway", "run", "-c", str(self.config), "--lang", "en")
            self.gateway = spawn(*command, stdout=out, stderr=out, env=self.clock.environment)
        kit.wait_until(lambda: self.gone() or ready(self.api), 60, "ready", self.log)
        assert not self.gone(), self.log.read_text()[-3000:]
        assert owns_port(self.pid, self.api)

    def gone(self) -> bool:
        return self.gateway is None or self.gateway.poll() is not None

    @property
    def pid(self) -> int:
        assert self.gateway is not None
        return self.gateway.pid

    def stop(self) -> None:
        """SIGTERM: over within ten seconds, and well."""
        assert self.gateway is not None
        began = time.monotonic()
        self.gateway.terminate()
        assert self.gateway.wait(20) == 0, self.log.read_text()[-3000:]
        assert time.monotonic() - began < 10

    def send(self, device: int, **values: float) -> None:
        """One message, at the broker when this returns."""
        body = json.dumps({"temp": 20.0, "u": 400.0, "p": 7.0} | values)
        self.sender.publish(f"kill/D{device:05d}/telemetry", body, qos=1).wait_for_publish(5)

    def step(self, ahead: float) -> None:
        """Set the clock. The gateway answers all the time, mostly within a second (the machine may be busy)."""
        self.clock.set(ahead)
        took = []
        for _ in range(9):
            took.append(answered(self.api))
            time.sleep(0.25)
        assert max(took) < 8, self.log.read_text()[-3000:]
        assert sorted(took)[4] < 1, took

    def metric(self, name: str) -> float:
        """The sum of the samples of `name`."""
        lines = httpx.get(f"http://127.0.0.1:{self.api}/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def orders_by_fault(self) -> dict[str, int]:
        """Fault -> orders at the OA."""
        found: dict[str, int] = {}
        for order in httpx.get(f"http://127.0.0.1:{self.oa}/orders").json():
            found[order["faultCode"]] = found.get(order["faultCode"], 0) + 1
        return found

    def wait(self, fault: str, count: int, seconds: float = 30) -> None:
        """So many orders of a fault reach the OA, and no more."""
        kit.wait_until(
            lambda: self.orders_by_fault().get(fault, 0) >= count, seconds, f"order {count} for {fault}", self.log
        )
        assert self.orders_by_fault()[fault] == count

    def works(self, device: int) -> None:
        """What a device says now makes one order at once, one by a timer, one of a window."""
        before = self.orders_by_fault()
        self.send(device, temp=95.0)
        self.wait("HOT", before.get("HOT", 0) + 1)
        self.send(device, u=1.0)
        self.wait("HELD", before.get("HELD", 0) + 1)
        self.send(device, p=1000.0)
        self.wait("LOAD", before.get("LOAD", 0) + 1)

    def oa_fails(self, *, on: bool) -> None:
        """The OA answers 503 until told otherwise."""
        url = f"http://127.0.0.1:{self.oa}/faults"
        if on:
            httpx.post(url, json={"kind": "error", "status": 503, "count": -1}).raise_for_status()
        else:
            httpx.delete(url).raise_for_status()


@contextmanager
def site(folder: Path, ahead: float = 0) -> Iterator[Site]:
    """Broker and OA run; the gateway, not started, and the OA have a clock that is `ahead` s."""
    clock = FakeClock(folder, ahead)
    (folder / "oa.secret").write_text(kit.SECRET)
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(folder / "broker"))
        command = ("-m", "simulators.oa", "--secret-file", str(folder / "oa.secret"), "--actions", "")
        oa = spawn(*command, stdout=subprocess.PIPE, env=clock.environment)
        assert oa.stdout is not None
        made = Site(folder, clock, broker.port, int(json.loads(oa.stdout.readline())["port"]))
        try:
            yield made
        finally:
            made.sender.loop_stop()
            if made.gateway is not None and not made.gone():
                made.gateway.kill()
                made.gateway.wait(10)
            oa.terminate()
            oa.wait(10)
            oa.stdout.close()


STEPS = {
    "a dead battery, then today": [until(2000), 0],
    "an hour ahead and back": [0, HOUR, 0],
    "thirty days ahead and back": [0, 30 * DAY, 0],
    "two hours back": [0, -2 * HOUR],
    "past 2038 and back": [0, until(2040), 0],
}


QUICK = "thirty days ahead and back"


@pytest.mark.parametrize(
    "steps",
    [pytest.param(steps, id=name, marks=[pytest.mark.slow_fault] * (name != QUICK)) for name, steps in STEPS.items()],
)
def test_the_gateway_goes_on_after_each_step(tmp_path: Path, steps: list[int]) -> None:
    first, *later = steps
    with site(tmp_path, first) as here:
        here.start()
        for device in range(DEVICES):
            here.send(device)
        here.works(0)
        before = resident(here.pid)
        for number, ahead in enumerate(later, start=1):
            here.step(ahead)
            here.works(number)
        assert "SILENT" not in here.orders_by_fault(), "nobody was silent for five minutes"
        assert resident(here.pid) - before < 60
        here.stop()
        said = here.log.read_text()
        assert said.count("the clock was set") == len(later)
        assert "Traceback" not in said


@contextmanager
def queued_ahead_of_time(folder: Path) -> Iterator[Site]:
    """A gateway whose clock is a month ahead, with an order that its OA refuses."""
    with site(folder, 30 * DAY) as here:
        here.start()
        here.oa_fails(on=True)
        here.send(0, temp=95.0)
        kit.wait_until(
            lambda: httpx.get(f"http://127.0.0.1:{here.oa}/stats").json().get("requests", 0) >= 2, 15, "tries"
        )
        yield here


def test_what_was_queued_ahead_of_time_is_delivered_after_the_step_back(tmp_path: Path) -> None:
    with queued_ahead_of_time(tmp_path) as here:
        here.step(0)
        here.oa_fails(on=False)
        here.wait("HOT", 1)
        here.stop()


@pytest.mark.slow_fault
def test_what_was_queued_ahead_of_time_is_delivered_after_a_restart_at_the_right_time(tmp_path: Path) -> None:
    with queued_ahead_of_time(tmp_path) as here:
        here.stop()
        here.clock.set(0)
        here.start()
        here.oa_fails(on=False)
        here.wait("HOT", 1, seconds=20)
        here.works(1)
        here.stop()


@pytest.mark.slow_fault
def test_a_clock_that_a_start_finds_behind_is_waited_for(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.config.write_text(here.config.read_text().replace("patience: 3s", "patience: 10m"))
        here.start()
        here.works(0)
        here.stop()
        here.clock.set(until(2000))
        here.start()
        answer = httpx.get(f"http://127.0.0.1:{here.api}/readyz?lang=en").json()
        assert answer["ready"]
        assert "behind the journal" in answer["parts"]["clock"]
        here.step(0)
        here.works(1)
        assert (
            httpx.get(f"http://127.0.0.1:{here.api}/readyz?lang=en")
            .json()["parts"]["clock"]
            .startswith("set from 2000-")
        )
        assert "SILENT" not in here.orders_by_fault()
        here.stop()
