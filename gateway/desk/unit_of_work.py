"""Rows of one transaction: those that were read, and the changes to be written."""

from collections.abc import Iterable, Sequence

import msgspec

from gateway.desk.hazards.rows import HazardRows
from gateway.desk.places import Places
from gateway.desk.plans.rows import PlanRows
from gateway.desk.ports import DeskTransaction
from gateway.desk.sla.rows import ClockRows
from gateway.domain.desk_changes import Applied, Changes
from gateway.domain.workorder import Alarm, AlarmState, Deadline, DeadlineReason, Place, WorkOrder

_Key = tuple[str, str]


class UnitOfWork:
    """Rows by key, read in bulk, changed in memory, written at once. Holds no decision."""

    def __init__(self, transaction: DeskTransaction, now: int) -> None:
        self.transaction = transaction
        self.now = now
        self.changes = Changes()
        self.applied = Applied()
        self._alarms: dict[str, Alarm] = {}
        self._open_alarms: dict[_Key, str] = {}
        self._orders: dict[str, WorkOrder] = {}
        self._open_orders: dict[_Key, str] = {}
        self._last_orders: dict[_Key, str] = {}
        self._raised: dict[str, set[str]] = {}
        self._unread: set[str] = set()  # orders whose raised alarms are to be read
        self._merged: dict[str, set[str]] = {}
        self._loaded_keys: set[_Key] = set()
        self.places = Places(transaction.places)
        self._notices_sent: dict[str, set[tuple[str, str, int]]] = {}
        self._new_alarms: dict[str, None] = {}
        self._new_orders: dict[str, None] = {}
        self._touched_alarms: dict[str, None] = {}
        self._touched_orders: dict[str, None] = {}
        self._deadlines: dict[tuple[str, str, DeadlineReason], Deadline | None] = {}
        self.plans = PlanRows(transaction.plans)
        self.hazards = HazardRows(transaction.hazards)
        self.clocks = ClockRows(transaction, self._orders, self._new_orders)

    # reading
    def load(self, alarm_keys: Iterable[_Key], order_keys: Iterable[_Key], devices: Iterable[int]) -> None:
        """Load all rows that these keys lead to, with a few statements per tenant."""
        for tenant, keys in _by_tenant(alarm_keys).items():
            self._keep_alarms(self.transaction.open_alarms(tenant, keys))
        missing_orders = {alarm.order for alarm in self._alarms.values() if alarm.order} - self._orders.keys()
        self._keep_orders(self.transaction.orders(sorted(missing_orders)) if missing_orders else ())
        for tenant, keys in _by_tenant(order_keys).items():
            self._loaded_keys.update((tenant, key) for key in keys)
            self._keep_orders(self.transaction.open_orders(tenant, keys))
            missing = [key for key in keys if (tenant, key) not in self._open_orders]
            for order in self.transaction.last_orders(tenant, missing) if missing else ():
                self._keep_orders((order,))
                self._last_orders[tenant, order.key] = order.id
        self._load_raised()
        self.places.load(devices)

    def load_orders(self, orders: Sequence[WorkOrder], last: bool = False) -> None:
        """Add orders read elsewhere in this transaction."""
        self._keep_orders(orders)
        for order in orders if last else ():
            self._last_orders[order.tenant, order.key] = order.id
        self._load_raised()

    def load_alarms(self, ids: Sequence[str]) -> None:
        """Load alarms and the orders they are listed in."""
        missing = [i for i in ids if i not in self._alarms]
        self._keep_alarms(self.transaction.alarms(missing) if missing else ())
        named = (a.order for i in ids if (a := self._alarms.get(i)) and a.order)
        missing_orders = {order for order in named if order not in self._orders}
        self._keep_orders(self.transaction.orders(sorted(missing_orders)) if missing_orders else ())
        self._load_raised()

    def load_merged(self, parents: Iterable[str]) -> None:
        """Load the alarms merged into the episodes of these alarms."""
        missing = [i for i in dict.fromkeys(parents) if i not in self._merged]
        self._merged.update((i, set()) for i in missing)
        found = self.transaction.merged_under(missing) if missing else []
        self.load_alarms_of(found)
        for alarm in found:
            now = self._alarms[alarm.id]
            if now.cleared_at is None and now.parent == alarm.parent:
                self._merged[alarm.parent].add(alarm.id)

    def load_alarms_of(self, alarms: Sequence[Alarm]) -> None:
        """Add alarms read elsewhere in this transaction, and load the orders they are listed in."""
        self._keep_alarms(alarms)
        self.load_alarms([alarm.id for alarm in alarms])

    def _keep_alarms(self, alarms: Iterable[Alarm]) -> None:
        for alarm in alarms:
            if alarm.id not in self._alarms:
                self._alarms[alarm.id] = alarm
                if alarm.cleared_at is None:
                    self._open_alarms[alarm.tenant, alarm.key] = alarm.id

    def _keep_orders(self, orders: Iterable[WorkOrder]) -> None:
        for order in orders:
            if order.id not in self._orders:
                self._orders[order.id] = order
                self._unread.add(order.id)
                if order.closed_at is None:
                    self._open_orders[order.tenant, order.key] = order.id

    def _load_raised(self) -> None:
        unknown = sorted(order for order in self._unread if order not in self._raised)
        self._unread.clear()
        if unknown:
            found = self.transaction.raised_of(unknown)
            self._raised.update({order: set(found.get(order, ())) for order in unknown})

    def alarm(self, alarm: str) -> Alarm | None:
        """An alarm that was loaded before."""
        return self._alarms.get(alarm)

    def open_alarm(self, tenant: str, key: str) -> Alarm | None:
        """The raised episode of an alarm key."""
        found = self._open_alarms.get((tenant, key))
        return self._alarms[found] if found else None

    def past_alarm(self, tenant: str, key: str, raised_at: int) -> Alarm | None:
        """The newest episode of an alarm key that was raised at `raised_at` µs, if it is over and truly was."""
        self.load_alarms_of(self.transaction.episodes(tenant, key, raised_at))
        found = [a for a in self._alarms.values() if (a.tenant, a.key, a.raised_at) == (tenant, key, raised_at)]
        over = [a for a in found if a.cleared_at is not None and a.state is not AlarmState.WITHDRAWN]
        return max(over, key=lambda a: (a.recorded_at, a.id), default=None)

    def order(self, order: str) -> WorkOrder | None:
        """An order that was loaded before."""
        return self._orders.get(order)

    def open_order(self, tenant: str, key: str) -> WorkOrder | None:
        """The open order of an order key."""
        found = self._open_orders.get((tenant, key))
        return self._orders[found] if found else None

    def last_order(self, tenant: str, key: str) -> WorkOrder | None:
        """The order of this key that ended last."""
        found = self._last_orders.get((tenant, key))
        return self._orders[found] if found else None

    def merged(self, alarm: str) -> list[Alarm]:
        """The alarms merged into the episode of this alarm, sorted by id."""
        self.load_merged([alarm])
        inside = sorted(self._merged[alarm])
        self.load_merged(inside)  # callers continue with those: one query for all
        return [self._alarms[i] for i in inside]

    def orders_of_key(self, tenant: str, key: str) -> tuple[WorkOrder | None, WorkOrder | None]:
        """The open order of a key, and the one that ended last; read once."""
        if (tenant, key) not in self._loaded_keys:
            self.load((), [(tenant, key)], ())
        return self.open_order(tenant, key), self.last_order(tenant, key)

    def orders_of_rule(self, tenant: str, rule: str) -> list[WorkOrder]:
        """Open orders that list an alarm of `rule`, those of this transaction too, oldest first."""
        stored = self.transaction.orders_of_rule(tenant, rule)
        self.load_orders(stored)
        pending = {alarm.order for alarm in self._alarms.values() if (alarm.tenant, alarm.rule) == (tenant, rule)}
        found = [self._orders[i] for i in {order.id for order in stored} | (pending - {""})]
        return sorted((o for o in found if o.closed_at is None), key=lambda o: (o.created_at, o.id))

    def children(self, order: WorkOrder) -> list[WorkOrder]:
        """The orders that this one handed off, those of this transaction too, oldest first."""
        self.load_orders(self.transaction.children_of(order.tenant, order.no))
        found = [o for o in self._orders.values() if (o.tenant, o.parent) == (order.tenant, order.no)]
        return sorted(found, key=lambda o: (o.created_at, o.no))

    def raised(self, order: str) -> set[str]:
        """The alarms of an order that are raised now."""
        return self._raised[order]

    def place(self, device: int) -> Place | None:
        """The names of a device; None = a group, or an unknown device."""
        return self.places.of_device(device)

    def place_of(self, of: Alarm | WorkOrder) -> Place | None:
        """The names of the device it is about, or of the site that its group is; None = neither is known."""
        return self.places.of(of)

    def notices_sent(self, tenant: str, subject: str) -> set[tuple[str, str, int]]:
        """(recipient, template, n) of the notices about an order or alarm, those of this transaction too."""
        if subject not in self._notices_sent:
            fresh = subject in self._new_orders or subject in self._new_alarms
            rows = set() if fresh else self.transaction.notices_sent(tenant, [subject])
            self._notices_sent[subject] = {(recipient, template, n) for _, recipient, template, n in rows}
        return self._notices_sent[subject]

    # writing
    def put_alarm(self, alarm: Alarm) -> None:
        """A new or changed alarm."""
        before = self._alarms.get(alarm.id)
        new = before is None
        if before and before.order and before.order != alarm.order:
            self._raised[before.order].discard(alarm.id)
        (self._new_alarms if new else self._touched_alarms)[alarm.id] = None
        if new:
            self._merged.setdefault(alarm.id, set())  # nothing on disk can be part of it
        if alarm.parent in self._merged:
            inside = self._merged[alarm.parent]
            (inside.add if alarm.cleared_at is None else inside.discard)(alarm.id)
        self._alarms[alarm.id] = alarm
        if alarm.cleared_at is None:
            self._open_alarms[alarm.tenant, alarm.key] = alarm.id
        elif self._open_alarms.get((alarm.tenant, alarm.key)) == alarm.id:
            del self._open_alarms[alarm.tenant, alarm.key]
        if alarm.order:
            raised = self._raised[alarm.order]
            (raised.add if alarm.cleared_at is None else raised.discard)(alarm.id)

    def put_order(self, order: WorkOrder) -> None:
        """A new or changed order."""
        new = order.id not in self._orders
        (self._new_orders if new else self._touched_orders)[order.id] = None
        self._orders[order.id] = order
        self._raised.setdefault(order.id, set())
        key = (order.tenant, order.key)
        if order.closed_at is None:
            self._open_orders[key] = order.id
        elif self._open_orders.get(key) == order.id:
            del self._open_orders[key]
            self._last_orders[key] = order.id

    def set_deadline(self, deadline: Deadline) -> None:
        """Set or move a deadline."""
        self._deadlines[deadline.tenant, deadline.subject, deadline.reason] = deadline

    def drop_deadlines(self, tenant: str, subject: str, *reasons: DeadlineReason) -> None:
        """Remove the deadlines with these reasons."""
        for reason in reasons:
            self._deadlines[tenant, subject, reason] = None

    def has_deadline(self, tenant: str, reason: DeadlineReason) -> bool:
        """True when a deadline with this reason exists, changes of this transaction included."""
        rows = {deadline.subject for deadline in self.transaction.waiting(tenant, reason)}
        pending = {
            key[1]: deadline for key, deadline in self._deadlines.items() if key[0] == tenant and key[2] is reason
        }
        return any(pending.values()) or bool(rows - pending.keys())

    def release(self, tenant: str, reason: DeadlineReason) -> None:
        """Make every deadline of this reason without a time due now."""
        self.transaction.release(tenant, reason, self.now)
        for key, deadline in self._deadlines.items():
            if deadline and key[0] == tenant and key[2] is reason and deadline.due_at is None:
                self._deadlines[key] = msgspec.structs.replace(deadline, due_at=self.now)

    def write(self) -> Applied:
        """Write everything."""
        changes = self.changes
        changes.alarms_new = [self._alarms[i] for i in self._new_alarms]
        changes.alarms_changed = [self._alarms[i] for i in self._touched_alarms if i not in self._new_alarms]
        changes.orders_new = [self._orders[i] for i in self._new_orders]
        changes.orders_changed = [self._orders[i] for i in self._touched_orders if i not in self._new_orders]
        changes.deadlines = [deadline for deadline in self._deadlines.values() if deadline]
        changes.deadlines_dropped = [key for key, deadline in self._deadlines.items() if deadline is None]
        changes.sla = self.clocks.changes()
        changes.plans = self.plans.changes()
        changes.hazards = self.hazards.changes()
        self.transaction.write(changes, self.now)
        return self.applied


def _by_tenant(keys: Iterable[_Key]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for tenant, key in keys:
        found.setdefault(tenant, {})[key] = None
    return {tenant: list(unique) for tenant, unique in found.items()}
