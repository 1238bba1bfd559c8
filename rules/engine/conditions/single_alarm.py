"""One alarm per thing: raised, cleared, kept off by `unless` and `active`; and the expressions that decide about it."""

from collections.abc import Sequence

import numpy as np

from gateway.domain.alarm import Change
from gateway.domain.reading import F64, I32, U8
from rules.compiled import Expression, Slot, SlotKind
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.context import EvaluatorContext, columns_of
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.unless import Veto
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import Reader
from rules.engine.windows import SignalSet
from rules.engine.windows.base import StateTable

NAN = float("nan")
SIGNALS = frozenset({SlotKind.SIGNAL, SlotKind.BEFORE})


class SingleAlarm(StateTable):
    """State: raised u8[n], the level of the open alarm, 0 = none; with `counts` count i32[n], how many raises,
    multiples or matches the open episode stands for. `text` names the condition where no expression decides.
    """

    def __init__(self, context: EvaluatorContext, reporter: Reporter, *, text: str = "", counts: bool = False) -> None:
        super().__init__(context.space)
        self.context, self.reporter, self.text, self.counts = context, reporter, text, counts
        self.arrays = (("raised", 0), ("count", 0)) if counts else (("raised", 0),)
        self.raised: U8 = np.zeros(0, np.uint8)
        self.count: I32 = np.zeros(0, np.int32)
        self.unless = context.bind_if(context.rule.unless)

    def vetoed(self, here: At) -> bool:
        """True if the hours of the rule, or its `unless`, forbid a raise. Unknown forbids nothing."""
        if self.context.off_hours(here.thing, here.t):
            return True
        if self.unless is None:
            return False
        return bool(self.context.truth(self.unless, here.reader(self.space))[0] == 1.0)

    def raise_(
        self, here: At, level: int, bound: BoundExpression | None = None, *, count: int = 1, text: str = ""
    ) -> None:
        """Raised, or a level up or down."""
        old = int(self.raised[here.thing])
        change = Change.RAISED if not old else Change.LEVEL_UP if level > old else Change.LEVEL_DOWN
        self.raised[here.thing] = level
        self.reporter.emit(here, change, level, bound, count=count, text=text or self.text)

    def clear(self, here: At, bound: BoundExpression | None = None, *, reason: str = "") -> None:
        """The episode ends; nothing when there is none."""
        level = int(self.raised[here.thing])
        if level:
            count = max(1, int(self.count[here.thing])) if self.counts else 1
            self.raised[here.thing] = 0
            self.reporter.emit(here, Change.CLEARED, level, bound, reason=reason, text=self.text, count=count)


class AlarmConditions:
    """The expressions of a form: `main`, whose truths it gets in this order, its `clear`, and the rule's `unless`.

    `by_windows`: closed windows are counted, not readings. `judged`: the columns whose readings are worth judging.
    """

    def __init__(
        self,
        context: EvaluatorContext,
        unless: BoundExpression | None,
        clear: Expression | None,
        main: Sequence[BoundExpression],
    ) -> None:
        self.context, self.main, self.unless = context, tuple(main), unless
        self.clear = context.bind_if(clear)
        self.all = (*self.main, *(bound for bound in (self.clear, unless) if bound is not None))
        self.by_windows = any(_of_windows(bound, context.windows) for bound in main)
        self.main_columns = columns_of(self.main)
        self.judged = () if self.by_windows else columns_of(self.all)
        self.veto = Veto(context.rule, context.space, unless, self.all)

    def truths(self, reader: Reader) -> list[F64]:
        """Those of `main`, then that of `clear` (NaN without), one entry per item each."""
        found = [self.context.truth(bound, reader) for bound in self.main]
        ends = np.full(len(reader.thing), NAN) if self.clear is None else self.context.truth(self.clear, reader)
        return [*found, ends]

    def is_clear(self, here: At) -> bool:
        """True if `clear` is true."""
        own = self.clear
        return own is not None and bool(self.context.truth(own, here.reader(self.context.space))[0] == 1.0)


def signals_of(bound: BoundExpression) -> list[Slot]:
    """The signals that an expression reads."""
    return [slot for slot in bound.expression.slots if slot.kind in SIGNALS]


def _of_windows(bound: BoundExpression, windows: SignalSet | None) -> bool:
    """True if it reads closed windows, or signals of nothing else: then windows are counted, not readings."""
    slots, closing = signals_of(bound), windows.chain.closing if windows is not None else frozenset()
    return any(slot.name in closing for slot in slots) or (bool(slots) and not bound.columns)
