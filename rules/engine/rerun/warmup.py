"""History for a rule that is new, or begins a new generation: it judges the past alone; its state is taken over."""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec.structs import replace

from gateway.domain.alarm import Change
from gateway.domain.history_request import HistoryRequest
from gateway.domain.record import Closed, MeterExchanged, Rerun, Unlatch
from rules.compiled import Rule
from rules.engine.conditions.base import ConditionEvaluator
from rules.engine.evaluator import Evaluator
from rules.engine.frames.at import At
from rules.engine.groups.split_rule import questions_of
from rules.engine.groups.transfer import GroupTransfer
from rules.engine.late.history_requests import FactOf
from rules.engine.late.late_readings import span
from rules.engine.rerun.reevaluate import condition_text, facts_of
from rules.engine.rerun.scratch_engine import ScratchEngine
from rules.engine.rerun.warmup_job import WarmupJob, decoded_result, restored_engine, warmup_input


def watched_by(core: Evaluator, rule: str) -> Sequence[int]:
    """The devices that a rule watches, or whose answers it needs as members."""
    world, compiled = core.context.world, core.installed.rules[rule][1]
    asked = [(set(compiled.watch.kinds), compiled.watch.where)]
    asked += [(set(one.kinds), one.where) for one in questions_of(compiled)]
    return [
        number
        for number, device in world.devices.items()
        if any(device.kind in kinds and (where is None or where(world.facts(device)) is True) for kinds, where in asked)
    ]


def warmup_job(core: Evaluator, wanted: HistoryRequest, compile_rule: Callable[[bytes], Rule]) -> WarmupJob:
    """The job that answers a request about a rule, or about a group of it; it needs the engine no more."""
    rule = wanted.rule
    if wanted.group:
        facts = facts_of(core, wanted.group, wanted.devices)
        return WarmupJob(wanted.devices, warmup_input(core, rule, wanted.devices, facts, group=True), compile_rule)
    devices = watched_by(core, rule)
    return WarmupJob(devices, warmup_input(core, rule, devices, facts_of_rule(core, rule, devices)), compile_rule)


def facts_of_rule(core: Evaluator, rule: str, devices: Sequence[int]) -> list[tuple[int, FactOf]]:
    """The facts of the desk about a rule and these devices, by time, which a new generation needs."""
    known = core.requests.facts
    found = [one for device in devices for one in known.get(device, [])]
    mine: list[tuple[int, FactOf]] = [
        one
        for one in found
        if isinstance(one[1], MeterExchanged) or (isinstance(one[1], Closed | Unlatch) and one[1].rule == rule)
    ]
    mine += [one for one in core.context.completions.of_rule(rule) if one[1].device in set(devices)]
    return sorted(mine, key=lambda one: one[0])


def history_start(core: Evaluator, rule: str) -> int:
    """From when on the rule wants history, µs."""
    _, compiled = core.installed.rules[rule]
    return max(0, core.now - span(core.context.world, compiled))


def take_over_warmup(core: Evaluator, answer: Rerun, at: int) -> None:
    """The answer for a waiting rule: replay what came meanwhile, take the state over, raise what is true at `at` µs.

    An image that does not fit the rule or the devices of now is no history: the rule begins with what is there.
    """
    found = decoded_result(answer.image)
    scratch = restored_engine(core, found) if found is not None else None
    if found is None or scratch is None:
        core.begin_cold(answer.rule, at)
        return
    facts = [one for one in facts_of_rule(core, answer.rule, scratch.devices) if one not in found.facts]
    scratch.replay_records(core.interim.since(max(answer.wanted, answer.upto)), facts, core.now)
    _take_over(core, scratch, answer.rule, at)
    core.installed.settle(answer.rule, at)
    for one in (*found.glitches, *scratch.core.context.glitches.fresh):
        core.context.glitches.add(one)
    core.recount()  # windows that closed in a glitch before it was known to be one


def _take_over(core: Evaluator, scratch: ScratchEngine, rule: str, at: int) -> None:
    theirs = {evaluator.space.kind: evaluator for evaluator in scratch.core.installed.evaluators[rule]}
    evaluators = core.installed.begin(rule)
    for evaluator in evaluators:
        evaluator.refresh(range(len(evaluator.space)), at, "")
    if rule in core.installed.groups:
        _take_groups(core, scratch, rule, at)
        evaluators = []
    for evaluator in evaluators:
        twin = theirs[evaluator.space.kind]
        rows = {thing: k for k, thing in enumerate(twin.space.things)}
        for thing in np.flatnonzero(evaluator.watched[: len(evaluator.space)]).tolist():
            row = rows.get(evaluator.space.things[thing])
            if row is None or not twin.watched[row]:
                continue
            evaluator.take_row(thing, twin, row)
            _raise(core, evaluator, thing, at)
    if not core.installed.waiting:
        core.interim.clear()


def _take_groups(core: Evaluator, scratch: ScratchEngine, rule: str, at: int) -> None:
    """Copy the state of groups that have history; the others begin with the newest answers of their members."""
    groups = core.installed.groups[rule]
    transfer = GroupTransfer(groups, scratch.core.installed.groups[rule])
    for group, row in groups.table.rows.items():
        if groups.table.alive[row] and transfer.take(group):
            _raise(core, groups.evaluator, row, at)
    groups.flush()


def _raise(core: Evaluator, evaluator: ConditionEvaluator, thing: int, at: int) -> None:
    """Emit RAISED for the alarms of a thing that are on."""
    for identity, level in evaluator.on(thing):
        evaluator.reporter.emit(At(thing, at), Change.RAISED, level, None, text=condition_text(evaluator.rule))
        core.context.emitter.made.append(replace(core.context.emitter.made.pop(), identity=identity))
