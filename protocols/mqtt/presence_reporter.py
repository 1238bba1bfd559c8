"""Presence of devices as readings of a state point: births, wills and readings go in, changes go to the journal."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import structlog

from gateway.domain.device import Device, Point
from gateway.domain.errors import DecodeError, StoreError
from gateway.domain.reading import Flag, Reading, batch_of
from gateway.domain.record import Parcel
from gateway.durable import replace_synced
from gateway.ports import Clock, Directory, Emit
from protocols.mapping.document import parse_bare, parse_document
from protocols.mapping.mapper import Mapped
from protocols.mapping.path import Missed, parse_path, scalar_text
from protocols.mapping.topic import parse_pattern, parse_template
from protocols.mqtt.companion import NoCompanion, ReceivedMessage
from protocols.mqtt.presence import PresenceChange, PresenceTracker
from protocols.mqtt.presence_config import OFFLINE, ONLINE, PresenceConfig, PresenceTopic
from protocols.mqtt.publication import Publisher

TURN: Final = 0.25
"""s between two looks at what time decides."""
_ODD: Final = 100
"""Topics that are named in the log, at most."""
_KEEP: Final = 5.0
"""s between two writes of the file, at least."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PresenceServices:
    """`devices`: those of the registry, now. `file` keeps the published states over a restart (None = not kept)."""

    directory: Directory
    devices: Callable[[], Iterable[Device]]
    clock: Clock
    file: Path | None


class _Words:
    """A presence topic, compiled."""

    def __init__(self, config: PresenceTopic) -> None:
        self.pattern = parse_pattern(config.topic)
        self.device = parse_template(config.device)
        self._path = None if config.path is None else parse_path(config.path)
        self._online = {scalar_text(word) for word in config.online}
        self._offline = {scalar_text(word) for word in config.offline}

    def read(self, payload: bytes) -> bool | None:
        """Whether the device is there, by its own word; None: the message holds neither word."""
        try:
            root = parse_bare(payload) if self._path is None else parse_document(payload)
            text = scalar_text(root if self._path is None else self._path.reach(root, root))
        except (DecodeError, *Missed):
            return None
        return True if text in self._online else False if text in self._offline else None


class PresenceReporter(NoCompanion):
    """Runs beside the connections of a source."""

    def __init__(self, source: str, config: PresenceConfig, services: PresenceServices) -> None:
        self._source, self._config, self._services = source, config, services
        self._tracker = PresenceTracker(config.timeout, config.debounce)
        self._topics = [_Words(topic) for topic in config.topics]
        self._points: dict[int, Point] = {}
        self._version: int | None = None
        self._odd: set[str] = set()
        self._waiting: list[PresenceChange] = []
        self._kept: dict[int, bool] = {}
        self._written = 0.0

    # ---- in ---------------------------------------------------------------------------------------------------
    def take(self, messages: Sequence[ReceivedMessage]) -> set[int]:
        """Indices of the messages of presence topics. They are births and wills, and no readings."""
        if not self._topics:
            return set()
        return {index for index, message in enumerate(messages) if self._taken(message)}

    def saw(self, mapped: Mapped) -> None:
        """Readings that came: signs of life, replays of retained messages aside."""
        batch = mapped.batch
        now, points = self._services.clock.now(), self._tracked()
        live = batch.device[(batch.flags & np.uint8(Flag.RETAINED)) == 0]
        for device in np.unique(live).tolist():
            if device in points:
                self._tracker.alive(device, now)

    def connected(self, publisher: Publisher) -> None:  # noqa: ARG002 - as Companion
        """The broker is there."""
        self._tracker.connected(self._services.clock.now())

    def disconnected(self) -> None:
        """The broker is away: the silence of devices proves nothing."""
        self._tracker.disconnected(self._services.clock.now())

    def _taken(self, message: ReceivedMessage) -> bool:
        for topic in self._topics:
            captured = topic.pattern.match(message.topic)
            if captured is not None:
                self._read(topic, topic.device.fill(captured), message)
                return True
        return False

    def _read(self, topic: _Words, code: str, message: ReceivedMessage) -> None:
        device, online = self._services.directory.device(code), topic.read(message.payload)
        if device is None or device.id not in self._tracked() or online is None:
            if message.topic not in self._odd and len(self._odd) < _ODD:
                self._odd.add(message.topic)
                log.warning("presence not understood", source=self._source, topic=message.topic[:200], device=code)
        elif online:
            self._tracker.alive(device.id, self._services.clock.now())
        else:
            self._tracker.gone(device.id, self._services.clock.now())

    def _tracked(self) -> dict[int, Point]:
        """Device -> its presence point, of devices whose profile has one."""
        directory = self._services.directory
        if directory.version != self._version:
            self._version = directory.version
            key = (self._config.point, 0)
            found = ((device.id, directory.points(device.profile).get(key)) for device in self._services.devices())
            self._points = {device: point for device, point in found if point is not None}
        return self._points

    # ---- out --------------------------------------------------------------------------------------------------
    async def run(self, emit: Emit) -> None:
        """Journal what changes, until cancelled. What the journal refuses is offered again."""
        self._kept = await asyncio.to_thread(self._remembered)
        self._tracker.restore(self._kept, self._services.clock.now())
        while True:
            self._waiting += self._tracker.changes(self._services.clock.now())
            if self._waiting:
                await self._publish(emit)
            await self._remember()
            await asyncio.sleep(TURN)

    async def _publish(self, emit: Emit) -> None:
        count = len(self._waiting)
        readings = [reading for change in self._waiting if (reading := self._reading(change)) is not None]
        try:
            if readings:
                await emit(Parcel(self._source, batch_of([[one] for one in readings]), messages=len(readings)))
        except StoreError as error:
            log.warning("presence not journaled yet", source=self._source, error=error)
            return
        del self._waiting[:count]

    def _reading(self, change: PresenceChange) -> Reading | None:
        """None: the device is not in service any more."""
        point = self._tracked().get(change.device)
        text = ONLINE if change.online else OFFLINE
        code = None if point is None else self._services.directory.state_code(point.id, text, change.device)
        if point is None or code is None:
            return None
        return Reading(change.device, point.id, change.at, float(code), received=self._services.clock.now())

    # ---- over a restart ---------------------------------------------------------------------------------------
    def _remembered(self) -> dict[int, bool]:
        file = self._services.file
        if file is None or not file.exists():
            return {}
        try:
            return {int(device): bool(online) for device, online in json.loads(file.read_text("utf-8")).items()}
        except (OSError, ValueError, AttributeError) as error:
            log.warning("presence of the last run not known", file=str(file), error=str(error))
            return {}

    async def _remember(self) -> None:
        file, now, states = self._services.file, asyncio.get_running_loop().time(), self._tracker.published()
        if file is None or self._waiting or states == self._kept or now - self._written < _KEEP:
            return
        self._kept, self._written = states, now
        try:
            await asyncio.to_thread(_write, file, states)
        except OSError as error:
            log.warning("presence not remembered", file=str(file), error=str(error))


def _write(file: Path, states: dict[int, bool]) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_synced(file, states)
