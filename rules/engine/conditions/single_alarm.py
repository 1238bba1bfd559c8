"""What the forms other than levels share: one alarm per thing, `clear`, `unless`, `active`, missing data."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from gateway.domain.alarm import Change
from gateway.domain.reading import F64, U8
from rules.compiled import Expression, Rule, Slot, SlotKind
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.base import EngineContext, Runner
from rules.engine.conditions.unless import Veto
from rules.engine.conditions.windowed import Signalled, later_too
from rules.engine.frames.batch_view import BatchView, Bools, Reader, UnitsAt
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.state.watch_scope import rows
from rules.engine.windows import SignalSet

NAN = float("nan")


class Form(Signalled):
    """State: raised u8, the level of the open alarm, 0 = none.

    A raise is decided by `decide`, which asks `vetoed`; a condition that is met but vetoed is decided again when one of
    the points the rule reads comes, when an attribute changes, and when the hours of the rule begin.
    """

    arrays: tuple[tuple[str, float], ...] = (("raised", 0),)
    ends_by_fact = False

    def __init__(
        self, rule: Rule, zone: str, space: ThingTable, common: EngineContext, clear: Expression | None
    ) -> None:
        super().__init__(rule, zone, space, common)
        self.raised: U8 = np.zeros(0, np.uint8)
        self.text = ""
        self.clear = self.bind(clear)
        self.unless = self.bind(rule.unless)
        self.main: tuple[BoundExpression, ...] = ()
        self.by_windows = False
        self.main_columns: tuple[int, ...] = ()

    def bind(self, expression: Expression | None) -> BoundExpression | None:
        """An expression on the rule's space."""
        return None if expression is None else BoundExpression(expression, self.space, self.common.world, self.signal)

    def judge_by(self, *main: BoundExpression) -> None:
        """The expressions whose truths `meet` gets, in this order; that of `clear` (NaN without) comes last."""
        self.main = main
        self.by_windows = any(_of_windows(bound, self.windows) for bound in main)
        self.main_columns = tuple(dict.fromkeys(column for bound in main for column in bound.columns))
        columns = tuple(dict.fromkeys(column for bound in self._conditions() for column in bound.columns))
        self.judged = () if self.by_windows else columns
        self.veto = Veto(self.rule, self.space, self.unless, self._conditions())

    def counted(self) -> frozenset[str]:
        bounds = self.main if self.by_windows else self.bounds()
        return frozenset(slot.name for bound in bounds for slot in _signals(bound))

    def _conditions(self) -> list[BoundExpression]:
        return [*self.main, *(bound for bound in (self.clear, self.unless) if bound is not None)]

    def bounds(self) -> Sequence[BoundExpression]:
        return [*self._conditions(), *(self.skill.bounds() if self.skill is not None else ())]

    def truths_decide(self) -> Sequence[BoundExpression] | None:
        conditions = self._conditions()
        plain = self.windows is None and all(bound.momentary for bound in conditions)
        return conditions if plain else None

    # --- what a form says of itself
    @abstractmethod
    def meet(
        self, thing: int, t: int, truths: Sequence[float], view: BatchView | None, unit: int, *, before: bool = False
    ) -> None:
        """The conditions of `thing` at `t` µs."""

    @abstractmethod
    def decide(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:
        """Raise at `t` when the condition is met and nothing vetoes it."""

    @abstractmethod
    def wanting(self) -> Bools:
        """Things whose condition is met and not raised, or may be: bool[n]."""

    @abstractmethod
    def stirred(self, view: BatchView, truths: Sequence[F64]) -> Bools:
        """Units whose truths (of `judge_by`) may change the state."""

    def forget(self, thing: int) -> None:
        """Back to the beginning, without a word."""
        for name, fill in self.arrays:
            if name not in ("opens", "wake"):
                getattr(self, name)[..., thing] = fill

    def count_of(self, thing: int) -> int:  # noqa: ARG002 - most forms raise once
        """How many raises, multiples or matches the open episode stands for."""
        return 1

    # --- readings
    def frames(self, view: BatchView) -> None:
        if self.signal_frames(view):
            return
        carry = view.carry(self.judged) & self.watched[view.thing]
        if not carry.any():
            return
        if self.common.scalar:
            units = np.flatnonzero(carry)
        else:
            truths = [bound.vector(view) for bound in self.main]
            need = self.stirred(view, truths) | (self.raised[view.thing] > 0)
            if self.unless is not None:
                need |= self.wanting()[view.thing]
            if self.decided:
                need |= np.isin(view.thing, list(self.decided))
            if self.schedule is not None:
                need |= view.t > self.opens[view.thing]
            units = np.flatnonzero(later_too(view, need & carry, carry))
        if len(units):
            columns = self.truths(UnitsAt(view, units))
            for k, unit in enumerate(units.tolist()):
                self.judge(view, unit, [float(column[k]) for column in columns])

    def truths(self, reader: Reader) -> list[F64]:
        """What `meet` is given, one entry per item."""
        found = [self.truth(bound, reader) for bound in self.main]
        return [*found, self.truth(self.clear, reader) if self.clear is not None else np.full(len(reader.thing), NAN)]

    def judge(self, view: BatchView, unit: int, truths: Sequence[float]) -> None:
        """One unit, after what was due before it."""
        moment = bool(view.moments[unit])
        if self.decided and self.overtaken(int(view.thing[unit]), int(view.t[unit]), moment=moment):
            return
        self.before(view, unit)
        asked = view.carry(self.main_columns)[unit]
        judge = self.meet if asked and (not moment or self.counts_moment(int(view.thing[unit]), truths)) else self.aside
        if self.veto.alone(view, unit):
            truths = [*truths[:-1], NAN]  # it says nothing of `clear`
        judge(int(view.thing[unit]), int(view.t[unit]), truths, view, unit)

    def counts_moment(self, thing: int, truths: Sequence[float]) -> bool:  # noqa: ARG002
        """Is a moment without a reading one for `meet`? Else only `clear` and `unless` are judged there."""
        return False

    def aside(
        self, thing: int, t: int, truths: Sequence[float], view: BatchView | None, unit: int, *, before: bool = False
    ) -> None:
        """No reading of what the form is about: but `clear` and `unless` may be otherwise."""
        if truths[-1] == 1.0 and self.raised[thing]:
            self.cleared(thing, t, view, unit, before=before)
        else:
            self.decide(thing, t, view, unit, before=before)

    def before(self, view: BatchView, unit: int) -> None:
        """What happened to the thing of a unit between its last reading and this one."""
        thing, t = int(view.thing[unit]), int(view.t[unit])
        if self.rule.clear_after and self.raised[thing]:
            heard = max(int(view.good_at_before(column)[unit]) for column in self.columns)
            self._gone_quiet(thing, heard + self.rule.clear_after, t - 1, view, unit)
        opening = self.reopened(thing, t)
        if opening is not None:
            self.decide(thing, opening, view, unit, before=True)

    def judge_unit(self, view: BatchView, unit: int) -> None:
        truths = self.truths(UnitsAt(view, np.array([unit])))
        self.judge(view, unit, [float(column[0]) for column in truths])

    def window_closed(self, thing: int, end: int, reader: Reader, view: BatchView | None, unit: int) -> None:
        if view is not None and self.decided and self.overtaken(thing, end, moment=bool(view.moments[unit])):
            return
        truths = [float(column[0]) for column in self.truths(reader)]
        judge = self.meet if self.by_windows else self.aside
        judge(thing, end, truths, view, unit, before=True)

    # --- engine time
    def tick(self, now: int) -> None:
        self.close_windows(now)
        for thing, opening in self.reopenings(now):
            self.decide(thing, opening, None, -1)
        if self.rule.clear_after:
            for thing in np.flatnonzero(self.raised).tolist():
                heard = max(int(self.space.good_at[column, thing]) for column in self.columns)
                self._gone_quiet(thing, heard + self.rule.clear_after, now, None, -1)
        if self.soonest <= now:
            self.timers(now)

    def timers(self, now: int) -> None:  # noqa: ARG002 - not all forms have timers
        """Fire what is due at engine time `now`, and reckon `soonest`."""
        self.soonest = NEVER

    def _gone_quiet(self, thing: int, due: int, now: int, view: BatchView | None, unit: int) -> None:
        if due <= now:
            self.put_off(thing, due, None, view, unit, before=True, reason="missing")
            self.lapse(thing)

    def lapse(self, thing: int) -> None:
        """Silence ended the episode: it begins anew."""
        self.forget(thing)

    def next_due(self) -> int:
        due = super().next_due()
        if self.rule.clear_after and (things := np.flatnonzero(self.raised)).size:
            heard = np.max([self.space.good_at[column][things] for column in self.columns], axis=0)
            due = min(due, int(heard.min()) + self.rule.clear_after)
        return due

    # --- the alarm
    def vetoed(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> bool:
        """Do the hours of the rule, or its `unless`, forbid a raise at `t`? Unknown forbids nothing."""
        if self.off_hours(thing, t):
            return True
        if self.unless is None:
            return False
        return bool(self.truth(self.unless, self.one(thing, t, view, unit, before=before))[0] == 1.0)

    def put_on(
        self, thing: int, t: int, level: int, bound: BoundExpression | None, view: BatchView | None, unit: int, *,
        before: bool = False, count: int = 1, text: str = "",
    ) -> None:  # fmt: skip
        """Raised, or a level up or down."""
        old = int(self.raised[thing])
        change = Change.RAISED if not old else Change.LEVEL_UP if level > old else Change.LEVEL_DOWN
        self.raised[thing] = level
        self.emit(thing, t, change, level, bound, view, unit, before=before, count=count, text=text or self.text)

    def put_off(
        self, thing: int, t: int, bound: BoundExpression | None, view: BatchView | None, unit: int, *,
        before: bool = False, reason: str = "", change: Change = Change.CLEARED,
    ) -> None:  # fmt: skip
        """The episode ends; nothing when there is none."""
        level, count = int(self.raised[thing]), self.count_of(thing)
        if level:
            self.raised[thing] = 0
            self.emit(
                thing, t, change, level, bound, view, unit, before=before, reason=reason, text=self.text, count=count
            )

    def is_on(self, thing: int) -> int:
        return int(self.raised[thing])

    def revalue(self, things: Sequence[int], at: int) -> None:
        """What is met but vetoed, and what `clear` says, may be otherwise now."""
        asked = rows(things)
        for thing in asked[self.watched[asked] & self.wanting()[asked]].tolist():
            self.decide(thing, at, None, -1)
        if self.clear is not None:
            for thing in asked[self.watched[asked] & (self.raised[asked] > 0)].tolist():
                if self.truth(self.clear, self.one(thing, at, None, -1))[0] == 1.0:
                    self.cleared(thing, at, None, -1)

    def edited(self, old: Runner, at: int) -> None:
        super().edited(old, at)
        self.revalue(range(len(self.space)), at)

    def cleared(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:
        """`clear` is true."""
        self.put_off(thing, t, self.clear, view, unit, before=before)

    def closed(self, thing: int, at: int, identity: tuple[str, ...] = ()) -> None:  # noqa: ARG002 - it has none
        if self.ends_by_fact:
            self.put_off(thing, at, None, None, -1, reason="closed")

    def end(self, thing: int, at: int, reason: str) -> None:
        self.put_off(thing, at, None, None, -1, reason=reason)
        self.forget(thing)
        for part in (*self.parts.values(), self.windows):
            if part is not None:
                part.forget(thing)


def _of_windows(bound: BoundExpression, windows: SignalSet | None) -> bool:
    """Does it read closed windows, or signals of nothing else? Then windows are counted, not readings."""
    slots, closing = _signals(bound), windows.chain.closing if windows is not None else frozenset()
    return any(slot.name in closing for slot in slots) or (bool(slots) and not bound.columns)


def _signals(bound: BoundExpression) -> list[Slot]:
    return [slot for slot in bound.expression.slots if slot.kind in {SlotKind.SIGNAL, SlotKind.BEFORE}]
