"""From the changes of conditions to the transitions of a record: stale_after, inhibit, flap, then quiet and limits."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from gateway.domain.alarm import Change, Thing
from gateway.domain.record import PolicySet
from rules.compiled import Rule
from rules.engine.alarms.flapping import FlapFilter
from rules.engine.alarms.inhibition import Inhibitor
from rules.engine.alarms.open_parents import Who
from rules.engine.alarms.quiet_and_limits import CompilePolicy, Policies
from rules.engine.alarms.state import PipelineState, load, state_of
from rules.engine.state.fleet import Fleet
from rules.engine.state.thing_table import ThingTable
from rules.engine.transitions import AlarmKey, Emitter, PendingTransition, order_of


class ConditionState(Protocol):
    """What the pipeline asks of an evaluator of a rule."""

    @property
    def space(self) -> ThingTable:
        """Its things."""

    def on(self, thing: int) -> tuple[tuple[tuple[str, ...], int], ...]:
        """(identity, level) of every alarm of this row that is on."""

    def again(self, thing: int, since: int) -> int | None:
        """When the condition of this row, on all the while, would raise if time had begun at `since` µs."""


ENDS = frozenset({Change.CLEARED, Change.WITHDRAWN})
ConditionStates = Mapping[str, Sequence[ConditionState]]


class AlarmPipeline:
    """Works on `emitter.made`, the changes of one record, and on timers of its own.

    `evaluators`: rule id -> its evaluators, for each evaluator of rules that feeds the emitter. Entries live as long
    as their alarms and windows, so an engine that is calm holds nothing here.
    """

    def __init__(self, emitter: Emitter, world: Fleet, compile_policy: CompilePolicy | None = None) -> None:
        self.emitter, self.world = emitter, world
        self.evaluators: list[ConditionStates] = []
        self.policies = Policies(world, compile_policy)
        self.inhibitor = Inhibitor(world, self._again)
        self.flaps = FlapFilter()
        self._now = 0
        self._ended: list[AlarmKey] = []  # parents whose rule went away in this record
        self._displaced: list[
            tuple[PendingTransition, bool]
        ] = []  # children whose `inhibit` was edited; were they merged?
        self._last: list[PendingTransition] = []  # ends of unstable alarms whose `flap` was edited

    # --- facts
    def policy(self, fact: PolicySet) -> None:
        """`quiet` and `limits` take effect."""
        self.policies.set(fact)

    def install(self, rule: Rule) -> None:
        """A revision of a rule takes effect. Edits keep what is known, unless they are of `flap` or `inhibit`."""
        old = self.inhibitor.rules.get(rule.id)
        if old is not None and old.mode != rule.mode:
            self.drop(rule.id)  # its evaluators begin anew, without a transition
            old = None
        if rule.mode == "off":
            return
        displaced, unknown = self.inhibitor.rule_changed(rule)
        self._displaced += [(child.newest, child.again or child.parent is not None) for child in displaced]
        if unknown and rule.inhibit is not None:
            self._seed(rule.inhibit.by)
        if old is not None and (old.revision, old.source) != (rule.revision, rule.source):
            self.flaps.rule_changed(rule)
            if old.flap != rule.flap:
                self._last += self.flaps.forget(rule.id)

    def drop(self, rule: str) -> None:
        """The rule went away: its open alarms stay as they were emitted, held and unstable ones are forgotten."""
        self._ended += self.inhibitor.rule_gone(rule)
        for _ in self.flaps.forget(rule):
            pass

    def step_back(self, to: int) -> None:
        """The clock was set back to `to` µs: no time that is kept here is later."""
        self._now = min(self._now, to)
        self.inhibitor.step_back(to)
        self.flaps.step_back(to, self.inhibitor.rules)
        for spent in (self.policies.alarms, self.policies.orders):
            spent.step_back(to)

    def _seed(self, by: str) -> None:
        """Alarms of a rule that others are inhibited by from now on."""
        rule = self.inhibitor.rules.get(by)
        if rule is not None:
            self.inhibitor.parents.seed(rule, sorted(set(self._open(by))))

    def _open(self, rule: str) -> Iterator[Who]:
        for evaluator in self._of(rule):
            for row, thing in enumerate(evaluator.space.things):
                yield from ((thing, identity) for identity, _ in evaluator.on(row))

    def _of(self, rule: str) -> Iterable[ConditionState]:
        return (evaluator for installed in self.evaluators for evaluator in installed.get(rule, ()))

    def _again(self, rule: Rule, thing: Thing, since: int) -> int:
        """When a child that a parent kept quiet until `since` raises: a silence counts from there."""
        again = rule.condition.raises_again(since)
        if again is not None:
            return again
        for evaluator in self._of(rule.id):
            row = self._row(evaluator.space, thing)
            if row is not None:
                due = evaluator.again(row, since)
                return since if due is None else due
        return since

    def _row(self, space: ThingTable, thing: Thing) -> int | None:
        """Where a thing of a device is in a space; the spaces of rules with `lateness` have rows of their own."""
        home = self.world.rows.get(thing.device)
        if home is None or home.space.kind != space.kind or thing.component >= len(home.things):
            return None
        row = home.things[thing.component]
        if row < len(space) and space.things[row] == thing:
            return row
        return space.things.index(thing) if thing in space.things else None

    # --- once per record
    def settle(self, now: int, received: int = 0) -> None:
        """After all evaluators: engine time is `now`; the record was appended at `received`, both µs."""
        self._now = max(self._now, now)
        waiting = self._ended or self._displaced or self._last
        if not self.emitter.made and not waiting and now < self.next_due():
            return
        clock = max(now, received)
        past = [one for one in self.emitter.made if one.episode]  # records: nothing of now hangs on them
        self.emitter.made = [one for one in self.emitter.made if not one.episode]
        made_now = list(self._pass_on(self._raw(clock), now, clock))
        made_now.sort(key=order_of)
        self.emitter.made = [*(self.policies.apply(made, clock) for made in made_now), *past]

    def _raw(self, clock: int) -> list[PendingTransition]:
        """What the conditions did, by event time; parents before children, so that an episode has both."""
        made = [_stale(one, clock) for one in self.emitter.made]
        uses = self.inhibitor.parents.uses
        if uses:
            made.sort(key=lambda one: (one.at, one.rule.id not in uses, *order_of(one)[1:]))
        else:
            made.sort(key=order_of)
        return made

    def _pass_on(self, raw: Sequence[PendingTransition], now: int, clock: int) -> Iterator[PendingTransition]:
        inhibitor, flaps = self.inhibitor, self.flaps
        last, self._last = self._last, []
        yield from (replace(one, at=max(one.at, clock)) for one in last)
        ended, self._ended = self._ended, []
        for parent in ended:
            yield from inhibitor.release(parent, clock, withdrawn=False)
        displaced, self._displaced = self._displaced, []
        over = {one.key for one in raw if one.change in ENDS} & {one.key for one, _ in displaced}
        for one, again in displaced:
            at = clock if again else one.at
            if one.key not in over:
                for made in inhibitor.hold(replace(one, change=Change.RAISED, reason=""), at, again=again):
                    yield from flaps.apply(made)
        for one in raw:
            if one.key in over and one.change in ENDS:
                over.discard(one.key)  # its raise was not reported
            else:
                for made in inhibitor.apply(one):
                    yield from flaps.apply(made)
            if one.rule.id in inhibitor.parents.uses:  # only now is it known whether it waits itself
                yield from inhibitor.parent_changed(one)
        for made in sorted(inhibitor.release_due(now), key=order_of):
            yield from flaps.apply(made)
        yield from flaps.end_quiet(now)

    def next_due(self) -> int:
        """The earliest timer, µs; NEVER when there is none."""
        return min(self.inhibitor.timers.next(), self.flaps.timers.next())

    # --- snapshot
    def state(self) -> PipelineState | None:
        """For the snapshot; None when there is nothing to keep."""
        self.policies.purge(self._now)
        return state_of(self.policies, self.inhibitor, self.flaps, self._now)

    def load(self, kept: PipelineState | None) -> None:
        """The inverse of `state`, after `install` of all rules."""
        if kept is not None:
            self._now = load(kept, self.policies, self.inhibitor, self.flaps)


def _stale(made: PendingTransition, clock: int) -> PendingTransition:
    """The change, marked if it was too long ago to act upon."""
    after = made.rule.stale_after
    if after and made.change in (Change.RAISED, Change.LEVEL_UP) and clock - made.at > after:
        return replace(made, stale=True)
    return made
