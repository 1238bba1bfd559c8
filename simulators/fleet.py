"""A fleet on a broker: chargers and pressure sensors publish through aiomqtt, vehicles through paho; all
MQTT 5 at QoS 1.

Run as a process: `python -m simulators.fleet --broker 127.0.0.1:1883 --scenario FILE --seed 7 --for 60 --ledger FILE`.
The ledger gets one line per message the broker acknowledged: `<published_us> <topic> <ts_ms> <connector>`: what may
never be lost. The same seed gives the same values.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from simulators.charger import Charger
from simulators.pressure import PressureSensor
from simulators.scenario import Scenario, ScenarioEvent, load
from simulators.vehicle import Vehicle

Message = tuple[str, dict[str, object]]


class SimulatedFleet:
    """All device models and scenario events; independent of brokers. `due(now)` returns the messages to publish."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.chargers = {
            code: Charger(code, scenario.connectors, random.Random(f"{seed}:{code}"))  # noqa: S311
            for code in scenario.chargers
        }
        self.vehicles = {code: Vehicle(code, random.Random(f"{seed}:{code}")) for code in scenario.vehicles}  # noqa: S311
        self.sensors = {code: PressureSensor(code, random.Random(f"{seed}:{code}")) for code in scenario.sensors}  # noqa: S311
        self.silent: set[str] = set()
        self._waiting = list(scenario.acts)
        self._last_ts: dict[str, int] = {}

    def acts(self, second: float) -> Iterator[Message]:
        """Apply the events due at `second`; a burst yields its messages."""
        while self._waiting and self._waiting[0].at <= second:
            yield from self._act(self._waiting.pop(0), second)

    def _act(self, act: ScenarioEvent, second: float) -> Iterator[Message]:
        charger = self.chargers.get(act.device)
        guns = [c for c in charger.connectors if act.connector in {0, c.number}] if charger else []
        if act.act == "silence":
            self.silent.add(act.device)
        elif act.act == "speak":
            self.silent.discard(act.device)
        elif act.act in {"pressure", "steady"}:
            self.sensors[act.device].forced = act.to if act.act == "pressure" else None
        for gun in guns:
            if act.act in {"overheat", "cool"}:
                gun.forced_temp = act.to if act.act == "overheat" else None
                gun.temp = act.to if act.act == "overheat" else 30.0
            elif act.act == "fault_code":
                gun.fault = act.code
        if act.act == "burst":
            for _ in range(act.times):
                yield from (m for m in self.charger(act.device, second) if act.connector in {0, m[1]["connector"]})

    def charger(self, code: str, second: float) -> list[Message]:
        """One message per connector."""
        topic = f"charger/{code}/telemetry"
        return [(topic, self._stamp(f"{code}/{p['connector']}", p)) for p in self.chargers[code].step(second)]

    def vehicle(self, code: str, second: float) -> Message:
        """One message."""
        return f"vehicle/{code}/status", self._stamp(code, self.vehicles[code].step(second))

    def sensor(self, code: str, second: float) -> Message:
        """One message."""
        return f"pressure/{code}/status", self._stamp(code, self.sensors[code].step(second))

    def _stamp(self, key: str, payload: dict[str, object]) -> dict[str, object]:
        """Time stamp in ms; a device never sends the same one twice."""
        now = max(int(time.time() * 1000), self._last_ts.get(key, 0) + 1)
        self._last_ts[key] = now
        payload["ts"] = now
        return payload


class PublishedLog:
    """Acknowledged messages, one line each."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.count = 0

    def write(self, sent_us: int, topic: str, payload: dict[str, object]) -> None:
        """Add a line. Call after the PUBACK."""
        self.count += 1
        self._file.write(f"{sent_us} {topic} {payload['ts']} {payload.get('connector', 0)}\n")
        self._file.flush()


async def run_chargers(fleet: SimulatedFleet, host: str, port: int, seconds: float, ledger: PublishedLog) -> None:
    """Publish all chargers and sensors until `seconds` are over."""
    start = time.monotonic()
    async with aiomqtt.Client(
        host, port, protocol=aiomqtt.ProtocolVersion.V5, identifier="sim-chargers", max_inflight_messages=500
    ) as client:
        client.pending_calls_threshold = 10_000  # a burst is no warning
        pending: set[asyncio.Task[None]] = set()

        async def publish(topic: str, payload: dict[str, object]) -> None:
            sent = time.time_ns() // 1000
            await client.publish(topic, json.dumps(payload, separators=(",", ":")).encode(), qos=1, timeout=30)
            ledger.write(sent, topic, payload)

        round_number = 0
        while (second := time.monotonic() - start) < seconds:
            messages = list(fleet.acts(second))
            slot = second / fleet.scenario.every
            if slot >= round_number:
                round_number += 1
                messages += [
                    m for code in fleet.chargers if code not in fleet.silent for m in fleet.charger(code, second)
                ]
                messages += [fleet.sensor(code, second) for code in fleet.sensors if code not in fleet.silent]
            for topic, payload in messages:
                task = asyncio.create_task(publish(topic, payload))
                pending.add(task)
                task.add_done_callback(pending.discard)
            await asyncio.sleep(0.05)
        if pending:
            await asyncio.gather(*pending)


def run_vehicles(fleet: SimulatedFleet, host: str, port: int, seconds: float, ledger: PublishedLog) -> None:
    """Publish all vehicles through paho until `seconds` are over (blocking: call it in a thread)."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="sim-vehicles", protocol=paho.MQTTv5)
    client.connect(host, port)
    client.loop_start()
    start = time.monotonic()
    while (second := time.monotonic() - start) < seconds:
        for code in fleet.vehicles:
            if code in fleet.silent:
                continue
            topic, payload = fleet.vehicle(code, second)
            sent = time.time_ns() // 1000
            info = client.publish(topic, json.dumps(payload, separators=(",", ":")).encode(), qos=1)
            info.wait_for_publish(30)
            ledger.write(sent, topic, payload)
        time.sleep(fleet.scenario.every)
    client.loop_stop()
    client.disconnect()


async def run(scenario: Scenario, seed: int, host: str, port: int, seconds: float, folder: Path) -> int:
    """The whole fleet; returns the number of acknowledged messages."""
    fleet = SimulatedFleet(scenario, seed)
    with (folder / "chargers.ledger").open("w") as one, (folder / "vehicles.ledger").open("w") as two:
        ledgers = PublishedLog(one), PublishedLog(two)
        vehicles = asyncio.to_thread(run_vehicles, fleet, host, port, seconds, ledgers[1])
        await asyncio.gather(run_chargers(fleet, host, port, seconds, ledgers[0]), vehicles)
        return ledgers[0].count + ledgers[1].count


def main() -> None:
    """Print one JSON line with the number of messages at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", required=True, help="host:port")
    parser.add_argument("--scenario", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--for", dest="seconds", type=float, default=60.0)
    parser.add_argument("--ledger", type=Path, required=True, help="folder for the ledgers")
    options = parser.parse_args()
    host, port = options.broker.rsplit(":", 1)
    options.ledger.mkdir(parents=True, exist_ok=True)
    count = asyncio.run(run(load(options.scenario), options.seed, host, int(port), options.seconds, options.ledger))
    sys.stdout.write(json.dumps({"published": count}) + "\n")


if __name__ == "__main__":
    main()
