"""The field, from facts and definitions alone: devices, sites, customers, points."""

import re
from dataclasses import dataclass
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import Thing
from gateway.domain.device import Attr, Customer, Device, Life, Point, Site
from gateway.domain.reading import I32
from gateway.domain.units import bridge, parse_unit
from rules.engine.state.calendar import zone_of
from rules.engine.state.thing_table import LONG_AGO, ThingTable

_QUANTITY = re.compile(r"\s*([-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)\s*(\S.*)?")
NAN = float("nan")
Bools = NDArray[np.bool_]


def quantity(value: Attr, unit: str) -> float:
    """An attribute as a number in the canonical `unit`: `95 degC`, 95.0, true. NaN when it is none of that unit."""
    if isinstance(value, bool | int | float):
        return float(value)
    match = _QUANTITY.fullmatch(value)
    if match is None:
        return NAN
    if match[2] is None:
        return float(match[1])
    try:
        written, wanted = parse_unit(match[2]), parse_unit(unit)
    except ValueError:
        return NAN
    factor = bridge(written.dimension, wanted.dimension)  # `90 %` where a ratio is wanted
    return NAN if factor is None else written.canonical(float(match[1])) * factor[0] / factor[1]


def name_of(value: object) -> str:
    """The group of a device whose attribute is `value`; "" = in no group."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | int):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return value.strip() if isinstance(value, str) else ""


@dataclass(slots=True)
class ThingRows:
    """Where a device lives: its space and the rows of its components, 0 = the device itself."""

    space: ThingTable
    things: list[int]


class Fleet:
    """Devices, sites, customers and points by id; `version` rises when a point or its state table changes.

    `changes` rises with every device that is set, and before many rows are refreshed for another reason.
    """

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {}
        self.customers: dict[str, Customer] = {}
        self.devices: dict[int, Device] = {}
        self.points: dict[int, Point] = {}
        self.spaces: dict[str, ThingTable] = {}
        self.groups: dict[tuple[str, str], ThingTable] = {}
        self.rows: dict[int, ThingRows] = {}
        self.profiles: dict[str, int] = {}
        self.version = 0
        self.changes = 0
        self.shared: WeakValueDictionary[tuple[int, str], object] = WeakValueDictionary()  # tables of facts in use
        self._specs: dict[tuple[str, str, int], Point | None] = {}
        self._named: dict[tuple[str, str], list[int]] = {}
        # by device id: space number (-1 unknown), rows of components; by point id: component, fan-out
        self.space_list: list[ThingTable] = []
        self.space_of: I32 = np.full(64, -1, np.int32)
        self.thing_of: I32 = np.full((64, 1), -1, np.int32)
        self.components: I32 = np.zeros(64, np.int32)
        self.point_name: list[str] = []
        self.point_defined: Bools = np.zeros(64, np.bool_)
        self.point_component: I32 = np.zeros(64, np.int32)
        self.point_alone: Bools = np.zeros(64, np.bool_)

    def space(self, kind: str) -> ThingTable:
        """The table of a kind of device."""
        if kind not in self.spaces:
            self.spaces[kind] = ThingTable(kind)
            self.space_list.append(self.spaces[kind])
        return self.spaces[kind]

    def group_space(self, rule: str, attribute: str) -> ThingTable:
        """The table of the groups of a rule by an attribute: its revisions share it, so that rows stay."""
        return self.groups.setdefault((rule, attribute), ThingTable(f"group:{rule}:{attribute}"))

    def forget_groups(self, rule: str, kept: ThingTable | None) -> None:
        """The rule has no groups, or those of one space only: others it had are gone."""
        for key in [key for key, space in self.groups.items() if key[0] == rule and space is not kept]:
            del self.groups[key]

    def profile_number(self, profile: str) -> int:
        """A small integer per profile name."""
        return self.profiles.setdefault(profile, len(self.profiles))

    def set_device(self, device: Device) -> tuple[bool, ThingRows | None]:
        """Keep it. (it has new rows, the rows it left because its kind changed or None)."""
        before = self.rows.get(device.id)
        space = self.space(device.kind)
        moved = before is not None and before.space is not space
        self.devices[device.id] = device
        self.changes += 1
        row = ThingRows(space, []) if before is None or moved else before
        self.rows[device.id] = row
        number = self.profile_number(device.profile)
        grown = len(row.things) < device.components + 1
        while len(row.things) < device.components + 1:
            row.things.append(space.add(Thing(device.id, len(row.things)), number))
        for thing in row.things:
            space.profile[thing] = number
        self._index(device.id)
        return grown, before if moved else None

    def _index(self, device_id: int) -> None:
        row, device = self.rows[device_id], self.devices[device_id]
        if device_id >= len(self.space_of):
            size = max(device_id + 1, 2 * len(self.space_of))
            grow = size - len(self.space_of)
            self.space_of = np.concatenate([self.space_of, np.full(grow, -1, np.int32)])
            self.components = np.concatenate([self.components, np.zeros(grow, np.int32)])
            self.thing_of = np.pad(self.thing_of, ((0, grow), (0, 0)), constant_values=-1)
        if len(row.things) > self.thing_of.shape[1]:
            self.thing_of = np.pad(
                self.thing_of, ((0, 0), (0, len(row.things) - self.thing_of.shape[1])), constant_values=-1
            )
        retired = device.life is Life.RETIRED
        self.space_of[device_id] = -1 if retired else self.space_list.index(row.space)
        self.thing_of[device_id, : len(row.things)] = row.things
        self.components[device_id] = device.components

    def set_point(self, point: Point) -> None:
        """Define a point, or its longer state table."""
        self.points[point.id] = point
        self.version += 1
        self._specs.clear()
        while len(self.point_name) <= point.id:
            self.point_name.append("")
        self.point_name[point.id] = point.name
        if point.id >= len(self.point_component):
            grow = max(point.id + 1, 2 * len(self.point_component)) - len(self.point_component)
            self.point_component = np.concatenate([self.point_component, np.zeros(grow, np.int32)])
            self.point_alone = np.concatenate([self.point_alone, np.zeros(grow, np.bool_)])
            self.point_defined = np.concatenate([self.point_defined, np.zeros(grow, np.bool_)])
        self.point_component[point.id] = point.component
        self.point_defined[point.id] = True
        named = self._named.setdefault((point.profile, point.name), [])
        if point.id not in named:
            named.append(point.id)
        # alone: the profile has the name either for the device or for its components, so a reading is both's
        levels = {self.points[i].component > 0 for i in named}
        for other in named:
            self.point_alone[other] = len(levels) == 1

    def spec(self, profile: str, name: str, component: int = 0) -> Point | None:
        """The newest definition of a named point of a profile, for a component that of its own if there is one."""
        key = (profile, name, component)
        if key not in self._specs:
            named = [self.points[number] for number in self._named.get((profile, name), ())]
            own = [point for point in named if point.component == component]
            self._specs[key] = max(own or named, key=lambda point: (-point.component, point.id), default=None)
        return self._specs[key]

    def owners(self, device: Device) -> tuple[tuple[str, dict[str, Attr]], ...]:
        """Attribute tables in order of precedence: device, site, customer."""
        site, customer = self.sites.get(device.site), self.customers.get(device.customer)
        return (
            ("device", device.attrs),
            ("site", site.attrs if site else {}),
            ("customer", customer.attrs if customer else {}),
        )

    def attribute(self, device: Device, name: str, unit: str) -> tuple[float, str] | None:
        """(number in the canonical unit, `attr site p_min`) of the nearest owner; None when no owner has it."""
        for owner, attrs in self.owners(device):
            if name in attrs:
                return quantity(attrs[name], unit), f"attr {owner} {name}"
        return None

    def facts(self, device: Device) -> dict[str, object]:
        """The flat mapping that a rule's `where` is evaluated on."""
        site = self.sites.get(device.site)
        flat: dict[str, object] = {}
        for _, attrs in reversed(self.owners(device)):
            flat.update(attrs)
        return flat | {
            "code": device.code,
            "name": device.name,
            "site": device.site,
            "customer": device.customer,
            "life": device.life.value,
            "area": site.area if site else "",
            "region": site.region if site else "",
            "kind": device.kind,
            "profile": device.profile,
            "tags": device.tags + (site.tags if site else ()),
        }

    def newest_reading(self, space: ThingTable, thing: int) -> int:
        """The newest reading of a row of a table, µs; LONG_AGO = none."""
        return int(space.newest[thing])

    def undecided_until(self, thing: int, now: int) -> int:  # noqa: ARG002 - its own readings alone decide
        """LONG_AGO: nothing else may decide about a device."""
        return LONG_AGO

    def zone(self, device: Device, installation: str) -> str:
        """The time zone of a device: its site's, else the installation's, else UTC."""
        site = self.sites.get(device.site)
        named = site.timezone if site else ""
        return next((name for name in (named, installation) if zone_of(name) is not None), "UTC")
