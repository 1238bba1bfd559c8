"""The Modbus source: links side by side, the units of a link one after the other.

One worker per link; frames go through a bounded outbox to one sender, so that devices that finish together share a
parcel, and a slow journal holds the polling back instead of piling it up.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from gateway.domain.device_command.exchange import CommandAnswer, CommandNotSent, OutgoingCommand
from gateway.domain.duration import SECOND
from gateway.domain.errors import SourceRejected, StoreError
from gateway.domain.language_values import Phrase
from gateway.domain.metric import MetricSample
from gateway.domain.reading import Batch, Quality
from gateway.domain.record import Parcel
from gateway.ports import Clock, Directory, Emit
from protocols.modbus.bus_link import BusLink
from protocols.modbus.command_writer import DeviceOnLink, write_command
from protocols.modbus.config import LinkConfig, ModbusConfig
from protocols.modbus.cycle import Frame
from protocols.modbus.learned_limits import LearnedLimits
from protocols.modbus.link import Link
from protocols.modbus.metrics import samples
from protocols.modbus.planned import PlannedRequest, planned
from protocols.modbus.polled_devices import Fleet, PolledDevices, Zone, utc
from protocols.modbus.profile import ModbusMap
from protocols.modbus.slave import Backoff, Presence
from protocols.modbus.stats import ModbusStats
from protocols.modbus.wiring import timing_of, wire_of
from protocols.modbus.worker import LinkWorker, ticks

log: structlog.stdlib.BoundLogger = structlog.get_logger("modbus")

OUTBOX = 512
"""Frames that may wait for the journal; a full outbox holds the polling back."""
NAMED = 5
"""Links or devices that are named in a trouble."""
PARCEL = 256
"""Frames in one parcel at most."""
LINK_RETRY = Backoff(SECOND, 30 * SECOND)
STORE_RETRY = Backoff(SECOND, 10 * SECOND)

Open = Callable[[LinkConfig], Link]


def open_link(config: LinkConfig) -> BusLink:
    """The link a configuration describes, not connected yet."""
    return BusLink(wire_of(config), timing_of(config), LINK_RETRY)


def _named(names: Sequence[str]) -> Phrase | str:
    shown = ", ".join(names[:NAMED])
    return Phrase("source.more_names", {"names": shown, "more": len(names) - NAMED}) if len(names) > NAMED else shown


def to_batch(frames: Sequence[Frame]) -> Batch:
    """Frames as the columns of a batch, one frame each, in order."""
    sizes = [len(frame.points) for frame in frames]
    total = sum(sizes)
    return Batch(
        np.repeat(np.array([frame.device for frame in frames], np.int32), sizes),
        np.concatenate([frame.points for frame in frames]),
        np.repeat(np.array([frame.at for frame in frames], np.int64), sizes),
        np.concatenate([frame.values for frame in frames]),
        np.concatenate([frame.quality for frame in frames]),
        np.zeros(total, np.uint8),
        np.repeat(np.arange(len(frames), dtype=np.int32), sizes),
        np.array([frame.received for frame in frames], np.int64),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Working:
    """A running link, and the configuration it was made from."""

    by: tuple[LinkConfig, Backoff]
    worker: LinkWorker
    task: asyncio.Task[None]


class ModbusSource:
    """gateway.ports.Source over Modbus.

    `maps` are the register maps by profile id. `fleet` lists the devices of the registry: needed, and only used, with
    `devices_from: registry` (SourceRejected without it). `connect` opens the links.
    """

    def __init__(
        self,
        name: str,
        config: ModbusConfig,
        directory: Directory,
        maps: Mapping[str, ModbusMap],
        clock: Clock,
        *,
        fleet: Fleet | None = None,
        connect: Open = open_link,
        zone: Zone = utc,
        memory: Path | None = None,
    ) -> None:
        if config.devices_from and fleet is None:
            raise SourceRejected(f"{name}: devices_from: registry needs the list of devices")
        self._name, self._config, self._directory, self._maps = name, config, directory, maps
        self._clock, self._fleet, self._connect = clock, fleet, connect
        self._zone, self._limits = zone, LearnedLimits(memory)
        self._backoff = config.backoff.build()
        self.stats = ModbusStats()
        self._polled: PolledDevices | None = None
        self._changed = asyncio.Event()
        self._links: dict[str, Link] = {}

    @property
    def name(self) -> str:
        """Its key in the configuration."""
        return self._name

    def plan(self) -> tuple[PlannedRequest, ...]:
        """All requests, by what was learned until now, device by device."""
        polled = self._polled
        if polled is None:
            polled = self._polled_devices()
            polled.refresh(0)
        return planned(polled)

    async def send_command(self, command: OutgoingCommand) -> CommandAnswer:
        """As `CommandPort`: the device need not be polled at the moment, its link must run."""
        places = {} if self._polled is None else self._polled.places
        place = next((place for (code, _), place in places.items() if code == command.device.code), None)
        link = None if place is None else self._links.get(place.link)
        if place is None or link is None:
            raise CommandNotSent.of("command.no_connection")
        return await write_command(DeviceOnLink(link, place.unit), command)

    async def run(self, emit: Emit) -> None:
        """Poll until cancelled. What was read is kept until the store takes it; no device answering is no error."""
        outbox: asyncio.Queue[Frame] = asyncio.Queue(OUTBOX)
        self._polled = polled = self._polled_devices()
        working: dict[str, _Working] = {}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send(outbox, emit), name=f"{self._name} sender")
            while True:
                self._changed.clear()
                wanted = {name: (config, self._backoff) for name, config in self._config.links.items()}
                leaving = [one for name, one in working.items() if wanted.get(name) != one.by]
                for one in leaving:
                    one.worker.leave()
                if leaving:  # a device server may know one connection only
                    await asyncio.wait([one.task for one in leaving])
                working = {name: one for name, one in working.items() if one not in leaving}
                for name, by in wanted.items():
                    if name not in working:
                        worker = self._worker(name, by[0], polled, outbox)
                        task = group.create_task(worker.run(), name=f"{self._name} {name}")
                        working[name] = _Working(by, worker, task)
                await self._changed.wait()

    def trouble(self) -> Phrase | None:
        """As the port: links without a connection, else devices that do not answer."""
        stats = self.stats
        if stats.broken:
            fields = {"down": len(stats.broken), "all": len(self._config.links), "names": _named(sorted(stats.broken))}
            return Phrase("source.links_down", fields)
        if not stats.slaves:
            return Phrase("source.no_devices" if stats.due else "source.waiting")
        down = sorted(f"{one.link}/{one.unit}" for one in stats.slaves.values() if one.presence is Presence.DOWN)
        if down:
            fields = {"down": len(down), "all": len(stats.slaves), "names": _named(down)}
            return Phrase("source.units_down", fields)
        return None if stats.answered else Phrase("source.waiting")

    def samples(self) -> Iterator[MetricSample]:
        """Values of `protocols.modbus.metrics.METRICS` and `SOURCE_METRICS`, now."""
        return samples(self.stats)

    def use(self, config: ModbusConfig, maps: Mapping[str, ModbusMap], zone: Zone = utc) -> bool:
        """From now on this configuration, on the event loop of `run`: links and devices that are as before are not
        disturbed. False: `run` goes on."""
        self._config, self._maps, self._zone = config, maps, zone
        self._backoff = config.backoff.build()
        if self._polled is None:
            return False
        self._polled.use(config, maps, zone, ticks())
        for slave in self.stats.slaves.values():
            slave.patience = self._backoff
        for target in self._polled.targets.values():
            target.patience = self._backoff
        polled = {(place.link, place.unit) for place in self._polled.places.values()}
        for gone in self.stats.slaves.keys() - polled:
            del self.stats.slaves[gone]
        for counts in (self.stats.late, self.stats.busy, self.stats.planned):
            for link in counts.keys() - config.links.keys():
                del counts[link]
        self.stats.broken &= config.links.keys()
        self._changed.set()
        return False

    def _worker(self, name: str, config: LinkConfig, polled: PolledDevices, outbox: asyncio.Queue[Frame]) -> LinkWorker:
        link = self._links[name] = self._connect(config)
        return LinkWorker(
            self._name,
            name,
            link,
            polled=polled,
            directory=self._directory,
            clock=self._clock,
            backoff=self._backoff,
            stats=self.stats,
            put=outbox.put,
        )

    def _polled_devices(self) -> PolledDevices:
        return PolledDevices(
            self._name,
            self._config,
            self._directory,
            self._maps,
            self._backoff,
            self._fleet,
            zone=self._zone,
            limits=self._limits,
        )

    async def _send(self, outbox: asyncio.Queue[Frame], emit: Emit) -> None:
        """Everything that is ready goes out together; the next parcel grows while this one is being written."""
        while True:
            frames = [await outbox.get()]
            while len(frames) < PARCEL and not outbox.empty():
                frames.append(outbox.get_nowait())
            batch = to_batch(frames)
            await self._keep(Parcel(self._name, batch, messages=len(frames)), emit)
            self.stats.readings += len(batch)
            self.stats.bad += int(np.count_nonzero(batch.quality == Quality.BAD))
            self.stats.uncertain += int(np.count_nonzero(batch.quality == Quality.UNCERTAIN))

    async def _keep(self, parcel: Parcel, emit: Emit) -> None:
        """Offer a parcel until the store takes it: a register cannot be read again for a time that is past."""
        failures = 0
        while True:
            try:
                await emit(parcel)
            except StoreError as error:
                failures += 1
                self.stats.held += 1
                if failures == 1:
                    log.warning("readings wait for the store", source=self._name, reason=error)
                await asyncio.sleep(STORE_RETRY.wait(failures, self._name) / SECOND)
            else:
                if failures:
                    log.info("the store takes readings again", source=self._name, attempts=failures + 1)
                return
