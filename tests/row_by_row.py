"""The reference of the engine: each expression row by row in plain Python, each reading alone, no mask before it.

`RowEngine` is an engine that does so while it is at work. Rules must be compiled after this module was imported.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

import numpy as np
from scalar_backend import Scalar, scalar

import rules.engine.evaluator
import rules.expr.compile
from gateway.domain.reading import F64
from rules.compiled import Expression
from rules.conditions.silence import evaluator as silence
from rules.conditions.streak.evaluator import StreakForm
from rules.engine import Engine
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions import peer_moments, per_identity, single_alarm_evaluator
from rules.engine.conditions.per_identity import PerIdentityEvaluator
from rules.engine.conditions.threshold import ThresholdEvaluator
from rules.engine.evaluator import Evaluator
from rules.engine.frames.batch_view import BatchView, Bools, Reader, ReadingRows
from rules.engine.groups.group_evaluator import GroupEvaluator
from rules.expr.column_backend import Vector, vector
from rules.expr.typed_tree import Node

NODES: "WeakKeyDictionary[Vector, Node]" = WeakKeyDictionary()
"""What each compiled expression was made from."""
_SCALARS: "WeakKeyDictionary[Vector, Scalar]" = WeakKeyDictionary()


def _recorded(node: Node, boolean: bool) -> Vector:
    found = vector(node, boolean)
    if not hasattr(found, "__code__") or found.__closure__ is None:
        found = _wrapped(found)
    NODES[found] = node
    return found


def _wrapped(inner: Vector) -> Vector:
    return lambda columns: inner(columns)


rules.expr.compile.vector = _recorded


def scalar_of(expression: Expression) -> Scalar:
    """Values of its slots, one each -> its value."""
    found = _SCALARS.get(expression.vector)
    if found is None:
        found = _SCALARS[expression.vector] = scalar(NODES[expression.vector])
    return found


def rows(self: BoundExpression, reader: Reader) -> F64:
    """`BoundExpression.vector`, item by item."""
    inputs = [column.tolist() for column in self.inputs(reader)]
    each = zip(*inputs, strict=True) if inputs else iter([()] * len(reader.thing))
    run = scalar_of(self.expression)
    return np.array([run(values) for values in each], np.float64)


def single(view: BatchView, unit: int) -> BatchView:
    """The same frame alone."""
    mine = np.flatnonzero(view.rows.unit == unit)
    rows = view.rows
    own = ReadingRows(
        rows.column[mine],
        np.zeros(len(mine), np.int32),
        rows.at[mine],
        rows.value[mine],
        rows.quality[mine],
        rows.received[mine],
    )
    here = slice(unit, unit + 1)
    return BatchView(
        view.space,
        view.thing[here],
        view.t[here],
        view.flags[here],
        own,
        view.thing[:0],
        view.t[:0],
        view.moments[here],
    )


def _all_frames(evaluator: Any, view: BatchView) -> None:
    if evaluator.feed.frames(view, evaluator.judged):
        return
    units = np.flatnonzero(view.carry(evaluator.judged) & evaluator.watched[view.thing])
    if len(units):
        evaluator.judge_units(view, units)


class _OneByOne:
    """Each frame of a view alone. Things that are compared with others are judged first, in order of time."""

    def __init__(self, core: Evaluator) -> None:
        self.core = core

    def frames(self, view: BatchView) -> None:
        core, evaluators = self.core, self.core.installed.of(view.space.kind)
        for one in evaluators:
            if one.context.peers is not None:
                peer_moments.judge(one, view)
        for unit in range(len(view)):
            alone = single(view, unit)
            alone.find_spans(core.context.downs)
            _first_frames(core.installed, alone)
            for one in evaluators:
                if one.context.peers is None:
                    one.follow(alone)
            _commit(core.installed, alone)
        view.space.newest[view.head] = view.head_t


_first_frames: Callable[..., None] = rules.engine.evaluator._first_frames
_commit: Callable[..., None] = rules.engine.evaluator._commit
_judge = GroupEvaluator._judge


def _judge_alone(self: GroupEvaluator, moments: Sequence[Any], lasts: Any) -> None:
    for moment in sorted(moments, key=lambda one: one[:2]):
        _judge(self, [moment], lasts)


def _nothing(*_: object) -> None:
    pass


def _carried(_view: BatchView, _need: Bools, carry: Bools) -> Bools:
    return carry


@contextmanager
def row_by_row() -> Iterator[None]:
    """What runs inside is the reference."""
    engine = rules.engine.evaluator
    patches: list[tuple[Any, Mapping[str, Any]]] = [
        (BoundExpression, {"vector": rows}),
        (engine, {"_first_frames": _nothing, "_commit": _nothing}),
        (Evaluator, {"_judges": lambda core, *_: _OneByOne(core)}),
        (GroupEvaluator, {"_judge": _judge_alone}),
        (ThresholdEvaluator, {"frames": _all_frames}),
        (PerIdentityEvaluator, {"frames": _all_frames}),
        (StreakForm, {"begin_view": lambda *_: False}),
        *((module, {"later_too": _carried}) for module in (silence, single_alarm_evaluator, per_identity)),
    ]
    with ExitStack() as stack:
        for owner, changes in patches:
            stack.enter_context(patch.multiple(owner, **changes))
        yield


class RowEngine:
    """An engine whose every act is row by row."""

    def __init__(self, *args: Any, engine: Engine | None = None, **options: Any) -> None:
        self.engine = engine or Engine(*args, **options)

    @classmethod
    def restore(cls, *args: Any, **options: Any) -> "RowEngine":
        """As `Engine.restore`."""
        with row_by_row():
            return cls(engine=Engine.restore(*args, **options))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.engine, name)
        if not callable(found):
            return found

        def act(*args: Any, **options: Any) -> Any:
            with row_by_row():
                return found(*args, **options)

        return act
