"""Keeps the clocks of orders in step with the orders, in the same transaction, and fires their milestones."""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from gateway.desk.event_publisher import EventPublisher
from gateway.desk.keys import Origin
from gateway.desk.sla.clocks import aimed, counted_by, is_breach, moved, reached, started
from gateway.desk.sla.explain import note_of
from gateway.desk.sla.policy import Milestone, SlaPolicy
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.duration import iso
from gateway.domain.sla import FiredMilestone, SlaClock
from gateway.domain.text import Lang
from gateway.domain.workorder import SYSTEM, Actor, Deadline, DeadlineReason, WorkOrder

LANGUAGES: tuple[Lang, ...] = ("en", "zh")
BREACHED, ESCALATED = "sla_breached", "escalated"


class Save(Protocol):
    """`OrderWriter.save_version`."""

    def __call__(
        self,
        work: UnitOfWork,
        after: WorkOrder,
        kind: str,
        actor: Actor,
        data: dict[str, Any],
        origin: Origin,
        *,
        changed: tuple[str, ...] = (),
        note: str = "",
        escalation: dict[str, Any] | None = None,
    ) -> WorkOrder:
        """Keep `after` as the next version of the order: row, audit, event."""


class SlaKeeper:
    """Decides with `clocks.py`; the rows are those of the unit of work. A milestone fires once: its row is unique."""

    def __init__(self, publisher: EventPublisher) -> None:
        self._publisher = publisher
        self._policies = publisher.policy.sla

    def policy_of(self, order: WorkOrder) -> SlaPolicy | None:
        """The policy of an order; None = it has none, or one that the configuration no longer has."""
        return self._policies.of(order.sla, order.priority, order.type)

    def start(self, work: UnitOfWork, order: WorkOrder) -> None:
        """Start the clocks of a new order."""
        policy = self.policy_of(order)
        if policy is None:
            return
        clocks = [started(policy, kind, order.id, order.tenant, work.now) for kind in policy.targets]
        for clock in clocks:
            work.clocks.put(clock, new=True)
        if clocks:
            self._set_deadline(work, order, clocks)

    def catch_up(self, work: UnitOfWork, order: WorkOrder, at: int, save: Save) -> WorkOrder:
        """Fire what the clocks have reached by `at`, before anything else happens to the order. Returns the order, with
        the version of the last event."""
        clocks = work.clocks.of(order.id) if self._policies.in_use else ()
        if not any(clock.next_at is not None and clock.next_at <= at for clock in clocks):
            return order
        policy, hits = self.policy_of(order), list[tuple[int, SlaClock, Milestone]]()
        for clock in clocks:
            fired = work.clocks.fired(order.id, clock.kind)
            if policy is None or clock.kind not in policy.targets:
                work.clocks.put(moved(clock, order, None, at, fired))
                continue
            clock = counted_by(clock, policy, fired)
            found = reached(clock, policy, at, fired)
            for due, milestone in found:
                work.clocks.fire(FiredMilestone(order.id, order.tenant, clock.kind, milestone.name, due, work.now))
                clock = replace(clock, breached_at=due) if is_breach(milestone) else clock
            work.clocks.put(aimed(clock, policy, work.clocks.fired(order.id, clock.kind)))
            hits += [(due, clock, milestone) for due, milestone in found]
        for due, clock, milestone in sorted(hits, key=lambda hit: (hit[0], hit[1].kind, hit[2].after)):
            order = self._escalate(work, order, clock, milestone, due, save)
        return order

    def _escalate(
        self, work: UnitOfWork, order: WorkOrder, clock: SlaClock, milestone: Milestone, due: int, save: Save
    ) -> WorkOrder:
        """One event, one line of the audit, and the notice of one milestone."""
        zone = self._publisher.policy.zone
        notes: dict[Lang, str] = {lang: note_of(clock, milestone, due, zone, lang) for lang in LANGUAGES}
        shown = {"clock": clock.kind.value, "milestone": milestone.name, "dueAt": iso(due)}
        order = save(
            work,
            order,
            BREACHED if is_breach(milestone) else ESCALATED,
            SYSTEM,
            {**shown, "policy": clock.policy},
            Origin(f"{order.id}-sla-{clock.kind.value}-{milestone.name}", due),
            changed=("clocks",),
            note=notes[self._publisher.policy.language],
            escalation={**shown, "to": milestone.notice.audience if milestone.notice else "", "text": notes},
        )
        if milestone.notice is not None:
            self._publisher.notices.about_order(work, order, milestone.notice, notes)
        work.applied.escalated += 1
        return order

    def follow(self, work: UnitOfWork, before: WorkOrder, after: WorkOrder, at: int) -> None:
        """Move the clocks with their order. `at`: when it happened, perhaps in the field."""
        names = ("state", "hold_reason", "arrived_at", "priority")
        if not self._policies.in_use or all(getattr(before, name) == getattr(after, name) for name in names):
            return
        policy, clocks, changed = self.policy_of(after), work.clocks.of(after.id), False
        for clock in clocks:
            now = moved(clock, after, policy, at, work.clocks.fired(after.id, clock.kind))
            if now != clock:
                work.clocks.put(now)
                changed = True
        if changed:
            self._set_deadline(work, after, work.clocks.of(after.id))

    def recount(self, work: UnitOfWork, limit: int) -> int:
        """Count the clocks anew that were counted by other policies or hours; returns how many orders. What is over
        stays as it is. A clock whose policy is gone ends."""
        orders = work.transaction.orders(work.transaction.recountable(self._policies.revisions, limit))
        work.load_orders(orders)
        for order in orders:
            policy = self.policy_of(order)
            for clock in work.clocks.of(order.id):
                fired = work.clocks.fired(order.id, clock.kind)
                if policy is None or clock.kind not in policy.targets:
                    work.clocks.put(moved(clock, order, None, work.now, fired))
                else:
                    work.clocks.put(counted_by(clock, policy, fired))
            self._set_deadline(work, order, work.clocks.of(order.id))
        return len(orders)

    def due(self, work: UnitOfWork, order: WorkOrder, save: Save) -> None:
        """The deadline of an order has come."""
        self.catch_up(work, order, work.now, save)
        self._set_deadline(work, order, work.clocks.of(order.id))

    def _set_deadline(self, work: UnitOfWork, order: WorkOrder, clocks: Sequence[SlaClock]) -> None:
        """One row per order: its next milestone."""
        following = [clock.next_at for clock in clocks if clock.next_at is not None]
        if following:
            work.set_deadline(Deadline(order.id, order.tenant, DeadlineReason.SLA, min(following), work.now))
        else:
            work.drop_deadlines(order.tenant, order.id, DeadlineReason.SLA)
