"""Values that were replaced at their moment: which rules are judged again, and when.

A device that replaces values all day must not keep the engine busy: history of a device is requested at once, some
times within a pause, then no sooner than the pause is over, for all that was replaced meanwhile; of the devices that
wait, some in each record.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gateway.domain.duration import MINUTE
from rules.engine.conditions.base import ConditionEvaluator
from rules.engine.frames.batch_view import BatchView, Bools, UnitsAt, UnitsBefore
from rules.engine.installed_rules import InstalledRules
from rules.engine.state.fleet import Fleet
from rules.engine.state.reevaluations import Subject
from rules.engine.state.thing_table import NEVER

PAUSE = MINUTE
AT_ONCE = 50
"""Devices asked about in one record."""
BURST = 5
"""Requests for a device within a pause: several messages of one moment are each judged at once."""
Found = dict[Subject, dict[str, int]]


class ReplacedState(Struct, frozen=True, array_like=True):
    """`waiting`: subject -> rule id -> µs since when; `asked`: subject -> (engine time µs, requests since)."""

    waiting: list[tuple[Subject, dict[str, int]]] = []
    asked: list[tuple[Subject, tuple[int, int]]] = []


class PacedReevaluations:
    """`waiting`: subject -> rule id -> µs since when.

    `asked`: subject -> engine time of the first request of its pause, µs, and requests since. A group is asked about
    once in a pause, a device up to `burst` times.
    """

    def __init__(self, burst: int = 1) -> None:
        self.burst = burst
        self.waiting: Found = {}
        self.asked: dict[Subject, tuple[int, int]] = {}

    def take(self, found: Mapping[Subject, Mapping[str, int]], now: int) -> Found:
        """What is requested at engine time `now`, of `found` and what waited; the rest waits."""
        for subject, rules in found.items():
            waiting = self.waiting.setdefault(subject, {})
            for rule, since in rules.items():
                waiting[rule] = min(since, waiting.get(rule, since))
        self.asked = {subject: asked for subject, asked in self.asked.items() if now - asked[0] < PAUSE}
        ripe = [subject for subject in self.waiting if self._free(subject)][:AT_ONCE]
        for subject in ripe:
            first, count = self.asked.get(subject, (now, 0))
            self.asked[subject] = first, count + 1
        return {subject: self.waiting.pop(subject) for subject in ripe}

    def wait(self, subject: Subject, rule: str, since: int, until: int) -> None:
        """A rule is to be judged again since `since`, not before engine time `until`, µs."""
        waiting = self.waiting.setdefault(subject, {})
        waiting[rule] = min(since, waiting.get(rule, since))
        self.asked[subject] = max(until - PAUSE, self.asked.get(subject, (-NEVER, 0))[0]), self.burst

    def with_waiting(self, subject: Subject, rules: Mapping[str, int]) -> dict[str, int]:
        """The same rules, from as early as what waits for them."""
        waiting = self.waiting.get(subject, {})
        return {rule: min(since, waiting.get(rule, since)) for rule, since in rules.items()}

    def due(self) -> int:
        """When something that waits may be asked, µs; NEVER when nothing waits."""
        if not self.waiting:
            return NEVER
        return min(-NEVER if self._free(subject) else self.asked[subject][0] for subject in self.waiting) + PAUSE

    def _free(self, subject: Subject) -> bool:
        """True if the requests since its pause began allow one more."""
        count = self.asked.get(subject, (0, 0))[1]
        return count < (self.burst if isinstance(subject, int) else 1)

    def clear(self) -> None:
        """Drop all that waits."""
        self.waiting.clear()
        self.asked.clear()

    def state(self) -> ReplacedState:
        """For the snapshot."""
        return ReplacedState(list(self.waiting.items()), list(self.asked.items()))

    def load(self, state: ReplacedState) -> None:
        """The inverse of `state`."""
        self.waiting, self.asked = dict(state.waiting), dict(state.asked)


def affected_rules(
    installed: InstalledRules, world: Fleet, view: BatchView, replaced: Sequence[tuple[int, int, int]]
) -> Found:
    """Rules for which a replaced value (device, point, µs) of this view may have decided something.

    Not those that never read the point, nor those whose conditions are as true by the new value as by the old one.
    """
    space, since = view.space, dict[int, int]()
    columns: set[int] = set()
    for device, point, at in replaced:
        if world.rows[device].space is space:
            since[device] = min(at, since.get(device, at))
            columns.add(space.column(world.points[point].name))
    if not since:
        return {}
    things = [thing for device in since for thing in world.rows[device].things]
    units = np.flatnonzero(np.isin(view.thing, things))
    found: Found = {}
    for evaluator in installed.of(space.kind):
        if columns.isdisjoint(evaluator.context.columns):
            continue
        for unit in units[evaluator.watched[view.thing[units]] & _other(evaluator, view, units)].tolist():
            thing = int(view.thing[unit])
            device = space.things[thing].device
            rules = found.setdefault(device, {})
            begin = since[device] if evaluator.windows is None else evaluator.windows.decided_from(thing, since[device])
            rules[evaluator.rule.id] = min(begin, rules.get(evaluator.rule.id, begin))
    return found


def _other(evaluator: ConditionEvaluator, view: BatchView, units: NDArray[np.intp]) -> Bools:
    """bool[units]: where the conditions of the rule are other than just before the unit, or that is not known."""
    conditions = evaluator.truths_decide() if evaluator.context.peers is None else None  # its value counts for others
    if conditions is None:
        return np.ones(len(units), np.bool_)
    moved = np.zeros(len(units), np.bool_)
    now, before = UnitsAt(view, units), UnitsBefore(view, units, 0)
    before.t = view.t[units]
    for bound in conditions:
        new, old = evaluator.context.truth(bound, now), evaluator.context.truth(bound, before)
        moved |= (new != old) & ~(np.isnan(new) & np.isnan(old))
    return moved
