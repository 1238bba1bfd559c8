"""What the source did, for health and metrics. Counts since the start."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocols.modbus.slave import Slave


@dataclass(slots=True)
class ModbusStats:
    """Due times: due = polls + overruns + rests + unlinked. Cycles: polls = answered + silent.

    `on_time` polls began within a tenth of their period and ended within it · `overruns` due times that passed while
    the link was busy · `rests` due times of units left alone · `unlinked` due times without a connection ·
    `timeouts`, `garbled`, `gateway` requests without a believable answer · `exceptions` answers by exception code ·
    `strays` frames nobody asked for ·
    `link_ups` times a link got a connection after it had none ·
    `readings` on disk, of them `bad` and `uncertain` · `undecodable` words that are
    no value of their type · `held` times a parcel had to wait for the store · `unplaced` devices that cannot be polled.
    `linked`: links that had a connection when they were last used, `broken` those that had none. By link: `late`, the
    overruns; `busy`, µs spent with polls; `planned`, the share of its time that the plan takes by its estimate.
    `learned`: limits in force that devices taught by refusals, by kind.
    """

    polls: int = 0
    answered: int = 0
    silent: int = 0
    on_time: int = 0
    overruns: int = 0
    rests: int = 0
    unlinked: int = 0
    timeouts: int = 0
    garbled: int = 0
    gateway: int = 0
    strays: int = 0
    link_ups: int = 0
    exceptions: dict[int, int] = field(default_factory=dict)
    readings: int = 0
    bad: int = 0
    uncertain: int = 0
    undecodable: int = 0
    held: int = 0
    unplaced: int = 0
    slaves: dict[tuple[str, int], Slave] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    late: dict[str, int] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    planned: dict[str, float] = field(default_factory=dict)
    learned: dict[str, int] = field(default_factory=dict)

    def overran(self, link: str, count: int) -> None:
        """So many due times passed while the link was busy."""
        self.overruns += count
        self.late[link] = self.late.get(link, 0) + count

    def silence(self, reason: str) -> None:
        """One request without a believable answer."""
        if reason == "garbled":
            self.garbled += 1
        elif reason == "gateway":
            self.gateway += 1
        else:
            self.timeouts += 1

    @property
    def connected(self) -> bool:
        """At least one link has a connection."""
        return bool(self.linked)

    @property
    def due(self) -> int:
        """All due times so far."""
        return self.polls + self.overruns + self.rests + self.unlinked

    def counters(self) -> Mapping[str, int]:
        """The plain counters by name, for an exporter."""
        return {name: value for name in self.__slots__ if isinstance(value := getattr(self, name), int)}
