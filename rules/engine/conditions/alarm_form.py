"""What differs between the conditions that have one alarm per thing: what a truth means, what time alone does."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.counter import NewMeter
from gateway.domain.reading import F64
from gateway.domain.record import Fact
from rules.compiled import Expression
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.single_alarm import NAN, AlarmConditions, SingleAlarm
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.thing_table import NEVER
from rules.engine.windows.base import StateTable


class AlarmForm(StateTable, ABC):
    """The columns of one form and its decisions. `truths` are those of `AlarmConditions.truths`; times are µs.

    A raise is decided by `decide`, which asks `alarm.vetoed`; a condition that is met but vetoed is decided again when
    one of the points the rule reads comes, when an attribute changes, and when the hours of the rule begin.

    `ends_by_fact`: it ends when a person closes its order. `by_truths`: the truths at each moment are all that its
    state is made of. `sees_moments`: units without a reading are no readings to it. `counts_readings`: one that
    changes no value counts, too. `inputs`: counters it follows.
    """

    ends_by_fact = False
    by_truths = True
    sees_moments = True
    counts_readings = True

    def __init__(
        self,
        context: EvaluatorContext,
        reporter: Reporter,
        clear: Expression | None,
        *main: BoundExpression | None,
        text: str = "",
        counts: bool = False,
    ) -> None:
        super().__init__(context.space)
        self.context = context
        self.alarm = SingleAlarm(context, reporter, text=text, counts=counts)
        asked = [bound for bound in main if bound is not None]
        self.conditions = AlarmConditions(context, self.alarm.unless, clear, asked)
        self.judged = self.conditions.judged
        self.inputs: dict[str, StateTable] = {}

    def tables(self) -> dict[str, StateTable]:
        """All columns of the form."""
        return {"alarm": self.alarm, "form": self}

    def refresh_at(self, things: Sequence[int], at: int) -> None:
        """Attributes of these rows changed at `at`."""

    # --- readings
    def first_frames(self, view: BatchView, units: NDArray[np.intp]) -> None:
        """The first frames ever of these things, which carry nothing that the form reads."""

    def begin_view(self, view: BatchView) -> bool:  # noqa: ARG002 - most look unit by unit
        """A view comes. True when the form has judged all of it at once."""
        return False

    def candidates(self, view: BatchView, carry: Bools) -> Bools:  # noqa: ARG002 - some look at what a unit carries
        """bool[unit]: units that may change the state."""
        found = self.may_move(view, [bound.vector(view) for bound in self.conditions.main])
        found |= self.alarm.raised[view.thing] > 0
        if self.conditions.unless is not None:
            found |= self.met_not_raised()[view.thing]
        return found

    def may_move(self, view: BatchView, truths: Sequence[F64]) -> Bools:  # noqa: ARG002
        """bool[unit]: where these truths of the main conditions may change the state of a thing without an alarm."""
        return np.zeros(len(view), np.bool_)

    def pass_over(self, view: BatchView, judged: Bools) -> None:
        """The units that are not `judged` one by one."""

    def judge(self, here: At, truths: Sequence[float]) -> None:
        """One unit, after what was due before it."""
        conditions, view = self.conditions, here.view
        assert view is not None, "a unit of a view"
        mine = view.carry(conditions.main_columns)[here.unit]
        mine = mine and (not here.moment or self.counts_moment(here.thing, truths))
        if conditions.veto.alone(view, here.unit):
            truths = [*truths[:-1], NAN]  # it is no evidence for `clear`
        (self.on_truth if mine else self.on_other_reading)(here, truths)

    @abstractmethod
    def on_truth(self, here: At, truths: Sequence[float]) -> None:
        """A reading, or a closed window, of what the form is about."""

    def on_other_reading(self, here: At, truths: Sequence[float]) -> None:
        """A reading of something else: but `clear` and `unless` may be otherwise."""
        if truths[-1] == 1.0 and self.alarm.raised[here.thing]:
            self.cleared(here)
        else:
            self.decide(here)

    def counts_moment(self, thing: int, truths: Sequence[float]) -> bool:  # noqa: ARG002
        """True if a moment without a reading is one for `on_truth`; else only `clear` and `unless` are judged there."""
        return False

    @abstractmethod
    def decide(self, here: At) -> None:
        """Raise when the condition is met and nothing vetoes it."""

    @abstractmethod
    def met_not_raised(self) -> Bools:
        """bool[capacity]: things whose condition is met and not raised, or may be."""

    def cleared(self, here: At) -> None:
        """`clear` is true, or what stands for it: the alarm ends."""
        self.alarm.clear(here, self.conditions.clear)

    # --- time
    def before_unit(self, here: At) -> None:
        """What time alone did to the thing before this unit."""

    def timers(self, now: int) -> None:  # noqa: ARG002 - not all forms have timers
        """Do what is due at engine time `now`, and reckon `context.soonest`."""
        self.context.soonest = NEVER

    def reset_after_silence(self, thing: int) -> None:
        """`clear_after` ended the episode: the form begins anew."""
        self.alarm.forget(thing)
        self.forget(thing)

    def silent_in(self, view: BatchView) -> None:
        """A view was judged: the silences in it that met a down-time."""

    # --- facts
    def revalued(self, things: Sequence[int], at: int) -> None:
        """What is met but vetoed, and what `clear` is worth, was judged again at `at`."""

    def exchange(self, thing: int, point: str, meter: NewMeter) -> None:
        """A new meter counts at `point`."""

    def closed(self, thing: int, at: int) -> None:
        """A person closed the work order of the episode."""
        if self.ends_by_fact:
            self.alarm.clear(At(thing, at), reason="closed")

    def cycle(self, thing: int, reading: float | None, done: int, at: int) -> None:
        """Work was done at `done`, at counter `reading` (None = as it stands), as came to be known at `at`."""

    # --- the past
    def by_readings(self) -> bool:
        """True if an evaluation of past readings may find something."""
        return True

    def known_from(self, thing: int, start: int) -> int:  # noqa: ARG002 - most need no more than the readings
        """From when on readings are needed to be right from `start` on."""
        return start

    def begin_twin(self, thing: int, twin: "AlarmForm", row: int, start: int, past: Sequence[tuple[int, Fact]]) -> None:
        """Row `row` of `twin`, the same form in an engine that evaluates the past from `start` on, begins as this was.

        `past`: (µs, fact) of the desk about the thing before the readings.
        """
