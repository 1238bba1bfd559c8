"""The gateway's clock was set back: no moment that the rules know may lie after it (decision 070).

What was read, begun or decided at a later time counts as of the step. Alarms stay, holds and silences go on. Windows
cannot be put right in place: rules with signals, and rules on groups, begin anew, from stored history if they need it;
their alarms stay until they have judged, and end as `clock_set_back` when they are not on by then.
"""

from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from gateway.domain.record import ClockStep
from rules.engine.alarms import AlarmPipeline
from rules.engine.conditions.base import ConditionEvaluator
from rules.engine.conditions.per_identity import PerIdentityEvaluator
from rules.engine.conditions.threshold import ThresholdEvaluator
from rules.engine.evaluator import Evaluator
from rules.engine.evaluators import Evaluators
from rules.engine.late.episode_log import EpisodeLog
from rules.engine.state.thing_table import NEVER
from rules.engine.windows.base import StateTable

FUTURE = frozenset({"opens", "wake", "due", "term"})
"""State of evaluators that is about times to come; it is reckoned anew."""


def stepped(
    step: ClockStep,
    now: int,
    evaluators: Evaluators,
    ledger: EpisodeLog,
    after: AlarmPipeline,
) -> int:
    """The clock was set at engine time `now` µs: engine time after it."""
    if step.to > step.frm:
        for one in evaluators:
            one.context.downs.stepped(step.frm, step.to)
    if not step.goes_back:
        return now
    main, waiting = evaluators.main, evaluators.late
    for late in waiting.values():
        late.give_up()
    made = main.context.emitter.made
    made[:] = [replace(one, at=min(one.at, step.to)) for one in made]
    main.context.completions.step_back(step.to)
    ledger.step_back(step.to)
    after.step_back(step.to)
    _step_back(main, step.to, 0)
    for lateness, late in waiting.items():
        _step_back(late.evaluator, step.to, lateness)
    return step.to


def _step_back(core: Evaluator, to: int, lateness: int) -> None:
    """Rules of one lateness and their readings; engine time becomes `to` µs, less `lateness`."""
    core.admit()
    core.now = to - lateness
    _context(core, to)
    core.requests.step_back(to)
    core.interim.clear()
    core.replaced.clear()
    core.overtaken.clear()
    installed = core.installed
    for rule, (_, compiled) in list(installed.rules.items()):
        if rule in installed.waiting:
            installed.waiting[rule] = core.seq  # what was asked for holds readings of later
        elif compiled.mode != "off":
            if compiled.watch.group or any(evaluator.windows is not None for evaluator in installed.evaluators[rule]):
                installed.anew(rule, core.now, core.seq)
            else:
                for evaluator in installed.evaluators[rule]:
                    _in_place(evaluator, to)
    installed.flush()
    for rule in [rule for rule in installed.standing if rule not in installed.waiting]:
        installed.settle(rule, core.now)


def _context(core: Evaluator, to: int) -> None:
    context, world = core.context, core.context.world
    context.downs.step_back(to)
    context.glitches.step_back(to)
    context.reevaluations.drain()
    context.reevaluations.drain_later()
    for space in (*world.space_list, *world.groups.values()):
        for table in (space.newest, space.at, space.good_at, space.received):
            _not_after(table, to)
    for number, device in world.devices.items():
        if device.registered > to:
            world.devices[number] = replace(device, registered=to)


def _in_place(evaluator: ConditionEvaluator, to: int) -> None:
    slots = [slot.evaluator for slot in evaluator.slots] if isinstance(evaluator, PerIdentityEvaluator) else []
    for one in (evaluator, *slots):
        for table in (*one.columns.tables.values(), *one.columns.parts.values()):
            _cut(table, to)
        one.decided.until.clear()
        if isinstance(one, ThresholdEvaluator):
            one.phases.paused = {thing: min(upto, to) for thing, upto in one.phases.paused.items()}
        if one.hours is not None:
            for thing in np.flatnonzero(one.watched[: len(one.space)]).tolist():
                one.hours.reopened(thing, to)
    evaluator.refresh(range(len(evaluator.space)), to, "out_of_scope")
    evaluator.look_again()


def _cut(held: StateTable, to: int) -> None:
    for name, _ in held.arrays:
        if name not in FUTURE:
            _not_after(getattr(held, name), to)
    for part in held.parts.values():
        _cut(part, to)


def _not_after(table: NDArray[Any], to: int) -> None:
    if table.dtype == np.int64:
        table[(table > to) & (table < NEVER // 4)] = to
