"""Presence of devices as readings of a state point: births, wills and readings go in, changes go to the journal."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import structlog

from gateway.domain.device import Device, Point, PointKind
from gateway.domain.errors import StoreError
from gateway.domain.reading import Flag, Quality, Reading, batch_of
from gateway.domain.record import Parcel
from gateway.ports import Clock, Directory, Emit
from protocols.mapping.mapper import Mapped
from protocols.mapping.retained import FRESH
from protocols.mqtt.companion import NoCompanion, ReceivedMessage
from protocols.mqtt.presence import FlapLimits, PresenceChange, PresenceLimits, PresenceTracker
from protocols.mqtt.presence_config import PresenceConfig
from protocols.mqtt.presence_memory import PresenceMemory
from protocols.mqtt.presence_sign import PresenceSign
from protocols.mqtt.presence_words import PresenceWord, PresenceWords
from protocols.mqtt.publication import Publisher

TURN: Final = 0.25
"""s between two looks at what time decides."""
_ODD: Final = 100
"""Topics that are named in the log, at most."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PresenceServices:
    """`devices`: those of the registry, now. `file` keeps the published states over a restart (None = not kept).
    `routes`: route -> how long its messages hold, µs; 0 = they are no sign of life. `signs`: of other parts, by place
    in the call of the mapper. `changes` counts published states."""

    directory: Directory
    devices: Callable[[], Iterable[Device]]
    clock: Clock
    file: Path | None
    changes: Counter[str]
    routes: Mapping[int, int]
    signs: Callable[[], Sequence[PresenceSign]] = tuple


class _Tracked(NamedTuple):
    point: Point
    counter: Point | None
    limits: PresenceLimits


class PresenceReporter(NoCompanion):
    """Runs beside the connections of a source."""

    def __init__(self, source: str, config: PresenceConfig, services: PresenceServices) -> None:
        self._source, self._config, self._services = source, config, services
        self._limits = PresenceLimits(config.timeout, config.debounce)
        flap = config.flap
        span = None if flap is None else FlapLimits(flap.changes, flap.span, flap.quiet or flap.span)
        self._tracker = PresenceTracker(self._limits_of, span)
        self._topics = [PresenceWords(topic) for topic in config.topics]
        self._points: dict[int, _Tracked] = {}
        self._version: int | None = None
        self._odd: set[str] = set()
        self._noted: list[PresenceSign] = []
        self._moments: dict[int, int] = {}
        """Device -> µs of its last birth or will that had a time."""
        self._retained: set[int] = set()
        """Devices whose births are retained: so their retained will is their last word."""
        self._waiting: list[PresenceChange] = []
        self._memory = PresenceMemory(services.file)

    # ---- in ---------------------------------------------------------------------------------------------------
    def take(self, messages: Sequence[ReceivedMessage], skip: Collection[int]) -> set[int]:
        """Indices of the messages of presence topics. They are births and wills, and no readings."""
        if not self._topics:
            return set()
        found = set()
        for index, message in enumerate(messages):
            word = None if index in skip else self._word(message)
            if word is not None:
                found.add(index)
                self._note(index, word, message)
        return found

    def saw(self, mapped: Mapped, places: Sequence[int]) -> None:
        """What came, in its order: births and wills that were noted, and readings, which are signs of life (replays of
        retained messages aside)."""
        now, tracked = self._services.clock.now(), self._tracked()
        signs, self._noted = self._noted, []
        signs += [sign._replace(place=places[sign.place]) for sign in self._services.signs()]
        live = np.flatnonzero((mapped.batch.flags & np.uint8(Flag.RETAINED)) == 0)
        devices = mapped.batch.device[live]
        if not signs and not mapped.routes:
            for device in np.unique(devices).tolist():
                if device in tracked:
                    self._tracker.alive(device, now)
            return
        ordinals = mapped.accepted_at[mapped.batch.frame[live]]
        for device, ordinal in dict.fromkeys(zip(devices.tolist(), ordinals.tolist(), strict=True)):
            route = mapped.routes.get(ordinal)
            holds = None if route is None else self._services.routes[route]
            if holds != 0:
                signs.append(PresenceSign(places[ordinal], device, online=True, holds=holds))
        for sign in sorted(signs, key=lambda sign: sign.place):
            if sign.device in tracked:
                self._apply(sign, now)

    def connected(self, publisher: Publisher) -> None:  # noqa: ARG002 - as Companion
        """The broker is there."""
        self._tracker.connected(self._services.clock.now())

    def disconnected(self) -> None:
        """The broker is away: the silence of devices proves nothing."""
        self._tracker.disconnected(self._services.clock.now())

    def _word(self, message: ReceivedMessage) -> PresenceWord | None:
        return next((word for topic in self._topics if (word := topic.read(message)) is not None), None)

    def _note(self, index: int, word: PresenceWord, message: ReceivedMessage) -> None:
        device = self._services.directory.device(word.code)
        if device is None or device.id not in self._tracked() or word.online is None:
            if message.topic not in self._odd and len(self._odd) < _ODD:
                self._odd.add(message.topic)
                log.warning("presence not understood", source=self._source, topic=message.topic[:200], device=word.code)
            return
        if word.at is not None:
            if word.at < self._moments.get(device.id, word.at):
                return  # births and wills of two topics overtake each other
            self._moments[device.id] = word.at
        if message.retain and word.online:
            self._retained.add(device.id)
        fresh = word.at is not None and self._services.clock.now() - word.at <= FRESH
        certain = word.online or not message.retain or fresh or device.id in self._retained
        self._noted.append(PresenceSign(index, device.id, word.online, certain, word.holds))

    def _apply(self, sign: PresenceSign, now: int) -> None:
        if sign.online:
            self._tracker.alive(sign.device, now, sign.holds)
        elif sign.certain:
            self._tracker.gone(sign.device, now)
        else:
            self._tracker.doubt(sign.device, now)

    def _limits_of(self, device: int) -> PresenceLimits:
        found = self._points.get(device)
        return self._limits if found is None else found.limits

    def _tracked(self) -> Mapping[int, _Tracked]:
        """Devices whose profile has the presence point."""
        directory = self._services.directory
        if directory.version != self._version:
            self._version = directory.version
            self._points = {}
            for device in self._services.devices():
                points = directory.points(device.profile)
                point = points.get((self._config.point, 0))
                if point is not None:
                    counter = points.get((self._config.counter, 0))
                    counts = counter is not None and counter.kind is PointKind.COUNTER
                    self._points[device.id] = _Tracked(point, counter if counts else None, self._limits_for(device))
        return self._points

    def _limits_for(self, device: Device) -> PresenceLimits:
        own = self._config.profiles.get(device.profile)
        if own is None:
            return self._limits
        timeout = self._limits.timeout if own.timeout is None else own.timeout
        return PresenceLimits(timeout, self._limits.debounce if own.debounce is None else own.debounce)

    # ---- out --------------------------------------------------------------------------------------------------
    async def prepare(self) -> None:
        """The states of the last run go on."""
        kept = await self._memory.read()
        self._tracked()
        self._retained |= {device for device, (_, retained) in kept.items() if retained}
        self._tracker.restore({device: known for device, (known, _) in kept.items()}, self._services.clock.now())

    async def run(self, emit: Emit) -> None:
        """Journal what changes, until cancelled. What the journal refuses is offered again."""
        while True:
            self._waiting += self._tracker.changes(self._services.clock.now())
            if self._waiting:
                await self._publish(emit)
            if not self._waiting:
                states = self._tracker.published()
                await self._memory.write({one: (known, one in self._retained) for one, known in states.items()})
            await asyncio.sleep(TURN)

    async def _publish(self, emit: Emit) -> None:
        changes = list(self._waiting)
        frames = [frame for change in changes if (frame := self._readings(change))]
        try:
            if frames:
                await emit(Parcel(self._source, batch_of(frames), messages=len(frames)))
        except StoreError as error:
            log.warning("presence not journaled yet", source=self._source, error=error)
            return
        self._services.changes.update(change.state if change.certain else "uncertain" for change in changes)
        del self._waiting[: len(changes)]

    def _readings(self, change: PresenceChange) -> list[Reading]:
        """Empty: the device is not in service any more."""
        tracked = self._tracked().get(change.device)
        if tracked is None:
            return []
        code = self._services.directory.state_code(tracked.point.id, change.state, change.device)
        if code is None:
            return []
        now = self._services.clock.now()
        quality = Quality.GOOD if change.certain else Quality.UNCERTAIN
        flags = Flag.NONE if change.certain else Flag.RETAINED
        found = [Reading(change.device, tracked.point.id, change.at, float(code), quality, flags, now)]
        if change.certain and tracked.counter is not None:
            found.append(Reading(change.device, tracked.counter.id, change.at, float(change.number), received=now))
        return found
