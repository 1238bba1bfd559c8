"""Messages that the gateway itself publishes, and the port by which parts of a source send them."""

import asyncio
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Publication:
    """One PUBLISH, or a will. `qos` 0 or 1. `response_topic` and `correlation` exist in MQTT 5 only (sections 3.3.2.3.5
    and 3.3.2.3.6) and are left out in 3.1.1, as is `expiry`: after so many s the broker drops it (0 = never)."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    response_topic: str = ""
    correlation: bytes = b""
    expiry: int = 0


@dataclass(frozen=True, slots=True)
class PublishAnswer:
    """The broker's PUBACK of a packet id. `refused`: name of its reason code, "" when it took the message."""

    packet_id: int
    refused: str = ""


class Publisher(Protocol):
    """A connection that is ready."""

    def publish(self, publication: Publication) -> asyncio.Future[None]:
        """Send. Done when the broker has acknowledged the message, with QoS 0 at once; SourceError when it refuses, or
        the connection ends before."""


class OpenPublications:
    """The QoS 1 messages of one connection that the broker has not acknowledged."""

    def __init__(self) -> None:
        self._open: dict[int, asyncio.Future[None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, packet_id: int) -> asyncio.Future[None]:
        """Done when `answer` is called for this packet id."""
        found = self._open[packet_id] = asyncio.get_running_loop().create_future()
        return found

    def answer(self, packet_id: int, failure: Exception | None) -> None:
        """PUBACK, or why there was none."""
        found = self._open.pop(packet_id, None)
        if found is not None:
            settle(found, failure)

    def fail(self, failure: Exception) -> None:
        """The connection is over."""
        for packet_id in list(self._open):
            self.answer(packet_id, failure)


def settle(future: asyncio.Future[None], failure: Exception | None) -> None:
    """End it unless whoever waited gave it up. An exception that nobody looks at is no error of the loop."""
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)
        future.exception()
