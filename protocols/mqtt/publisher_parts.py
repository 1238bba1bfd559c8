"""What the gateway publishes by itself: messages at intervals, and its own birth and will."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from gateway.domain.device import Device, Life
from gateway.domain.duration import SECOND
from gateway.ports import Directory, Emit
from protocols.mqtt.companion import NoCompanion
from protocols.mqtt.publication import Publication, Publisher
from protocols.mqtt.publish_config import PublishConfig, StatusConfig
from protocols.mqtt.publish_plan import PublishPlan

TURN: Final = 0.25
"""s between two looks at what is due."""

log = structlog.get_logger()


class PeriodicPublisher(NoCompanion):
    """`publish` of a source. `counts`: sent, acknowledged (QoS 1), failed."""

    def __init__(
        self,
        source: str,
        entries: Sequence[PublishConfig],
        directory: Directory,
        devices: Callable[[], Iterable[Device]],
        counts: Counter[str],
    ) -> None:
        self._source, self._entries, self._counts = source, entries, counts
        self._directory, self._devices = directory, devices
        self._plan = PublishPlan()
        self._publisher: Publisher | None = None
        self._version: int | None = None
        self._waiting: set[Publication] = set()
        """Sent with QoS 1, not acknowledged: not sent once more meanwhile."""
        self._logged = False

    def connected(self, publisher: Publisher) -> None:
        """From now on."""
        self._publisher = publisher
        self._learn()
        self._plan.start(asyncio.get_running_loop().time())

    def disconnected(self) -> None:
        """Nothing until the next connection; what was not acknowledged is out of date by then."""
        self._publisher = None
        self._plan.stop()

    async def run(self, emit: Emit) -> None:  # noqa: ARG002 - nothing is read here
        """Publish what is due, until cancelled."""
        while True:
            if self._publisher is not None:
                self._learn()
                for publication in self._plan.due(asyncio.get_running_loop().time()):
                    self._send(self._publisher, publication)
            await asyncio.sleep(TURN)

    def _send(self, publisher: Publisher, publication: Publication) -> None:
        if publication in self._waiting:
            self._counts["failed"] += 1
            return
        self._counts["sent"] += 1
        if publication.qos:
            self._waiting.add(publication)
        publisher.publish(publication).add_done_callback(lambda done: self._sent(publication, done))

    def _sent(self, publication: Publication, done: "asyncio.Future[None]") -> None:
        self._waiting.discard(publication)
        failure = None if done.cancelled() else done.exception()
        if failure is not None:
            self._counts["failed"] += 1
            if not self._logged:
                self._logged = True
                log.warning("message not published", source=self._source, topic=publication.topic, error=failure)
        elif publication.qos:
            self._logged = False
            self._counts["acknowledged"] += 1

    def _learn(self) -> None:
        """The messages of the devices that there are now."""
        if self._directory.version == self._version:
            return
        self._version = self._directory.version
        devices = [device for device in self._devices() if device.life is Life.IN_SERVICE]
        every: dict[Publication, float] = {}
        for entry in self._entries:
            meant = [device for device in devices if entry.is_for(device)] if entry.names else [None]
            for filled in filter(None, map(entry.filled, meant)):
                publication = Publication(filled[0], filled[1].encode(), entry.qos, entry.retain)
                every.setdefault(publication, entry.every / SECOND)
        self._plan.use(every, asyncio.get_running_loop().time())


class OwnStatus(NoCompanion):
    """`status` of a source: others see whether this gateway is there."""

    def __init__(self, config: StatusConfig) -> None:
        self._online, self._offline = (
            Publication(config.topic, text.encode(), qos=1, retain=True) for text in (config.online, config.offline)
        )

    def will(self) -> Publication | None:
        """The broker publishes it when the connection is lost."""
        return self._offline

    def connected(self, publisher: Publisher) -> None:
        """The birth."""
        publisher.publish(self._online)

    def leaving(self) -> Sequence[Publication]:
        """A connection that is closed in order has no will."""
        return [self._offline]
