"""Re-evaluation of one device, or one group of a rule, from stored history, and what it changes."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from msgspec.structs import replace

from gateway.domain.alarm import Change, Thing
from gateway.domain.duration import DAY
from gateway.domain.reading import Batch, concat
from gateway.domain.record import Closed, Fact, Rerun
from gateway.domain.regroup import in_order
from rules.compiled import Rule
from rules.compiled.reads import expressions_of
from rules.engine.conditions.base import ConditionEvaluator, counters_of
from rules.engine.conditions.single_alarm_evaluator import SingleAlarmEvaluator
from rules.engine.evaluator import Evaluator
from rules.engine.frames.at import At
from rules.engine.groups.transfer import GroupTransfer
from rules.engine.late.episode_log import EpisodeLog, Key
from rules.engine.late.history_answers import expired
from rules.engine.late.history_requests import FactOf, OpenRequest
from rules.engine.late.late_readings import span
from rules.engine.lookback import horizon
from rules.engine.rerun.episode_diff import EpisodeDiff, by_alarm
from rules.engine.rerun.scratch_engine import ScratchEngine, replayed_with_glitches
from rules.engine.rerun.warmup_job import decoded_result, restored_engine
from rules.engine.state.reevaluations import Subject
from rules.engine.state.thing_table import NEVER
from rules.engine.transitions import PendingTransition
from rules.engine.windows.counter_glitches import Glitch
from rules.replay import TimedFact

REACH = 31 * DAY  # history is asked for this much longer, so that an alarm which was on before shows in it


def extend_requests(core: Evaluator, log: EpisodeLog) -> None:
    """Widen the requests of this record: an alarm that was on when they begin is judged again from before its raise,
    other state from where it can be known.
    """
    for subject in core.requests.take_new():
        _reach_back(core, log, subject)
        pending = core.requests.open.get(subject)
        if pending is not None:
            devices = (subject,) if isinstance(subject, int) else pending.devices
            core.requests.widen(subject, min(_known_from(core, one, pending) for one in devices), core.seq)


def _known_from(core: Evaluator, device: int, pending: OpenRequest) -> int:
    """From when on the rules that are judged again have to judge a device, so that they are right from `pending.start`
    on: before falls of counters that may be taken back, or were; `every` from its mark.
    """
    row, start = core.context.world.rows[device], pending.start
    evaluators = [evaluator for evaluator in core.installed.of(row.space.kind) if pending.about(evaluator.rule.id)]
    falls = [counter.falls.oldest(thing) for one in evaluators for counter in counters_of(one) for thing in row.things]
    start = core.context.glitches.begin(device, min([start, *(at for at in falls if at > start - REACH)]))
    forms = [one.form for one in evaluators if isinstance(one, SingleAlarmEvaluator)]
    marks = [form.known_from(thing, start) for form in forms for thing in row.things]
    return min([start, *marks])


def _reach_back(core: Evaluator, log: EpisodeLog, subject: Subject) -> None:
    pending = core.requests.open.get(subject)
    owner = subject if isinstance(subject, int) else subject[1]
    if pending is None or not log.of(owner):
        return
    spans: dict[str, int] = {}
    if isinstance(subject, int):
        row = core.context.world.rows[subject]
        for evaluator in core.installed.of(row.space.kind):
            if not pending.about(evaluator.rule.id):
                continue
            spans[evaluator.rule.id] = horizon(
                evaluator.rule, evaluator.context.every(row.things[0], evaluator.context.columns)
            )
    else:
        spans[subject[0]] = span(core.context.world, core.installed.rules[subject[0]][1])
    for (rule, _, _), episodes in log.of(owner).items():
        for one in episodes:
            if one.on(pending.since) and rule in spans and one.raised > pending.since - REACH:
                core.requests.widen(subject, one.raised - min(spans[rule], one.raised), core.seq)


class Reevaluation:
    """Judges `device` of `core` again; `run` emits what differs and takes the state over."""

    def __init__(self, core: Evaluator, log: EpisodeLog, device: int) -> None:
        self.core, self.log, self.device = core, log, device
        self.row = core.context.world.rows[device]
        self.evaluators = [
            evaluator
            for evaluator in core.installed.of(self.row.space.kind)
            if not evaluator.rule.watch.group
            and evaluator.watched[self.row.things].any()
            and (not isinstance(evaluator, SingleAlarmEvaluator) or evaluator.form.by_readings())
        ]

    def run(self, pending: OpenRequest, history: Batch) -> None:
        """Re-evaluate the device from `pending.since` on, with the `history` that was asked for."""
        evaluators = [evaluator for evaluator in self.evaluators if pending.about(evaluator.rule.id)]
        if not evaluators:
            self.core.counts.reruns += 1
            return
        glitches = self.core.context.glitches
        known = tuple(glitches.found.get(self.device, ()))
        since = [batch for _, batch in pending.after(0)]
        scratch = replay_history(
            self.core,
            pending.devices or [self.device],
            [r.rule.id for r in evaluators],
            [history, *since],
            self.core.requests.facts.get(self.device, []),
            pending.start,
        )
        if scratch is None:
            return
        if (
            earlier := glitches.moved(self.device, known)
        ) < pending.since:  # what was decided in it is judged again too
            reach = pending.since - pending.start
            self.core.requests.ask(self.core.seq, self.device, earlier, reach, pending.devices, pending.rules)
            return
        made = by_alarm(one for one in scratch.made if one.thing.device == self.device)
        for evaluator in evaluators:
            self._compare(evaluator, scratch, made, pending.since)
            if evaluator.context.peers is not None:
                evaluator.context.peers.regroup(self.row.things, evaluator.watched)
                evaluator.revalue(evaluator.context.peers.with_others(()), self.core.now)

    def _compare(
        self,
        evaluator: ConditionEvaluator,
        scratch: ScratchEngine,
        made: dict[Key, list[PendingTransition]],
        since: int,
    ) -> None:
        twin = next(
            r for r in scratch.core.installed.evaluators[evaluator.rule.id] if r.space.kind == evaluator.space.kind
        )
        rows = {thing: k for k, thing in enumerate(twin.space.things)}
        for thing in self.row.things:
            place = evaluator.space.things[thing]
            if not evaluator.watched[thing] or place not in rows:
                continue
            begin = since if evaluator.windows is None else evaluator.windows.reevaluate_from(thing, since)
            found = EpisodeDiff(
                self.log, self.device, evaluator.rule.id, place.component, made, begin, back=evaluator.decides_back
            )
            if not found.proven:
                self.core.counts.unproven += 1  # the history does not explain what was decided before: leave it
                continue
            evaluator.take_row(thing, twin, rows[place])
            found.settle(self.core, partial(_withdrawn, self.core, evaluator, thing))


def reevaluate_group(core: Evaluator, log: EpisodeLog, answer: Rerun) -> None:
    """Re-evaluate a group from `pending.since` on, with the state that a warm-up job made of its history."""
    subject, groups = (answer.rule, answer.group), core.installed.groups.get(answer.rule)
    pending = core.requests.answered(subject, answer.wanted)
    if pending is None or groups is None:
        return
    found = decoded_result(answer.image)
    if found is None:
        core.counts.given_up += 1
        return
    core.admit()
    row = groups.table.rows.get(answer.group, -1)
    if row < 0 or not groups.table.alive[row]:
        return
    devices = groups.table.devices(row)
    scratch = restored_engine(core, found) if set(devices) <= set(pending.devices) else None
    if scratch is None:  # a member joined since, or the rule was edited
        core.requests.ask(core.seq, subject, pending.since, pending.since - pending.start, devices)
        return
    core.counts.reruns += 1
    facts = [one for one in facts_of(core, answer.group, devices) if one not in found.facts]
    scratch.replay_records(pending.after(answer.upto), facts, core.now)
    _take_glitches(core, scratch, devices, (*found.glitches, *scratch.core.context.glitches.fresh), pending.start)
    for device in devices:
        _newest_values(core, device, scratch)
    compared = EpisodeDiff(log, answer.group, answer.rule, 0, by_alarm(scratch.made), pending.since)
    if not compared.proven:
        core.counts.unproven += 1
    elif GroupTransfer(groups, scratch.core.installed.groups[answer.rule]).take(answer.group):
        compared.settle(core, partial(_withdrawn, core, groups.evaluator, row))
    if pending.again < NEVER:  # a late reading may have come after the history was read
        core.requests.ask(core.seq, subject, pending.again, pending.since - pending.start, devices)


def facts_of(core: Evaluator, group: str, devices: Sequence[int]) -> list[tuple[int, FactOf]]:
    """The facts of the desk about a group and its members, by time."""
    known = core.requests.facts
    found = [*known.get(group, []), *(one for device in devices for one in known.get(device, []))]
    return sorted(found, key=lambda one: one[0])


def replay_history(
    core: Evaluator,
    devices: Sequence[int],
    rules: Sequence[str],
    history: Sequence[Batch],
    facts: Sequence[TimedFact],
    begin: int,
) -> ScratchEngine | None:
    """A scratch engine with these devices and rules after their history, asked for from `begin` µs, up to now; None:
    nothing to judge. Corrects the newest values of the devices on the way.
    """
    core.counts.reruns += 1
    rows = in_order(concat(list(history)))
    asked = np.array(devices, np.int32)
    rows = rows.select(np.isin(rows.device, asked))
    newest = np.array([core.newest(device) for device in devices], np.int64)
    rows = rows.select(rows.at <= newest[np.searchsorted(asked, rows.device)])
    rows = rows.select(~expired(rows, core.accept_late))
    if not len(rows):
        return None
    moments = [one for one in facts if one[0] >= int(rows.at[0])]
    scratch, glitches = replayed_with_glitches(
        lambda: _begun(core, devices, rules, begin, int(rows.at[0])), rows, moments, core.now
    )
    _take_glitches(core, scratch, devices, glitches, begin)
    for device in devices:
        _newest_values(core, device, scratch)
    return scratch


def _begun(core: Evaluator, devices: Sequence[int], rules: Sequence[str], begin: int, first: int) -> ScratchEngine:
    """A scratch engine that has what history from `begin` µs on, with readings from `first` on, does not show."""
    scratch = ScratchEngine(core, devices, [core.installed.rules[rule] for rule in rules])
    for twin in scratch.core.installed.all():
        live = next((r for r in core.installed.evaluators[twin.rule.id] if r.space.kind == twin.space.kind), None)
        for row, place in enumerate(twin.space.things):
            mine = core.context.world.rows.get(place.device)
            if not isinstance(live, SingleAlarmEvaluator) or not isinstance(twin, SingleAlarmEvaluator):
                continue
            if mine is not None and mine.space is live.space:
                past = _past(core, twin.rule.id, place, first)
                live.form.begin_twin(mine.things[place.component], twin.form, row, begin, past)
    return scratch


def _past(core: Evaluator, rule: str, place: Thing, until: int) -> list[tuple[int, Fact]]:
    """(µs, fact) of the desk about a rule on a thing before `until` µs, in order."""
    kept = core.context.completions.of(rule, place.device, place.component, until)
    closed: list[tuple[int, Fact]] = [
        (at, one)
        for at, one in core.requests.facts.get(place.device, [])
        if isinstance(one, Closed) and (one.rule, one.component) == (rule, place.component) and at < until
    ]
    return sorted([*closed, *((one.known_at, one.fact) for one in kept)], key=lambda one: one[0])


def _take_glitches(
    core: Evaluator, scratch: ScratchEngine, devices: Sequence[int], glitches: Sequence[Glitch], begin: int
) -> None:
    """The glitches of these devices from `begin` µs on are those of the re-evaluation."""
    points = {counter.point for evaluator in scratch.core.installed.all() for counter in counters_of(evaluator)}
    for device in devices:
        core.context.glitches.replace(device, points, begin, glitches)


def _newest_values(core: Evaluator, device: int, scratch: ScratchEngine) -> None:
    """Correct newest values of points that are older than the newest reading of the device."""
    row, again = core.context.world.rows[device], scratch.core.context.world.rows[device]
    mine, theirs = row.space, again.space
    for thing, other in zip(row.things, again.things, strict=False):
        for name, column in theirs.columns.items():
            own = mine.column(name)
            if theirs.at[column, other] >= mine.at[own, thing]:
                for table in ("value", "at", "received", "quality"):
                    getattr(mine, table)[own, thing] = getattr(theirs, table)[column, other]
            good, before = int(theirs.good_at[column, other]), int(mine.good_at[own, thing])
            replaced = theirs.at[column, other] == before and good < before  # a good value, by a bad one
            if good >= before or replaced:
                mine.good[own, thing] = theirs.good[column, other]
                mine.good_at[own, thing] = theirs.good_at[column, other]


def _withdrawn(
    core: Evaluator, evaluator: ConditionEvaluator, thing: int, key: Key, at: int, level: int
) -> PendingTransition:
    evaluator.reporter.emit(At(thing, at), Change.WITHDRAWN, level, None, text=condition_text(evaluator.rule))
    return replace(core.context.emitter.made.pop(), identity=key[2], late=True)


def condition_text(rule: Rule) -> str:
    """What the rule waits for, for evidence."""
    return next((one.text for one in expressions_of(rule.condition)), "")
