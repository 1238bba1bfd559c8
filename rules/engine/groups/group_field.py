"""What evaluators of groups, and of their members, know of the field: the fleet, with the calendar of the group."""

from collections.abc import Callable, Mapping, MutableMapping

from gateway.domain.device import Attr, Device, Point, Site
from rules.engine.groups.group_table import GroupTable
from rules.engine.state.calendar import zone_of
from rules.engine.state.fleet import Fleet
from rules.engine.state.thing_table import ThingTable


class MemberField:
    """Of devices as members of groups by `attribute`: they keep the calendar of the group, that of its site, or of
    the installation. The rest is as in the fleet (`Field`).
    """

    def __init__(self, fleet: Fleet, attribute: str) -> None:
        self.fleet, self.by_site = fleet, attribute == "site"

    @property
    def devices(self) -> Mapping[int, Device]:
        return self.fleet.devices

    @property
    def sites(self) -> Mapping[str, Site]:
        return self.fleet.sites

    @property
    def profiles(self) -> Mapping[str, int]:
        return self.fleet.profiles

    @property
    def version(self) -> int:
        return self.fleet.version

    @property
    def changes(self) -> int:
        return self.fleet.changes

    @property
    def shared(self) -> MutableMapping[tuple[int, str], object]:
        return self.fleet.shared

    def spec(self, profile: str, name: str, component: int = 0) -> Point | None:
        return self.fleet.spec(profile, name, component)

    def owners(self, device: Device) -> tuple[tuple[str, dict[str, Attr]], ...]:
        return self.fleet.owners(device)

    def attribute(self, device: Device, name: str, unit: str) -> tuple[float, str] | None:
        return self.fleet.attribute(device, name, unit)

    def zone(self, device: Device, installation: str) -> str:
        if self.by_site:
            return self.fleet.zone(device, installation)
        return installation if zone_of(installation) is not None else "UTC"

    def newest_reading(self, space: ThingTable, thing: int) -> int:
        return self.fleet.newest_reading(space, thing)

    def undecided_until(self, thing: int, now: int) -> int:
        return self.fleet.undecided_until(thing, now)


class GroupField(MemberField):
    """Of groups: attributes, tags and zone are those of their site or customer. `members_until`: (row, engine time µs)
    -> until when moments of its members that have passed are not judged, µs, LONG_AGO = all are.
    """

    def __init__(self, table: GroupTable, members_until: Callable[[int, int], int]) -> None:
        super().__init__(table.fleet, table.rule.watch.group)
        self.table, self.members_until = table, members_until

    @property
    def devices(self) -> Mapping[int, Device]:
        return self.table.as_device

    @property
    def version(self) -> int:
        return self.fleet.version + self.table.changes  # intervals depend on who is a member, too

    def spec(self, profile: str, name: str, component: int = 0) -> Point | None:
        """A value of the group comes as often as the slowest of the points it is made of."""
        return Point(0, profile, name, component, every=self.table.interval(name))

    def zone(self, device: Device, installation: str) -> str:
        return self.fleet.zone(device, installation)

    def newest_reading(self, space: ThingTable, thing: int) -> int:
        return max(int(space.newest[thing]), self.table.newest_reading(thing))

    def undecided_until(self, thing: int, now: int) -> int:
        return self.members_until(thing, now)
