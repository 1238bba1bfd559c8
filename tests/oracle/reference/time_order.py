"""The order of things (RULES.md section 5, "Time and order"): at one instant readings, then what time alone changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from oracle.reference import expressions
from oracle.reference.downtime import downs
from oracle.reference.signals import Signals
from oracle.reference.values import History
from oracle.scene import Expr, SceneDef


@dataclass(frozen=True, order=True)
class Judging:
    """A moment at which conditions are judged. `after`: time alone has changed something at `t`; else a frame came."""

    t: int
    after: bool = False


class Device:
    """Everything the conditions of a rule may ask about one device. `end` is the last engine time that fires timers."""

    def __init__(self, scene: SceneDef, number: int, history: History, end: int) -> None:
        rule, start, zone = scene.rule, scene.start, scene.zone
        self.rule, self.history, self.start, self.zone, self.end = rule, history, start, zone, end
        self.downs = downs(scene.restarts) if rule.downtime != "count" else []
        self.attrs = scene.devices[number].attrs
        self.facts = [fact for fact in scene.facts if fact.device == number]
        self.signals = Signals(rule, history, start, zone, end)

    def value(self, node: Expr, at: Judging) -> Any:
        """The value of an expression; None = unknown."""
        moment = expressions.Moment(self.history, self.signals.at, at.t, at.after)
        return expressions.value(node, moment)

    def points(self, nodes: Iterable[Expr | None]) -> set[str]:
        """The points whose readings make these conditions be judged."""
        found: set[str] = set()
        for node in nodes:
            if node is not None:
                found |= expressions.points_in(node)
                for name in expressions.signals_in(node):
                    found |= self.signals.points(name)
        return found

    def vetoed(self, at: Judging) -> bool:
        """Is `unless` surely true? "A condition that vetoes raising only"."""
        return self.rule.unless is not None and self.value(self.rule.unless, at) is True

    def judgings(self, *nodes: Expr | None) -> list[Judging]:
        """When these conditions are judged: frames with one of their points, and what time changes."""
        points = self.points(nodes)
        found = {Judging(t) for t in self.history.times if points & self.history.frames[t].keys()}
        for node in nodes:
            if node is None:
                continue
            for name in expressions.signals_in(node):
                if self.rule.let[name].operator == "peers":
                    found |= self._beside(name)
                else:
                    found |= {Judging(t, after=True) for t in self.signals.changes(name)}
            for point, limit in expressions.age_limits(node):
                found |= {Judging(at + limit, after=True) for at, _ in self.history.good(point)}
        return sorted(one for one in found if one.t <= self.end)

    def _beside(self, name: str) -> set[Judging]:
        """When others speak; a frame of its own of that time is judged with what they say. "A condition on a thing
        that was never heard is judged at its first frame".
        """
        keys, rule = self.rule.keys, self.rule
        conditions = [node for one in rule.levels for node in (one.when, one.clear)]
        points = self.points([*conditions, keys.get("of"), rule.clear, rule.unless])
        own = {t for t in self.history.times if points & self.history.frames[t].keys()} | set(self.history.times[:1])
        return {Judging(t, after=t not in own) for t in [*self.signals.changes(name), *self.history.times[:1]]}
