"""A group stands in for a device, so that any kind of runner can judge groups as it judges devices."""

import copy
from collections.abc import Callable
from typing import Any

from gateway.domain.alarm import Thing
from gateway.domain.device import Device, Point
from rules.engine.conditions.reporting import EngineContext
from rules.engine.state.calendar import zone_of
from rules.engine.state.fleet import Fleet
from rules.engine.transitions import Emitter, PendingTransition

SITE = "site"


class Delegate(Fleet):
    """Another world, live, but for what a subclass says itself."""

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

    def __init__(self, real: Fleet, attribute: str, interval: Callable[[str], int]) -> None:
        super().__init__(real)
        self.devices: dict[int, Device] = {}
        self.by, self.interval = attribute, interval
        self.members_changed = 0

    def __getattr__(self, name: str) -> Any:
        if name == "version":  # what runners remember of intervals depends on who is a member, too
            return self.real.version + self.members_changed
        return super().__getattr__(name)

    def stand_in(self, row: int, group: str) -> None:
        """Group `group` is row `row` of its space."""
        self.devices[-1 - row] = Device(
            -1 - row, group, "", self.by, site=group if self.by == SITE else "",
            customer=group if self.by == "customer" else "",
        )  # fmt: skip

    def spec(self, profile: str, name: str, component: int = 0) -> Point | None:
        """A column of the group comes as often as the slowest of the points it is made of."""
        return Point(0, profile, name, component, every=self.interval(name))


class GroupEmitter(Emitter):
    """Hands on what a runner says of a stand-in, dressed as a transition of the group."""

    def __init__(self, real: Emitter, dress: Callable[[PendingTransition], PendingTransition]) -> None:
        super().__init__(real.partition, real.tenant)
        self.real, self.dress = real, dress

    def add(self, made: PendingTransition) -> None:
        self.real.add(self.dress(made))


def stand_in_thing(row: int, group: str) -> Thing:
    """The thing of a stand-in, inside its space only."""
    return Thing(-1 - row, 0, group)


def field_of_members(common: EngineContext, attribute: str) -> EngineContext:
    """The field as the member side sees it."""
    own = copy.copy(common)
    own.world = MemberWorld(common.world, attribute)
    return own


def field_of_groups(
    common: EngineContext, world: GroupWorld, dress: Callable[[PendingTransition], PendingTransition]
) -> EngineContext:
    """The field as the runner of the groups sees it."""
    own = copy.copy(common)
    own.world, own.emitter = world, GroupEmitter(common.emitter, dress)
    return own
