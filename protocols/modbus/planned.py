"""The plan as values: which requests a source makes, when, and how much of the time of a link they take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.domain.duration import format_duration
from protocols.modbus.config import LinkConfig
from protocols.modbus.cycle import PolledDevice
from protocols.modbus.day_times import DayTimes
from protocols.modbus.plan import RequestBlock
from protocols.modbus.polled_devices import PollAddress, PolledDevices
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.stats import ModbusStats


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request: `count` registers or bits of `table` from `address` on of `unit` behind `link`, for `points` of a
    device (`name`, or `name#component`). `cost` µs, as estimated for the link; `rhythm`: a period in µs, or times of
    day."""

    link: str
    unit: int
    table: RegisterTable
    address: int
    count: int
    device: str
    group: str
    points: tuple[str, ...]
    rhythm: int | DayTimes
    cost: int

    @property
    def period(self) -> int:
        """µs between two of it, on the average."""
        return self.rhythm if isinstance(self.rhythm, int) else self.rhythm.period

    @property
    def when(self) -> str:
        """For people: `15m`, or `00:00 08:00`."""
        if isinstance(self.rhythm, int):
            return format_duration(self.rhythm)
        if self.rhythm.repeated:
            return format_duration(self.rhythm.period)
        minutes = [time // 60_000_000 for time in self.rhythm.times]
        return " ".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes)


@dataclass(frozen=True, slots=True)
class LinkLoad:
    """The estimate for a link: `share` of its time that the plan takes (over 1 it cannot be kept), the `requests` of
    the plan, and what all of them take together, µs."""

    share: float
    requests: int
    once: int


def planned(polled: PolledDevices) -> tuple[PlannedRequest, ...]:
    """All requests of the present plan, device by device, of `polled` as it was last refreshed."""
    return tuple(
        request
        for (code, group), target in polled.targets.items()
        for request in of_target(target, group, polled.places[code, group], polled.links)
    )


def of_target(
    target: PolledDevice, group: str, place: PollAddress, links: Mapping[str, LinkConfig]
) -> Iterator[PlannedRequest]:
    """Those of one device and group, in the order in which they are made."""
    timing = links[place.link].timing
    for block in target.blocks:
        yield PlannedRequest(
            link=place.link,
            unit=place.unit + block.unit,
            table=block.table,
            address=block.address,
            count=block.count,
            device=target.device.code,
            group=group,
            points=_points(target, block),
            rhythm=place.rhythm,
            cost=timing.cost(block.table, block.count),
        )


def _points(target: PolledDevice, block: RequestBlock) -> tuple[str, ...]:
    layout = target.layout
    registers = [layout.registers[layout.owners[index]] for index in block.members]
    names = (one.name if one.component == 0 else f"{one.name}#{one.component}" for one in registers)
    return tuple(dict.fromkeys(names))


def summarize(polled: PolledDevices, stats: ModbusStats) -> None:
    """Bring what the plan and the lessons of devices come to into `stats`."""
    found = load(planned(polled))
    stats.planned = {link: found[link].share if link in found else 0.0 for link in polled.links}
    learned = {id(target.memory): target.learned for target in polled.targets.values()}.values()
    stats.learned = {
        "caps": sum(len(one.caps) for one in learned),
        "cuts": sum(len(one.cuts) for one in learned),
        "holes": sum(len(one.holes) for one in learned),
    }


def load(requests: tuple[PlannedRequest, ...]) -> dict[str, LinkLoad]:
    """By link, in the order of their first request."""
    found: dict[str, LinkLoad] = {}
    for one in requests:
        before = found.get(one.link, LinkLoad(0.0, 0, 0))
        share = before.share + one.cost / one.period
        found[one.link] = LinkLoad(share, before.requests + 1, before.once + one.cost)
    return found
