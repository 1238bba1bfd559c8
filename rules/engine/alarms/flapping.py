"""`flap`: more than `raises` in `in` are one unstable episode, until quiet (RULES section 5)."""

from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from gateway.domain.alarm import Change, Level
from rules.compiled import Flap, Rule
from rules.engine.alarms.deadlines import AlarmDeadlines
from rules.engine.alarms.open_parents import Who
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.transitions import AlarmKey, PendingTransition, plan_of

OF_DATA = frozenset({"", "missing"})
"""Reasons of a clear that may be followed by the next raise; any other ends the alarm, unstable or not."""


@dataclass(slots=True)
class FlappingAlarm:
    """An alarm that was raised within `in`. `times` of its raises, µs, rising; `count` of raises, 0 = stable.

    While unstable: `on`: is the condition met, `last` the newest raise or clear, `level` the one emitted last,
    `end` the clear that is emitted after `quiet`.
    """

    times: list[int] = field(default_factory=list)
    count: int = 0
    on: bool = False
    level: Level = Level.NOTICE
    last: int = LONG_AGO
    end: PendingTransition | None = None

    def due(self, flap: Flap) -> int:
        """When it ends: the unstable episode, or, stable, the memory of its raises."""
        if self.count:
            return NEVER if self.on else self.last + flap.quiet
        return self.times[-1] + flap.span if self.times else LONG_AGO


class FlapFilter:
    """Alarms of rules with `flap`: raises in, one unstable episode out."""

    def __init__(self) -> None:
        self.alarms: dict[str, dict[Who, FlappingAlarm]] = {}
        self.timers = AlarmDeadlines()

    # --- rules
    def rule_changed(self, rule: Rule) -> None:
        """A new revision is in force: ends that wait are of this revision."""
        for alarm in self.alarms.get(rule.id, {}).values():
            if alarm.end is not None:
                alarm.end = replace(alarm.end, rule=rule, plan=plan_of(rule))

    def forget(self, rule: str) -> Iterator[PendingTransition]:
        """Forget the alarms of a rule; returns the ends that were not emitted yet."""
        for (thing, identity), alarm in self.alarms.pop(rule, {}).items():
            self.timers.drop((rule, thing, identity))
            if alarm.count and not alarm.on and alarm.end is not None:
                yield replace(alarm.end, unstable=True, count=alarm.count)

    def step_back(self, to: int, rules: Mapping[str, Rule]) -> None:
        """The clock was set back to `to` µs: nothing was later."""
        for rule, alarms in self.alarms.items():
            flap = rules[rule].flap
            assert flap is not None, "an edit that takes `flap` away forgets the rule's alarms"
            for who, alarm in alarms.items():
                alarm.times, alarm.last = [min(at, to) for at in alarm.times], min(alarm.last, to)
                alarm.end = alarm.end and replace(alarm.end, at=min(alarm.end.at, to))
                self._arm((rule, *who), alarm, flap)

    # --- changes
    def apply(self, made: PendingTransition) -> list[PendingTransition]:
        """The transitions that this change makes now: itself, marked as unstable, or none."""
        flap = made.rule.flap
        if flap is None or made.change is Change.MERGED:
            return [made]
        alarms = self.alarms.get(made.rule.id, {})
        alarm = alarms.get(made.key[1:])
        if made.change is Change.RAISED:
            return self._raised(made, flap, alarm)
        if alarm is None:
            return [made]
        if made.change in (Change.LEVEL_UP, Change.LEVEL_DOWN):
            alarm.level = made.level
            return [replace(made, unstable=True, count=alarm.count)] if alarm.count else [made]
        return self._ended(made, flap, alarm)

    def _raised(self, made: PendingTransition, flap: Flap, alarm: FlappingAlarm | None) -> list[PendingTransition]:
        made_now: list[PendingTransition] = []
        if alarm is not None and alarm.count and alarm.due(flap) < made.at:
            made_now, alarm = self._close(made.key, alarm, flap), None
        if alarm is None:
            alarm = self.alarms.setdefault(made.rule.id, {})[made.key[1:]] = FlappingAlarm()
        insort(alarm.times, made.at)
        while alarm.times[0] <= alarm.times[-1] - flap.span or len(alarm.times) > flap.raises + 1:
            del alarm.times[0]
        alarm.on = True
        alarm.last = max(alarm.last, made.at)
        before, alarm.level = alarm.level, made.level
        if alarm.count:
            alarm.count += 1
            if made.level != before:
                change = Change.LEVEL_UP if made.level > before else Change.LEVEL_DOWN
                made_now.append(replace(made, change=change, unstable=True, count=alarm.count))
        elif len(alarm.times) > flap.raises:
            alarm.count = len(alarm.times)
            made_now.append(replace(made, unstable=True, count=alarm.count))
        else:
            made_now.append(made)
        self._arm(made.key, alarm, flap)
        return made_now

    def _ended(self, made: PendingTransition, flap: Flap, alarm: FlappingAlarm) -> list[PendingTransition]:
        if made.change is Change.WITHDRAWN and alarm.times:
            alarm.times.pop()  # that raise never was
        alarm.on = False
        if not alarm.count:
            if alarm.times:
                self._arm(made.key, alarm, flap)
            else:
                self._drop(made.key)
            return [made]
        if made.reason not in OF_DATA:
            self._drop(made.key)
            return [replace(made, unstable=True, count=alarm.count)]
        alarm.last = max(alarm.last, made.at)
        alarm.end = replace(made, change=Change.CLEARED)
        self._arm(made.key, alarm, flap)
        return []

    def end_quiet(self, now: int) -> list[PendingTransition]:
        """The ends of unstable episodes that were quiet long enough at `now` µs; old raises are forgotten."""
        made_now: list[PendingTransition] = []
        for key in self.timers.pop_due(now):
            alarm = self.alarms[key[0]][key[1:]]
            if alarm.count and alarm.end is not None:
                made_now += self._close(key, alarm, alarm.end.rule.flap)
            else:
                self._drop(key)
        return made_now

    def _close(self, key: AlarmKey, alarm: FlappingAlarm, flap: Flap | None) -> list[PendingTransition]:
        self._drop(key)
        assert alarm.end is not None, "off after a clear"
        assert flap is not None, "an edit of `flap` forgets the rule's alarms"
        return [replace(alarm.end, at=alarm.due(flap), unstable=True, count=alarm.count)]

    # --- help
    def _arm(self, key: AlarmKey, alarm: FlappingAlarm, flap: Flap) -> None:
        due = alarm.due(flap)
        if due < NEVER:
            self.timers.set(key, due)
        else:
            self.timers.drop(key)

    def _drop(self, key: AlarmKey) -> None:
        self.timers.drop(key)
        alarms = self.alarms.get(key[0], {})
        alarms.pop(key[1:], None)
        if not alarms:
            self.alarms.pop(key[0], None)

    def load(self, key: AlarmKey, alarm: FlappingAlarm, flap: Flap) -> None:
        """An alarm of a snapshot."""
        self.alarms.setdefault(key[0], {})[key[1:]] = alarm
        self._arm(key, alarm, flap)
