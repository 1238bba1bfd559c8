"""What evaluators of groups and of their members know of the field: the fleet, with the calendar of the group."""

import copy
from collections.abc import Callable
from typing import Any

from gateway.domain.device import Device, Point
from rules.engine.conditions.context import EngineContext
from rules.engine.groups.group_table import GroupTable
from rules.engine.state.calendar import zone_of
from rules.engine.state.fleet import Fleet
from rules.engine.transitions import Emitter, PendingTransition

SITE = "site"


class Delegate(Fleet):
    """Another fleet, but for what a subclass answers itself."""

    def __init__(self, real: Fleet) -> None:
        self.real = real  # and nothing of its own: all the rest is found in `real`

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class MemberWorld(Delegate):
    """Members keep the calendar of their group: of its site, else of the installation."""

    def __init__(self, real: Fleet, attribute: str) -> None:
        super().__init__(real)
        self.by_site = attribute == SITE

    def zone(self, device: Device, installation: str) -> str:
        if self.by_site:
            return self.real.zone(device, installation)
        return installation if zone_of(installation) is not None else "UTC"


class GroupWorld(Delegate):
    """Groups as devices: number -1 - row; attributes, tags and zone are those of the site, or of the customer."""

    def __init__(self, table: GroupTable) -> None:
        super().__init__(table.fleet)
        self.table, self.devices = table, table.as_device

    def __getattr__(self, name: str) -> Any:
        if name == "version":  # what evaluators remember of intervals depends on who is a member, too
            return self.real.version + self.table.changes
        return super().__getattr__(name)

    def spec(self, profile: str, name: str, component: int = 0) -> Point | None:
        """A column of the group comes as often as the slowest of the points it is made of."""
        return Point(0, profile, name, component, every=self.table.interval(name))


class GroupEmitter(Emitter):
    """Hands on transitions of rows of a group table as `complete` makes them."""

    def __init__(self, real: Emitter, complete: Callable[[PendingTransition], PendingTransition]) -> None:
        super().__init__(real.partition, real.tenant)
        self.real, self.complete = real, complete

    def add(self, made: PendingTransition) -> None:
        self.real.add(self.complete(made))


def field_of_members(common: EngineContext, attribute: str) -> EngineContext:
    """The field as the member side sees it."""
    own = copy.copy(common)
    own.world = MemberWorld(common.world, attribute)
    return own


def field_of_groups(
    common: EngineContext, table: GroupTable, complete: Callable[[PendingTransition], PendingTransition]
) -> EngineContext:
    """The field as the evaluator of the groups sees it."""
    own = copy.copy(common)
    own.world, own.emitter = GroupWorld(table), GroupEmitter(common.emitter, complete)
    return own
