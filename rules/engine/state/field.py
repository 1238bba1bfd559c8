"""What evaluators need to know of the things of their table: of devices from the fleet, of groups from their table."""

from collections.abc import Mapping, MutableMapping
from typing import Protocol

from gateway.domain.device import Attr, Device, Point, Site
from rules.engine.state.thing_table import ThingTable


class Field(Protocol):
    """Attributes, tags, time zone, promised intervals and newest readings of things. Times are µs."""

    @property
    def devices(self) -> Mapping[int, Device]:
        """By the device id of a thing."""

    @property
    def sites(self) -> Mapping[str, Site]:
        """By code."""

    @property
    def profiles(self) -> Mapping[str, int]:
        """Small integer by profile name, as `ThingTable.profile` has it."""

    @property
    def version(self) -> int:
        """Rises when a point or its state table changes."""

    @property
    def changes(self) -> int:
        """Rises when attributes change."""

    @property
    def shared(self) -> MutableMapping[tuple[int, str], object]:
        """Tables of attributes in use."""

    def spec(self, profile: str, name: str, component: int = 0) -> Point | None:
        """The newest definition of a named point of a profile."""

    def owners(self, device: Device) -> tuple[tuple[str, dict[str, Attr]], ...]:
        """Attribute tables in order of precedence: device, site, customer."""

    def attribute(self, device: Device, name: str, unit: str) -> tuple[float, str] | None:
        """(number in the canonical unit, `attr site p_min`) of the nearest owner; None when no owner has it."""

    def zone(self, device: Device, installation: str) -> str:
        """The name of its time zone."""

    def newest_reading(self, space: ThingTable, thing: int) -> int:
        """The newest reading of a row of the table; LONG_AGO = none."""

    def undecided_until(self, thing: int, now: int) -> int:
        """Until when readings from before engine time `now` may still decide about a row; LONG_AGO = they may not."""
