"""`identity`: one alarm per thing and text, such as a fault code (RULES section 1).

Every text is evaluated for itself: a slot is a whole threshold evaluator with the text of each of its things. The
condition of an alarm whose text is not the present one is false; it ends by the rule's `clear`, or by that.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.base import ConditionEvaluator, EvaluatorContext, later_too
from rules.engine.conditions.text_slots import IdentityTexts, Texts, TextSlots, TextsState
from rules.engine.frames.at import At, at_unit
from rules.engine.frames.batch_view import BatchView, Reader, UnitsAt
from rules.engine.state.thing_table import NEVER

NAN = float("nan")


class PerIdentityEvaluator(ConditionEvaluator):
    """State: that of a threshold evaluator per slot; slots are as many as one thing has alarms at a time."""

    def __init__(self, context: EvaluatorContext) -> None:
        super().__init__(context)
        self.texts = IdentityTexts(context)
        self.slots = TextSlots(context)
        self.first = next(iter(self.slots)).evaluator
        self.conditions = self.first.conditions
        self.judged = tuple(dict.fromkeys((*self.conditions.judged, *self.texts.columns)))

    def bounds(self) -> Sequence[BoundExpression]:
        return self.texts.bounds

    def held_state(self) -> list[NDArray[Any]]:
        return [*super().held_state(), *(table for slot in self.slots for table in slot.evaluator.held_state())]

    def by_time(self) -> Sequence[BoundExpression]:
        return [*self.bounds(), *self.conditions.all]

    def counted(self) -> frozenset[str]:
        return super().counted() | self.first.counted()

    def grow(self) -> None:
        super().grow()
        for slot in self.slots:
            slot.evaluator.grow()

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        super().refresh(things, at, reason)
        for slot in self.slots:
            slot.evaluator.refresh(things, at, reason)

    def silent_in(self, view: BatchView) -> None:
        for slot in self.slots:
            slot.evaluator.silent_in(view)

    # --- readings
    def frames(self, view: BatchView) -> None:
        if self.feed.frames(view, self.judged):
            return
        carry = view.carry(self.judged) & self.watched[view.thing]
        if not carry.any():
            return
        need = carry & self.slots.busy()[view.thing]
        for bound in self.conditions.when:
            need |= carry & (bound.vector(view) == 1.0)
        if self.hours is not None:
            need |= carry & (view.t > self.hours.opens[view.thing])
        need = later_too(view, need, carry)
        self.judge_units(view, np.flatnonzero(need))

    def first_frames(self, view: BatchView, units: NDArray[np.intp]) -> None:
        met = np.zeros(len(units), np.bool_)
        for truths in self.conditions.met(UnitsAt(view, units)):
            met |= truths == 1.0
        self.judge_units(view, units[met])

    def judge_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        for unit in units.tolist():
            here = at_unit(view, unit)
            if self.hours is not None:
                opening = self.hours.reopened(here.thing, here.t)
                if opening is not None:
                    before = here.earlier(opening)
                    self._judge(before, before.reader(self.space))
            self._judge(here, UnitsAt(view, np.array([unit])), reading=not here.moment)

    def window_closed(self, here: At, reader: Reader) -> None:
        self._judge(here, reader, reading=True)

    def _judge(self, here: At, reader: Reader, *, reading: bool = False) -> None:
        """Judge all texts of a thing at `here.t`."""
        if here.view is not None and self.decided.overtaken(here.thing, here.t, moment=here.moment):
            return
        context, conditions = self.context, self.conditions
        when = [float(truths[0]) for truths in conditions.met(reader)]
        clear = [None if bound is None else float(context.truth(bound, reader)[0]) for bound in conditions.clear]
        known = None
        if not reading:
            known = here.earlier(here.t).known_at(self.space, conditions.asked)
        self.slots.judge(here, self.texts.read(reader), when, clear, known)

    # --- engine time, facts
    def tick(self, now: int) -> None:
        self.feed.close(now)
        for thing, opening in self.context.reopenings(now):
            for slot in self.slots:
                slot.machine.fire_at_tick(thing, opening)
            self._judge_newest(thing, opening)
        self.context.soonest = NEVER  # the slots have the timers
        self.slots.tick(now)

    def next_due(self) -> int:
        return min(super().next_due(), *(slot.evaluator.next_due() for slot in self.slots))

    def look_again(self) -> None:
        super().look_again()
        for slot in self.slots:
            slot.evaluator.look_again()

    def _judge_newest(self, thing: int, at: int) -> None:
        here = At(thing, at)
        self._judge(here, here.reader(self.space))

    def revalue(self, things: Sequence[int], at: int) -> None:
        for thing in things:
            if self.watched[thing]:
                self._judge_newest(thing, at)

    def unlatch(self, thing: int, at: int, identity: Texts = ()) -> None:
        self.slots.release(thing, identity)
        self.revalue([thing], at)

    def end(self, thing: int, at: int, reason: str) -> None:
        self.slots.end(thing, at, reason)
        if self.windows is not None:
            self.windows.forget(thing)

    # --- its state, for others
    def is_on(self, thing: int) -> int:
        return max(slot.evaluator.is_on(thing) for slot in self.slots)

    def on(self, thing: int) -> tuple[tuple[Texts, int], ...]:
        return self.slots.on(thing)

    def take_row(self, thing: int, other: ConditionEvaluator, row: int) -> None:
        assert isinstance(other, PerIdentityEvaluator), "rows move between evaluators of one rule only"
        super().take_row(thing, other, row)
        self.slots.take_row(thing, other.slots, row)

    def memory(self) -> int:
        return super().memory() + self.slots.memory()

    def adopt(self, old: ConditionEvaluator) -> None:
        assert isinstance(old, PerIdentityEvaluator), "edits keep state only between rules of one shape"
        super().adopt(old)
        self.slots.adopt(old.slots)

    def edited(self, old: ConditionEvaluator, at: int) -> None:
        assert isinstance(old, PerIdentityEvaluator), "edits keep state only between rules of one shape"
        self.grow()
        self.slots.at_least(len(old.slots))
        if self.windows is not None and old.windows is not None:
            self.windows.adopt(old.windows)
        self.context.watched, self.decided.until = old.watched, old.decided.until
        if self.hours is not None:
            self.hours.go_on(old.hours)
        self.slots.inherit(old.slots)
        everything = range(len(self.space))
        self.refresh(everything, at, "rule_changed")
        for slot in self.slots:
            slot.evaluator.settle_all(at)
        self.revalue(everything, at)

    # --- snapshot
    def state(self) -> dict[str, NDArray[Any]]:
        return super().state() | self.slots.state()

    def extra(self) -> TextsState:
        return self.slots.extra()

    def load(self, state: dict[str, NDArray[Any]], extra: Any) -> None:
        super().load(state, None)
        self.slots.load(state, extra)
