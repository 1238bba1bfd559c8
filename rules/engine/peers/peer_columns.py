"""Own value against the others: what a point is worth among the other things of a group (RULES section 4, `peers`).

A peer value is a column of the space of the things: a rule that compares with it is an ordinary rule over points. Whose
reading gives others another value, `peer_moments` finds (docs/decisions/061-peers-are-a-column.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import SignalSeen
from gateway.domain.device import Life
from gateway.domain.duration import MINUTE
from gateway.domain.reading import F64, I32, I64
from rules.compiled import PeerStat, Rule, Slot, SlotKind
from rules.compiled.rewrite import rewritten
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.peers.peer_values import others
from rules.engine.peers.recent_values import RecentPeerValues
from rules.engine.state.fleet import Fleet, name_of
from rules.engine.state.reevaluations import MOST_BESIDE
from rules.engine.state.thing_table import NEVER, ThingTable, widened
from rules.engine.state.watch_scope import rows
from rules.engine.windows.base import Gaps, StateTable


def column_of(rule: Rule, signal: PeerStat) -> str:
    """The column of a peer value: no point can have this name."""
    return f"peers {rule.id} {signal.name}"


def peered(rule: Rule) -> tuple[Rule, tuple[PeerStat, ...]]:
    """The rule with its peer values as points, and these."""
    found = tuple(one for one in rule.signals if isinstance(one, PeerStat))
    columns = {one.name: column_of(rule, one) for one in found}
    if not found:
        return rule, ()

    def slot(one: Slot) -> Slot:
        return (
            replace(one, kind=SlotKind.POINT, name=columns[one.name])
            if (one.kind is SlotKind.SIGNAL and one.name in columns)
            else one
        )

    plain = replace(
        rule,
        signals=tuple(one for one in rule.signals if one not in found),
        condition=rewritten(rule.condition, slot),
        unless=rewritten(rule.unless, slot),
        identity=rewritten(rule.identity, slot),
        skill_of=rewritten(rule.skill_of, slot),
    )
    return plain, found


class Peers(StateTable):
    """The peer values of one rule on one space: `columns` there, which follow from `points` and need no snapshot.

    `group` i32[signals, n]: the number of the group a thing is in, -1 = none.
    """

    def __init__(self, rule: Rule, signals: Sequence[PeerStat], space: ThingTable, world: Fleet) -> None:
        super().__init__(space)
        self.signals, self.world = tuple(signals), world
        self.points = [space.column(one.point) for one in signals]
        self.columns = [space.column(column_of(rule, one)) for one in signals]
        self.gaps = [Gaps(world, space, (one.point,)) for one in signals]
        self.names: dict[str, int] = {}
        self.group: I32 = np.zeros((len(self.signals), 0), np.int32)
        self.order: NDArray[np.intp] = np.zeros(0, np.intp)
        self.moved: set[int] = set()
        self.recent: RecentPeerValues | None = None

    def remember(self, conditions: Sequence[BoundExpression] | None) -> None:
        """Remember recent values, where the `conditions` of the rule follow from them; None = they do not."""
        if conditions is not None and len(self.signals) == 1 and not any(bound.turning for bound in conditions):
            self.recent = RecentPeerValues(self.space, self.signals[0], self.columns[0], conditions)
            self.parts["recent"] = self.recent

    def grow(self) -> None:
        super().grow()
        self.group = widened(self.group, self.space.capacity, -1)

    def adopt(self, old: "Peers") -> None:
        super().adopt(old)
        self.names, self.group, self.order = old.names, old.group, old.order

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        super().load(state)
        self.moved = set()

    # --- who is beside whom
    def regroup(self, things: Sequence[int], watched: Bools) -> None:
        """Attributes of these things changed: their groups, and what the others there are worth to each."""
        device, facts = None, dict[str, object]()
        touched: set[tuple[int, int]] = set()
        for thing in rows(things).tolist():
            found = self.world.devices[self.space.things[thing].device]
            if found is not device:
                device, facts = found, self.world.facts(found)
            inside = bool(watched[thing]) and found.life is Life.IN_SERVICE
            for k, one in enumerate(self.signals):
                name = name_of(facts.get(one.by)) if inside else ""
                row = self.names.setdefault(f"{one.by}={name}", len(self.names)) if name else -1
                touched |= {(k, int(self.group[k, thing])), (k, row)}
                self.group[k, thing] = row
                if row < 0:
                    self.space.value[self.columns[k], thing] = np.nan
        if len(self.order) != len(self.space):
            identity = [(one.device, one.component) for one in self.space.things]
            self.order = np.array(sorted(range(len(identity)), key=identity.__getitem__), np.intp)
        for k, row in sorted(touched):
            if row >= 0:
                self._settle(k, self.members(k, row))

    def members(self, k: int, row: int) -> NDArray[np.intp]:
        """The things of a group, by device and component whatever their rows are."""
        found: NDArray[np.intp] = self.order[self.group[k, self.order] == row]
        return found

    def _settle(self, k: int, members: NDArray[np.intp]) -> None:
        """The newest values, after a fact."""
        one, space = self.signals[k], self.space
        values = others(one.what, space.value[self.points[k], members][None, :], one.coverage)[0]
        same = (values == space.value[self.columns[k], members]) | np.isnan(values)
        self.moved.update(members[~same].tolist())
        self.write(k, members, values)

    def write(self, k: int, things: NDArray[np.integer], values: F64) -> None:
        """The newest peer values of signal `k`."""
        self.space.value[self.columns[k], things] = values

    def with_others(self, things: Sequence[int]) -> list[int]:
        """These things, and those to whom the others became worth something else by facts since the last call."""
        found, self.moved = {*things} | self.moved, set()
        return sorted(found)

    def devices_beside(self, things: Sequence[int]) -> set[int]:
        """The devices of all groups that these things are in."""
        found: set[int] = set()
        for k in range(len(self.signals)):
            for row in {int(self.group[k, thing]) for thing in things} - {-1}:
                found.update(self.space.things[thing].device for thing in self.members(k, row).tolist())
        return found

    def crowded(self, k: int, row: int) -> bool:
        """True if group `row` of signal `k` has so many devices that a reading of one has no other judged again."""
        return len({self.space.things[thing].device for thing in self.members(k, row).tolist()}) > MOST_BESIDE

    def gap(self, k: int, things: NDArray[np.integer]) -> I64:
        """How long readings of signal `k` may be on their way before it is certain that none waited for them, µs."""
        gap = self.gaps[k](things)
        return np.where(gap < NEVER // 4, gap, MINUTE)

    # --- evidence
    def seen(self, here: At) -> tuple[SignalSeen, ...]:
        """The peer values, for evidence; their coverage is the share of the others with a known value."""
        found, thing, view = list[SignalSeen](), here.thing, here.view
        for k, one in enumerate(self.signals):
            row = int(self.group[k, thing])
            members = self.members(k, row) if row >= 0 else self.order[:0]
            values = self.space.value[self.points[k], members]
            if view is not None:
                until = int(view.t[here.unit]) - here.before
                values = np.array([_as_of(view, self.points[k], other, until) for other in members.tolist()])
            worth = others(one.what, values[None, :], one.coverage)[0] if row >= 0 else values
            mine = members == thing
            known, count = int((~np.isnan(values[~mine])).sum()), len(members) - 1
            value = float(worth[mine][0]) if row >= 0 else np.nan
            seen = None if value != value else value
            found.append(SignalSeen(one.name, seen, one.unit, 0, 0, known / count if count > 0 else 0.0))
        return tuple(found)


def _as_of(view: BatchView, column: int, thing: int, until: int) -> float:
    """The value of a thing at `until` µs, by the view, else the newest one."""
    units = np.flatnonzero((view.thing == thing) & (view.t <= until))
    return float(view.value(column)[units[-1]] if len(units) else view.space.value[column, thing])
