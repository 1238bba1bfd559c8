"""The messages of a broker by topic, bounded: what a probe keeps of them while it listens."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.probe.payload import Content, read_payload

MOST_TOPICS = 20_000
MOST_PAYLOADS = 12
"""Per topic; the first ones and the newest."""
LARGEST = 256 * 1024
MOST_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class SeenTopic:
    """`payloads` in order of time; `live`: one of them was no retained replay."""

    payloads: list[bytes] = field(default_factory=list)
    count: int = 0
    live: bool = False

    @property
    def contents(self) -> list[Content]:
        """What the payloads are; empty ones are left out."""
        return [found for payload in self.payloads if (found := read_payload(payload)).form != "empty"]


class SeenTopics:
    """`messages` counts all; `dropped` those of which nothing is kept: too long, or too many topics."""

    def __init__(self) -> None:
        self.topics: dict[str, SeenTopic] = {}
        self.messages = self.dropped = 0
        self._bytes = 0

    def add(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Keep a message, if there is room."""
        self.messages += 1
        found = self.topics.get(topic)
        if len(payload) > LARGEST or (found is None and len(self.topics) >= MOST_TOPICS) or self._bytes > MOST_BYTES:
            self.dropped += 1
            return
        if found is None:
            found = self.topics[topic] = SeenTopic()
        found.count += 1
        found.live = found.live or not retained
        if len(found.payloads) == MOST_PAYLOADS:
            self._bytes -= len(found.payloads.pop())
        found.payloads.append(payload)
        self._bytes += len(payload)

    def pairs(self) -> Iterator[tuple[str, bytes]]:
        """(topic, payload) of everything kept."""
        for topic, seen in self.topics.items():
            for payload in seen.payloads:
                yield topic, payload
