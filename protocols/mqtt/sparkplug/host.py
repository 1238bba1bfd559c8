"""This gateway as a host application: it publishes its STATE, and asks nodes for their births (Sparkplug 3.0.0,
sections 4.8, 5.3 and 5.9)."""

import asyncio
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import structlog

from gateway.durable import replace_synced
from gateway.ports import Clock, Emit
from protocols.mqtt.companion import NoCompanion, ReceivedMessage
from protocols.mqtt.publication import Publication, Publisher
from protocols.mqtt.sparkplug.node import NodeName, NodeSessions
from protocols.mqtt.sparkplug.payload import rebirth_command
from protocols.mqtt.sparkplug.sparkplug_config import NAMESPACE, SparkplugConfig

TURN: Final = 0.1
"""s between two looks at what is due."""
_AT_ONCE: Final = 5
"""Nodes that are asked in one turn: a thousand of them do not send their births in the same second."""
_KEEP: Final = 5.0
"""s between two writes of the file, at least."""

log = structlog.get_logger()


class SparkplugHost(NoCompanion):
    """Runs beside the connections of a source. `file` keeps the names of the nodes over a restart (None = not kept)."""

    def __init__(
        self, source: str, config: SparkplugConfig, nodes: NodeSessions, clock: Clock, file: Path | None
    ) -> None:
        self._source, self._config, self._nodes = source, config, nodes
        self._clock, self._file = clock, file
        self._publisher: Publisher | None = None
        self._since = 0
        """ms, of the will of this connection: its birth bears the same time (section 6.4.26)."""
        self._kept: frozenset[NodeName] = frozenset()
        self._written = 0.0

    # ---- connections ------------------------------------------------------------------------------------------
    def will(self) -> Publication | None:
        """STATE offline, retained."""
        self._since = self._clock.now() // 1000
        return None if self._config.host_id is None else self._state(online=False, at=self._since)

    def connected(self, publisher: Publisher) -> None:
        """STATE online; what was missed meanwhile is asked for."""
        self._publisher = publisher
        if self._config.host_id is not None:
            publisher.publish(self._state(online=True, at=self._since))
        self._nodes.connected(self._clock.now())

    def disconnected(self) -> None:
        """Births may be missed from here on."""
        self._publisher = None
        self._nodes.disconnected()

    def leaving(self) -> Sequence[Publication]:
        """A connection that is closed in order has no will."""
        return [] if self._config.host_id is None else [self._state(online=False, at=self._clock.now() // 1000)]

    def take(self, messages: Sequence[ReceivedMessage], skip: Collection[int]) -> set[int]:
        """Messages on our own STATE topic. Whoever calls this host offline while it is there is corrected."""
        if self._config.host_id is None:
            return set()
        topic = self._config.state_topic
        found = {index for index, message in enumerate(messages) if message.topic == topic}
        if (
            any(_is_offline(messages[index].payload) for index in found.difference(skip))
            and self._publisher is not None
        ):
            self._publisher.publish(self._state(online=True, at=self._since))
        return found

    def _state(self, *, online: bool, at: int) -> Publication:
        text = json.dumps({"online": online, "timestamp": at}, separators=(",", ":"))
        return Publication(self._config.state_topic, text.encode(), qos=1, retain=True)

    # ---- requests ---------------------------------------------------------------------------------------------
    async def prepare(self) -> None:
        """The nodes of the last run are asked for their births with the first connection."""
        for name in await asyncio.to_thread(self._remembered):
            self._nodes.ours.add(name)
            self._nodes.session(name)

    async def run(self, emit: Emit) -> None:  # noqa: ARG002 - readings go the way of the mapper
        """Request what is wanted, until cancelled."""
        while True:
            if self._publisher is not None:
                self._request(self._publisher)
            await self._remember()
            await asyncio.sleep(TURN)

    def _request(self, publisher: Publisher) -> None:
        now = self._clock.now()
        for name, why in self._nodes.requests(now, _AT_ONCE):
            log.info("rebirth requested", source=self._source, group=name.group, node=name.node, why=why)
            topic = f"{NAMESPACE}/{name.group}/NCMD/{name.node}"
            publisher.publish(Publication(topic, rebirth_command(now)))

    # ---- over a restart ---------------------------------------------------------------------------------------
    def _remembered(self) -> list[NodeName]:
        if self._file is None or not self._file.exists():
            return []
        try:
            found = [NodeName(str(group), str(node)) for group, node in json.loads(self._file.read_text("utf-8"))]
        except (OSError, ValueError, TypeError) as error:
            log.warning("nodes of the last run not known", file=str(self._file), error=str(error))
            return []
        self._kept = frozenset(found)
        return found

    async def _remember(self) -> None:
        names, now = frozenset(self._nodes.ours), asyncio.get_running_loop().time()
        if self._file is None or names == self._kept or now - self._written < _KEEP:
            return
        self._kept, self._written = names, now
        try:
            await asyncio.to_thread(_write, self._file, sorted(names))
        except OSError as error:
            log.warning("nodes not remembered", file=str(self._file), error=str(error))


def _write(file: Path, names: Sequence[NodeName]) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_synced(file, [list(name) for name in names])


def _is_offline(payload: bytes) -> bool:
    try:
        found = json.loads(payload)
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("online") is False
