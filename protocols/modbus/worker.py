"""Polls the units of one link one after the other, each when it is due."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gateway.domain.duration import SECOND
from gateway.domain.error_reasons import reason
from gateway.ports import Clock, Directory
from protocols.modbus.cycle import Cycle, Frame
from protocols.modbus.link import Link, LinkDown, Silent
from protocols.modbus.plan import lessons
from protocols.modbus.planned import summarize
from protocols.modbus.polled_devices import PolledDevices, PollKey
from protocols.modbus.schedule import PollSchedule
from protocols.modbus.slave import Backoff, Slave
from protocols.modbus.stats import ModbusStats

log: structlog.stdlib.BoundLogger = structlog.get_logger("modbus")
_LOOK = SECOND
"""How often an idle worker looks whether the registry changed."""


def ticks() -> int:
    """The clock of schedules and waits: µs of the event loop, never set back."""
    return round(asyncio.get_running_loop().time() * SECOND)


class LinkWorker:
    """Runs one link. `put` takes a frame and waits while there is no room."""

    def __init__(
        self,
        source: str,
        name: str,
        link: Link,
        *,
        polled: PolledDevices,
        directory: Directory,
        clock: Clock,
        backoff: Backoff,
        stats: ModbusStats,
        put: Callable[[Frame], Awaitable[None]],
    ) -> None:
        self._name, self._link, self._polled = name, link, polled
        self._directory, self._clock, self._backoff = directory, clock, backoff
        self._stats, self._put = stats, put
        self._log = log.bind(source=source, link=name)
        self._down = False
        self._leaving = False

    def leave(self) -> None:
        """End `run` after the present cycle: what was read is kept."""
        self._leaving = True

    async def run(self) -> None:
        """Until cancelled, or after `leave`."""
        schedule = self._polled.schedules[self._name]
        try:
            while not self._leaving:
                now = ticks()
                self._polled.refresh(now)
                self._stats.unplaced = self._polled.unplaced
                if self._polled.settles(now):
                    summarize(self._polled, self._stats)
                    self._polled.limits.save()
                schedule.synchronize(now, self._clock.now())
                item = schedule.next()
                if item is None or item[0] > now:
                    wait = _LOOK if item is None else min(item[0] - now, _LOOK)
                    await asyncio.sleep(wait / SECOND)
                    continue
                due, key = item
                polled = await self._turn(key, now)
                if key in schedule:
                    self._finished(schedule, key, due, now, polled)
        finally:
            self._polled.limits.save()
            self._stats.linked.discard(self._name)
            self._stats.broken.discard(self._name)
            await self._link.close()

    def _finished(self, schedule: PollSchedule[PollKey], key: PollKey, due: int, begun: int, polled: bool) -> None:
        """Count a turn that is over. What is rarely polled does not wait for its next turn when nothing was read."""
        now, slave = ticks(), self._slave(key)
        retry = None
        if slave.failures or not polled:
            retry = max(slave.probe_at, now + self._backoff.min) if schedule.period(key) > self._backoff.max else None
        finish = schedule.finish(key, due, begun, now, retry)
        self._stats.overran(self._name, finish.skipped)
        self._stats.on_time += finish.on_time and polled
        self._stats.busy[self._name] = self._stats.busy.get(self._name, 0) + now - begun

    def _slave(self, key: PollKey) -> Slave:
        unit = self._polled.places[key].unit
        slave = self._stats.slaves.get((self._name, unit))
        if slave is None:
            slave = self._stats.slaves[self._name, unit] = Slave(self._name, unit, self._backoff)
        return slave

    async def _turn(self, key: PollKey, now: int) -> bool:
        """One due time of one group of a device; True when it was polled."""
        slave = self._slave(key)
        if slave.resting(now):
            slave.rests += 1
            self._stats.rests += 1
            return False
        strays = self._link.strays
        frame = await self._poll(key, slave)
        self._stats.strays += self._link.strays - strays
        if frame is not None:
            await self._put(frame)
        return not self._down

    async def _poll(self, key: PollKey, slave: Slave) -> Frame | None:
        """One cycle; updates the state of the link and the unit."""
        code, target = key[0], self._polled.targets[key]
        before = target.learned
        cycle = Cycle(self._link, slave, target, self._directory.state_code, self._stats, ticks, self._clock.now)
        try:
            frame = await cycle.run()
        except LinkDown as error:
            self._stats.unlinked += 1
            self._stats.linked.discard(self._name)
            self._stats.broken.add(self._name)
            if not self._down:
                self._log.warning("link down", reason=reason(error))
            self._down = True
            return None
        except Silent as silence:
            self._linked()
            self._stats.polls += 1
            self._stats.silent += 1
            slave.polls += 1
            if slave.silent(ticks(), silence.reason):
                self._log.warning("unit down", unit=slave.unit, device=code, reason=str(silence))
            return None
        self._linked()
        self._stats.polls += 1
        self._stats.answered += 1
        slave.polls += 1
        if slave.answered(ticks()):
            self._log.info("unit up", unit=slave.unit, device=code)
        if target.learned != before:
            self._polled.remember(target)
        for lesson in lessons(before, target.learned):
            self._log.warning("device differs from its profile", device=code, lesson=lesson)
        return frame

    def _linked(self) -> None:
        self._stats.link_ups += self._name not in self._stats.linked
        self._stats.linked.add(self._name)
        self._stats.broken.discard(self._name)
        if self._down:
            self._down = False
            self._log.info("link up")
