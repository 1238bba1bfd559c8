"""World, rules and readings of one lateness: what the engine does with a record once its time has come."""

from collections.abc import Mapping, Sequence

import numpy as np

from gateway.domain.device import Life
from gateway.domain.engine_status import ReadingCounts
from gateway.domain.reading import Batch
from gateway.domain.record import (
    Body,
    Closed,
    CustomerSet,
    CycleDone,
    DeviceSet,
    Down,
    MeterExchanged,
    PointDefined,
    RuleSet,
    SiteSet,
    Unlatch,
)
from rules.compiled import Rule
from rules.compiled.edits import Edit
from rules.engine.conditions.base import EngineContext, counters_of, first_frames
from rules.engine.conditions.threshold_index import ThresholdIndex
from rules.engine.desk_acts import apply_act
from rules.engine.frames.batch_view import BatchView
from rules.engine.frames.frames import Late, views
from rules.engine.installed_rules import InstalledRules, end_all
from rules.engine.late.exchanges import Exchanges
from rules.engine.late.history_requests import HistoryRequests
from rules.engine.late.late_readings import HistoryRequester
from rules.engine.late.replaced_values import BURST, Found, PacedReevaluations, affected_rules
from rules.engine.late.warmup_buffer import WarmupBuffer
from rules.engine.state.thing_table import NEVER


class Evaluator:
    """`now` is its engine time, `seq` the record it is at; `requests`, `interim`: what it wants of stored history.

    `requester` turns re-evaluations into requests for history; `replaced`: values that were replaced at their moment;
    `overtaken`: devices that are compared with others and were judged with later readings of these.
    """

    def __init__(self, context: EngineContext, accept_late: int) -> None:
        self.context, self.now, self.seq = context, 0, 0
        self.counts = ReadingCounts()
        self.installed = InstalledRules(context)
        self.requests, self.interim = HistoryRequests(), WarmupBuffer()
        self.accept_late = accept_late
        self._indexes: dict[str, ThresholdIndex] = {}
        self._fresh: dict[int, None] = {}
        self.replaced = PacedReevaluations(BURST)
        self.overtaken = PacedReevaluations()
        self.exchanges = Exchanges(self.installed, context, self.requests)
        self.requester = HistoryRequester(self.installed, context, self.requests, self.replaced, self.overtaken)

    # --- readings and time
    def batch(self, batch: Batch) -> None:
        """Judge readings."""
        self.admit()
        self.counts.given_up += self.requests.keep(batch, self.seq, self.now)
        self.exchanges.before(batch)
        if self.installed.waiting:
            self._keep_interim(batch)
        late = Late(self.accept_late)
        replaced: Found = {}
        for view in views(self.context.world, batch, self.counts, late):
            view.find_spans(self.context.downs)
            if late.replaced:
                replaced |= affected_rules(self.installed, self.context.world, view, late.replaced)
            _first_frames(self.installed, view)
            self._judges(view.space.kind, view.space.capacity).frames(view)
            _commit(self.installed, view)
        self.installed.flush()
        for evaluator in self.installed.split()[1]:
            if evaluator.windows is not None:  # those that a tick had closed without these readings
                for thing, at in evaluator.windows.chain.drain():
                    evaluator.decided.reevaluate(thing, at)
        self._taken_back()
        self._ask(late.found, replaced)

    def _ask(self, late: Mapping[int, int], replaced: Found) -> None:
        """Ask for the history that this record made necessary: late readings, replaced values, re-evaluations."""
        affected = self.context.reevaluations.drain()
        for later in self.context.reevaluations.drain_later():
            self.replaced.wait(*later)
        soon = self.context.reevaluations.drain_soon()
        affected = {subject: self.replaced.with_waiting(subject, rules) for subject, rules in affected.items()}
        if self.accept_late:
            groups: Found = {subject: rules for subject, rules in affected.items() if isinstance(subject, tuple)}
            self.requester.reevaluate(self.seq, {one: rules for one, rules in affected.items() if one not in groups})
            self.requester.replace(self.seq, self.now, replaced | groups)
            self.requester.late(self.seq, late)
            self.requester.overtake(self.seq, self.now, soon)

    def _taken_back(self) -> None:
        """Falls of counters that were none: the rules that read them are judged again."""
        for one in self.context.glitches.drain():
            for evaluator in self.installed.of(self.context.world.rows[one.device].space.kind):
                if any(counter.point == one.point for counter in counters_of(evaluator)):
                    self.context.reevaluations.add(one.device, evaluator.rule.id, one.since + 1)

    def recount(self) -> None:
        """The same, of a rule that joined in."""
        self._taken_back()
        self._ask({}, {})

    def _judges(self, kind: str, capacity: int) -> ThresholdIndex:
        found, version = self._indexes.get(kind), self.installed.version(kind)
        if found is None or not found.current(capacity, version):
            found = self._indexes[kind] = ThresholdIndex(self.installed.of(kind), capacity, version)
        return found

    def tick(self, now: int) -> None:
        """Engine time moves on; it never steps back."""
        self.admit()
        self.now = max(self.now, now)
        plain, others = self.installed.split()
        for evaluator in [*(one for one in plain if one.soonest <= self.now), *others]:
            evaluator.tick(self.now)
        self._ask({}, {})

    def due(self) -> int:
        """When the next timer of a rule may be due, µs; NEVER when nothing waits."""
        plain, others = self.installed.split()
        first = min([evaluator.soonest for evaluator in plain], default=NEVER)
        return min([evaluator.next_due() for evaluator in others] + [first, self.replaced.due(), self.overtaken.due()])

    def _keep_interim(self, batch: Batch) -> None:
        if not self.interim.keep(self.seq, self.now, batch):
            for rule in list(self.installed.waiting):
                self.begin_cold(rule, self.now)

    def begin_cold(self, rule: str, at: int) -> None:
        """A rule that waited begins with what is there."""
        self.counts.cold += 1
        self.installed.cold(rule, at)
        if rule in self.installed.standing:
            self.installed.flush()
            self.installed.settle(rule, at)
        if not self.installed.waiting:
            self.interim.clear()

    # --- facts
    def moment(self, body: Body, at: int) -> None:
        """A fact or a down-time, at `at` µs."""
        match body:
            case Down():
                self.context.downs.add(body.last, body.start)
            case PointDefined(point=point):
                self.context.world.set_point(point)
            case DeviceSet():
                self._device(body, at)
            case SiteSet(site=site):
                sites = self.context.world.sites
                if sites.get(site.code) != site:
                    sites[site.code] = site
                    self._owner([d.id for d in self.context.world.devices.values() if d.site == site.code], at)
            case CustomerSet(customer=customer):
                customers = self.context.world.customers
                if customers.get(customer.code) != customer:
                    customers[customer.code] = customer
                    self._owner([d.id for d in self.context.world.devices.values() if d.customer == customer.code], at)
            case Unlatch() | Closed() | CycleDone():
                if not apply_act(self.installed, self.context, body, at):
                    return
            case MeterExchanged():
                self.admit()
                if not self.exchanges.apply(body):
                    return
            case _:
                return  # raw messages, marks and facts of the desk that no rule of this build asks for
        self.installed.flush()
        self._ask({}, {})
        if isinstance(body, Unlatch | Closed | CycleDone):
            self.requests.note_fact(at, body)

    def install(self, fact: RuleSet, rule: Rule, at: int) -> Edit | None:
        """A revision takes effect: what kind of edit it was."""
        self.admit()
        edit = self.installed.install(fact, rule, at, self.seq)
        self.installed.flush()
        if fact.id not in self.installed.waiting:
            self.installed.settle(fact.id, at)
        if fact.id not in self.installed.groups:
            self.requests.drop(fact.id)
        if not self.installed.waiting:
            self.interim.clear()
        return edit

    def drop(self, rule: str, at: int, *, ends: bool = False) -> None:
        """The rule is gone: without a transition, or its alarms end at `at` µs because it changed."""
        self.admit()
        self.requests.drop(rule)
        for evaluator in self.installed.drop(rule):
            if ends:
                end_all(evaluator, at)

    def _device(self, fact: DeviceSet, at: int) -> None:
        before = self.context.world.devices.get(fact.device.id)
        if before == fact.device:
            return
        _, left = self.context.world.set_device(fact.device)
        if before is None:
            self._fresh[fact.device.id] = None
            return
        if left is not None:
            for evaluator in self.installed.of(left.space.kind):
                evaluator.refresh(left.things, at, "out_of_scope")
                if evaluator.context.peers is not None:
                    evaluator.revalue(evaluator.context.peers.with_others(()), at)
        self._touch([fact.device.id], at)

    def admit(self) -> None:
        """Devices that were added since: they have no readings yet, so nothing has to be judged now."""
        if not self._fresh:
            return
        fresh, self._fresh = list(self._fresh), {}
        by_kind: dict[str, list[int]] = {}
        for device in fresh:
            row = self.context.world.rows[device]
            by_kind.setdefault(row.space.kind, []).extend(row.things)
        for kind, things in by_kind.items():
            for evaluator in self.installed.of(kind):
                evaluator.refresh(things, self.now, "")

    def _owner(self, devices: Sequence[int], at: int) -> None:
        """The site or the customer of these devices changed at `at` µs."""
        self.context.world.changes += 1
        self._touch(devices, at)

    def _touch(self, devices: Sequence[int], at: int) -> None:
        """Attributes of these devices changed at `at` µs."""
        self.admit()
        world = self.context.world
        for device in devices:
            row = world.rows[device]
            retired = world.devices[device].life is Life.RETIRED
            for evaluator in self.installed.of(row.space.kind):
                evaluator.refresh(row.things, at, "retired" if retired else "out_of_scope")
                evaluator.revalue(
                    row.things if evaluator.context.peers is None else evaluator.context.peers.with_others(row.things),
                    at,
                )

    def newest(self, device: int) -> int:
        """The newest applied time of a device, µs."""
        row = self.context.world.rows[device]
        return int(np.max(row.space.newest[row.things]))


def _commit(installed: InstalledRules, view: BatchView) -> None:
    for evaluator in installed.of(view.space.kind) if view.spans else ():
        evaluator.silent_in(view)
    view.commit()


def _first_frames(installed: InstalledRules, view: BatchView) -> None:
    """The first readings ever of things, for rules that compare with no others; `judge` does it for those that do."""
    for evaluator in installed.of(view.space.kind):
        if evaluator.context.peers is None:
            first_frames(evaluator, view)
