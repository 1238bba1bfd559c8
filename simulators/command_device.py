"""A charger that takes commands by MQTT and answers as it is set: rightly, with an error, late, wrongly, never.

    python -m simulators.command_device --port 1883 --device D1 --answer ok

It takes `{"id", "op", "amps"}` on `chargers/DEVICE/cmd`, answers `{"id", "result", "text"}` on `chargers/DEVICE/ack`,
and publishes its limit on `chargers/DEVICE/telemetry`. With MQTT 5 the answer goes to the response topic of the command
and carries its correlation data.
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

Answer = Literal["ok", "error", "silent", "late", "foreign", "garbage", "progress", "idle"]
"""`late`: with the next command; `foreign`: with another id; `garbage`: no JSON; `progress`: first that it is at it,
then ok; `idle`: ok, but it does nothing."""


@dataclass
class CommandDevice:
    """One device. `commands`: what it received, in order; `limit`: A."""

    device: str
    answer: Answer = "ok"
    limit: float = 16.0
    commands: list[dict[str, Any]] = field(default_factory=list)
    _late: list[tuple[str, bytes, Properties | None]] = field(default_factory=list)

    async def run(self, client: aiomqtt.Client) -> None:
        """Answer until the connection ends."""
        async for message in client.messages:
            await self._take(client, message)

    async def report(self, client: aiomqtt.Client) -> None:
        """Publish the limit, with the time of now."""
        body = {"ts": time.time_ns() // 1_000_000, "limit": self.limit}
        await client.publish(f"chargers/{self.device}/telemetry", json.dumps(body), qos=1)

    async def _take(self, client: aiomqtt.Client, message: aiomqtt.Message) -> None:
        request = json.loads(bytes(message.payload))
        self.commands.append(request)
        topic, properties = f"chargers/{self.device}/ack", message.properties
        reply: Properties | None = None
        if properties is not None and hasattr(properties, "ResponseTopic"):
            topic, reply = properties.ResponseTopic, Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            reply.CorrelationData = properties.CorrelationData  # type: ignore[attr-defined]
        for earlier in self._late:
            await client.publish(earlier[0], earlier[1], properties=earlier[2])
        self._late.clear()
        if self.answer in ("ok", "late", "progress") and "amps" in request:
            self.limit = float(request["amps"])
        for body in self._answers(request):
            if self.answer == "late":
                self._late.append((topic, body, reply))
            else:
                await client.publish(topic, body, properties=None if self.answer == "foreign" else reply)
        if self.answer in ("ok", "progress"):
            await self.report(client)

    def _answers(self, request: dict[str, Any]) -> list[bytes]:
        good = {"id": request["id"], "result": "ok", "text": "done"}
        match self.answer:
            case "ok" | "late" | "idle":
                return [json.dumps(good).encode()]
            case "error":
                return [json.dumps({**good, "result": "rejected", "text": "gun is charging"}).encode()]
            case "foreign":
                return [json.dumps({**good, "id": "another"}).encode()]
            case "progress":
                return [json.dumps({**good, "result": "accepted"}).encode(), json.dumps(good).encode()]
            case "garbage":
                return [b"\xff\x00{"]
        return []


@asynccontextmanager
async def command_device(
    port: int, device: str, answer: Answer = "ok", *, version: int = 5
) -> AsyncIterator[CommandDevice]:
    """A device at the broker on this port; it is ready when the block begins."""
    protocol = aiomqtt.ProtocolVersion.V5 if version == 5 else aiomqtt.ProtocolVersion.V311
    one = CommandDevice(device, answer)
    async with aiomqtt.Client("127.0.0.1", port, protocol=protocol, identifier=f"sim-{device}") as client:
        await client.subscribe(f"chargers/{device}/cmd", qos=1)
        task = asyncio.create_task(one.run(client))
        try:
            yield one
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, aiomqtt.MqttError):
                await task


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--device", default="D1")
    parser.add_argument("--answer", default="ok")
    options = parser.parse_args()
    async with command_device(options.port, options.device, options.answer):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
