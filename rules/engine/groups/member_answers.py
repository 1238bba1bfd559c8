"""What members of groups answered in one record: kept until the record is complete, then judged in order of time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64, U8
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.groups.votes import MemberAnswers
from rules.engine.state.thing_table import LONG_AGO

Source = tuple[int, int]
"""(number of the kind of member, place `k` of the question there)."""


@dataclass(frozen=True, slots=True, eq=False)
class QuestionAnswers:
    """Answers of one kind of member to one question: i32[n] rows and groups, i64[n] times µs, f64[n] answers.

    `units` of `view` brought them; `view` None = a window closed without a reading. `columns`: the points that the
    question reads.
    """

    source: Source
    columns: tuple[int, ...]
    view: BatchView | None
    units: NDArray[np.intp]
    thing: NDArray[np.integer]
    group: I32
    t: I64
    value: F64

    def on_our_clock(self) -> I64:
        """i64[n] µs: their times; of a device whose clock is ahead, when we received it: a group mixes clocks."""
        received = self.received()
        return np.where((received > 0) & (received < self.t), received, self.t)

    def received(self) -> I64:
        """i64[n] µs: when the readings came in; 0 where there was none."""
        if self.view is None:
            return np.zeros(len(self.t), np.int64)
        found = np.zeros(len(self.view), np.int64)
        found[self.view.rows.unit] = self.view.rows.received
        return found[self.units]

    def from_reading(self) -> Bools:
        """bool[n]: which came with a reading, or as a window closed; not with time alone."""
        if self.view is None or not self.columns:
            return np.ones(len(self.t), np.bool_)
        found: Bools = ~self.view.moments[self.units]
        return found

    def good(self) -> Bools:
        """bool[n]: which came with a good reading of what the question is about."""
        found = self.from_reading()
        if self.view is not None and self.columns:
            newest = np.max([self.view.good_at(column)[self.units] for column in self.columns], axis=0)
            found = found & (newest >= self.t)
        return found

    def read_at(self) -> I64:
        """i64[n] µs: the reading that each answer came with; LONG_AGO where time alone changed it."""
        return np.where(self.from_reading(), self.on_our_clock(), LONG_AGO)

    def flags(self) -> U8:
        """u8[n]: the flags of the frames."""
        return np.zeros(len(self.t), np.uint8) if self.view is None else self.view.flags[self.units]


@dataclass(frozen=True, slots=True, eq=False)
class RecordAnswers:
    """All answers of a record, one after another: `of` i32[n] is the place of each answer's question in `sources`;
    bool[n] `from_reading` and `good`, u8[n] flags, i64[n] received µs as of `QuestionAnswers`.
    """

    sources: tuple[Source, ...]
    of: I32
    answers: MemberAnswers
    from_reading: Bools
    good: Bools
    flags: U8
    received: I64

    def mine(self, place: int) -> tuple[NDArray[np.intp], MemberAnswers]:
        """The answers to one question of one kind of member: (their places here, the answers)."""
        at = np.flatnonzero(self.of == place) if len(self.sources) > 1 else np.arange(len(self.of))
        return at, self.answers.at(at)


def answers_of_record(parts: Sequence[QuestionAnswers], floor: I64) -> RecordAnswers:
    """All answers as one. `floor` i64 per group: its newest moment, µs. What a member answers of a moment before it
    counts from then on; whether the group would have been decided otherwise is found by `LateAnswers`.
    """
    sources = tuple(dict.fromkeys(one.source for one in parts))
    places = {source: place for place, source in enumerate(sources)}
    of = np.repeat(np.array([places[one.source] for one in parts], np.int32), [len(one.thing) for one in parts])
    thing, group, t, value, read_at = (
        np.concatenate(columns)
        for columns in zip(
            *((one.thing, one.group, one.on_our_clock(), one.value, one.read_at()) for one in parts), strict=True
        )
    )
    from_reading, good, flags, received = (
        np.concatenate(columns)
        for columns in zip(
            *((one.from_reading(), one.good(), one.flags(), one.received()) for one in parts), strict=True
        )
    )
    key = 2 * np.maximum(t, floor[group]) + (~from_reading & (t >= floor[group]))
    answers = MemberAnswers(thing, group, t, key, value, read_at)
    return RecordAnswers(sources, of, answers, from_reading, good, flags, received)
