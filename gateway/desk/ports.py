"""Ports of the desk: the database transaction (implemented by gateway.store.desk_store)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from gateway.desk.hazards.rows import HazardReader
from gateway.desk.plans.rows import PlanReader
from gateway.domain.desk_changes import Changes, Position
from gateway.domain.offline_command import RefusedCommand
from gateway.domain.sla import FiredMilestone, SlaClock
from gateway.domain.workorder import Alarm, Deadline, DeadlineReason, ExecutedCommand, Place, WorkOrder

T = TypeVar("T")


class PlaceReader(Protocol):
    """Names of devices and sites, as they may be shown outside."""

    def of_devices(self, devices: Sequence[int]) -> Mapping[int, Place]:
        """Device id -> its names; unknown devices are missing."""

    def of_sites(self, tenant: str, codes: Sequence[str]) -> Mapping[str, Place]:
        """Site code -> its names (device 0); codes that are no site are missing."""


class DeskTransaction(Protocol):
    """One open transaction with a consistent view; no other writer changes the rows it read. Times µs."""

    @property
    def places(self) -> PlaceReader:
        """Names of devices and sites."""

    @property
    def hazards(self) -> HazardReader:
        """Hazards found on inspections."""

    @property
    def plans(self) -> PlanReader:
        """Maintenance plans and the devices that they cover."""

    def position(self, partition: int) -> Position | None:
        """The committed cursor of a partition; None = nothing was ever applied."""

    def advance(self, partition: int, position: Position) -> None:
        """Move the cursor of a partition."""

    def open_alarms(self, tenant: str, keys: Sequence[str]) -> list[Alarm]:
        """The raised episodes of these alarm keys."""

    def episodes(self, tenant: str, key: str, raised_at: int) -> list[Alarm]:
        """The episodes of an alarm key that were raised at `raised_at` µs."""

    def alarms(self, ids: Sequence[str]) -> list[Alarm]:
        """Alarms by id."""

    def orders(self, ids: Sequence[str]) -> list[WorkOrder]:
        """Orders by id."""

    def open_orders(self, tenant: str, keys: Sequence[str]) -> list[WorkOrder]:
        """The orders of these order keys that have not ended."""

    def last_orders(self, tenant: str, keys: Sequence[str]) -> list[WorkOrder]:
        """Of each of these order keys, the order that ended last."""

    def order_numbered(self, tenant: str, no: str) -> WorkOrder | None:
        """The order with this number."""

    def children_of(self, tenant: str, no: str) -> list[WorkOrder]:
        """The orders that the order with this number handed off, oldest first."""

    def orders_of_rule(self, tenant: str, rule: str) -> list[WorkOrder]:
        """Open orders that list an alarm of `rule`."""

    def raised_of(self, orders: Sequence[str]) -> Mapping[str, list[str]]:
        """Order id -> ids of its alarms that are still raised."""

    def listed_in(self, order: str) -> list[Alarm]:
        """Every alarm an order lists, oldest first."""

    def merged_under(self, parents: Sequence[str]) -> list[Alarm]:
        """Alarms that are part of the running episodes of these alarms."""

    def counter(self, tenant: str, day: str) -> int:
        """The last order number of a day (`20261122`), 0 when there is none."""

    def notices_sent(self, tenant: str, subjects: Sequence[str]) -> set[tuple[str, str, str, int]]:
        """(subject, recipient, template, n) of the notices these orders or alarms have."""

    def due(self, now: int, limit: int, reasons: Sequence[DeadlineReason]) -> list[Deadline]:
        """Deadlines of all tenants that have passed, earliest first."""

    def waiting(self, tenant: str, reason: DeadlineReason) -> list[Deadline]:
        """Deadlines of one reason, oldest first."""

    def release(self, tenant: str, reason: DeadlineReason, now: int) -> None:
        """Deadlines of this reason that have no time become due now."""

    def step_back(self, frm: int, to: int) -> None:
        """The clock was set back: deadlines that are due later than they would be without the step are moved
        forward."""

    def clocks(self, orders: Sequence[str]) -> list[SlaClock]:
        """The clocks of these orders."""

    def fired_milestones(self, orders: Sequence[str]) -> list[FiredMilestone]:
        """The milestones of these orders that were reached."""

    def recountable(self, revisions: Sequence[str], limit: int) -> list[str]:
        """Orders with a clock that is not over and was counted by another revision than these."""

    def command(self, tenant: str, command: str) -> ExecutedCommand | None:
        """The command of this id, when it was carried out before."""

    def refused_command(self, tenant: str, command: str) -> RefusedCommand | None:
        """The refusal of the command of this id, when it was refused before."""

    def write(self, changes: Changes, now: int) -> None:
        """Write all changes of the transaction."""


class DeskStore(Protocol):
    """A database of desk rows. Raises StoreError; then nothing of `work` was kept."""

    def transact(self, work: Callable[[DeskTransaction], T]) -> T:
        """`work` in one transaction; it may run again after a lost race."""
