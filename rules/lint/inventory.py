"""Devices for the checks of rules, in the form the engine has them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gateway.domain.device import Customer, Device, Life, Point, Site
from rules.compiled import Rule, Watch
from rules.engine.state.fleet import Fleet
from rules.engine.state.thing_table import ThingTable
from rules.engine.state.watch_scope import WatchScope

Rows = NDArray[np.intp]


class Lists(Fleet):
    """Fleet without changes: the facts of a device for `where` are built once."""

    def __init__(self) -> None:
        super().__init__()
        self._facts: dict[int, dict[str, object]] = {}

    def facts(self, device: Device) -> dict[str, object]:
        found = self._facts.get(device.id)
        if found is None:
            found = self._facts[device.id] = super().facts(device)
        return found


@dataclass(frozen=True, slots=True)
class RuleInventory:
    """`fleet` holds sites, customers, devices and points; the rows of each watch are cached."""

    fleet: Fleet
    _found: dict[tuple[Watch, str, bool], Rows] = field(default_factory=dict)
    _devices: dict[Watch, tuple[Device, ...]] = field(default_factory=dict)
    _numbers: dict[Watch, frozenset[int]] = field(default_factory=dict)

    def rows(self, rule: Rule, kind: str) -> Rows:
        """Rows of the table of `kind` that the rule watches. For silence and groups only devices in service count."""
        in_service = rule.condition.in_service or bool(rule.watch.group)
        key = (rule.watch, kind, in_service)
        if key not in self._found:
            space = self.fleet.space(kind)
            mask = WatchScope(self.fleet, rule.watch, space, in_service=in_service).inside(range(len(space)))
            self._found[key] = np.flatnonzero(mask[: len(space)])
        return self._found[key]

    def watched(self, rule: Rule) -> tuple[Device, ...]:
        """The devices in service that the rule watches, each once."""
        if rule.watch not in self._devices:
            numbers = {
                self.fleet.space(kind).things[row].device: None
                for kind in rule.watch.kinds
                for row in self.rows(rule, kind)
            }
            found = (self.fleet.devices[number] for number in numbers)
            self._devices[rule.watch] = tuple(device for device in found if device.life is Life.IN_SERVICE)
        return self._devices[rule.watch]

    def numbers(self, rule: Rule) -> frozenset[int]:
        """Ids of those devices."""
        if rule.watch not in self._numbers:
            self._numbers[rule.watch] = frozenset(device.id for device in self.watched(rule))
        return self._numbers[rule.watch]

    def things(self, rule: Rule) -> int:
        """Largest number of simultaneous alarms without identities: things, or groups."""
        if rule.watch.group:
            return len(self.groups(rule))
        return sum(len(self.rows(rule, kind)) for kind in rule.watch.kinds)

    def groups(self, rule: Rule, *, components: bool = False) -> dict[str, int]:
        """Name of each group of the rule -> its watched devices, or their components."""
        out: dict[str, int] = {}
        for device in self.watched(rule):
            value = self.fleet.facts(device).get(rule.watch.group)
            if value not in (None, ""):
                out[str(value)] = out.get(str(value), 0) + (max(1, device.components) if components else 1)
        return out

    def space(self, kind: str) -> ThingTable:
        """The table of a kind."""
        return self.fleet.space(kind)


def inventory_of(
    sites: Iterable[Site], customers: Iterable[Customer], devices: Iterable[Device], points: Iterable[Point]
) -> RuleInventory:
    """Lists of an installation. Devices must have distinct ids."""
    fleet = Lists()
    fleet.sites = {site.code: site for site in sites}
    fleet.customers = {customer.code: customer for customer in customers}
    for point in points:
        fleet.set_point(point)
    for device in devices:
        fleet.set_device(device)
    return RuleInventory(fleet)
