"""What the members of groups said in one record: kept until the record is complete, then played in order of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64, U8
from rules.engine.frames.batch_view import BatchView
from rules.engine.groups.member_votes import MemberAnswers
from rules.engine.state.thing_table import LONG_AGO

if TYPE_CHECKING:
    from rules.engine.groups.members import Members


@dataclass(frozen=True, slots=True, eq=False)
class QuestionAnswers:
    """Answers to question `k` of one kind of member: i32[n] rows and groups, i64[n] times µs, f64[n] answers.

    `units` of `view` brought them; `view` None = a window closed without a reading.
    """

    members: "Members"
    k: int
    view: BatchView | None
    units: NDArray[np.intp]
    thing: NDArray[np.integer]
    group: I32
    t: I64
    value: F64

    def on_our_clock(self) -> I64:
        """Times; of a device whose clock is ahead, when we heard it: in a group, clocks are mixed."""
        received = self.received()
        return np.where((received > 0) & (received < self.t), received, self.t)

    def received(self) -> I64:
        """When the readings came in, µs; 0 where there was none."""
        if self.view is None:
            return np.zeros(len(self.t), np.int64)
        found = np.zeros(len(self.view), np.int64)
        found[self.view.rows.unit] = self.view.rows.received
        return found[self.units]

    def spoke(self) -> NDArray[np.bool_]:
        """Which came with a reading, or as a window closed; not with time alone."""
        if self.view is None or not self.members.of[self.k].columns:
            return np.ones(len(self.t), np.bool_)
        found: NDArray[np.bool_] = ~self.view.moments[self.units]
        return found

    def good(self) -> NDArray[np.bool_]:
        """Which came with a good reading of what the question is about."""
        found, columns = self.spoke(), self.members.of[self.k].columns
        if self.view is not None and columns:
            newest = np.max([self.view.good_at(column)[self.units] for column in columns], axis=0)
            found = found & (newest >= self.t)
        return found

    def reading_at(self) -> I64:
        """The reading that each answer came with, µs; LONG_AGO where time alone changed it."""
        return np.where(self.spoke(), self.on_our_clock(), LONG_AGO)

    def flags(self) -> U8:
        """The flags of the frames."""
        return np.zeros(len(self.t), np.uint8) if self.view is None else self.view.flags[self.units]


@dataclass(frozen=True, slots=True, eq=False)
class RecordAnswers:
    """All news of a record, one after another: `of` i32[n] is the place of each answer's question in `sources`."""

    sources: tuple[tuple["Members", int], ...]
    of: I32
    said: MemberAnswers
    spoke: NDArray[np.bool_]
    good: NDArray[np.bool_]
    flags: U8
    received: I64

    def mine(self, place: int) -> tuple[NDArray[np.intp], MemberAnswers]:
        """The answers to one question of one kind of member: where they stand, and what they are."""
        at = np.flatnonzero(self.of == place) if len(self.sources) > 1 else np.arange(len(self.of))
        said = self.said
        return at, said.at(at)


def answers_of_record(news: Sequence[QuestionAnswers], floor: I64) -> RecordAnswers:
    """`floor` i64 per group: its newest moment, µs. What a member says of a moment before it counts from then on;
    whether the group would have been decided otherwise is seen by `Revision`.
    """
    sources = tuple(dict.fromkeys((one.members, one.k) for one in news))
    places = {source: place for place, source in enumerate(sources)}
    of = np.repeat(
        np.array([places[one.members, one.k] for one in news], np.int32), [len(one.thing) for one in news]
    )  # fmt: skip
    thing, group, t, value, last = (
        np.concatenate(columns)
        for columns in zip(
            *((one.thing, one.group, one.on_our_clock(), one.value, one.reading_at()) for one in news), strict=True
        )
    )
    spoke, good, flags, received = (
        np.concatenate(columns)
        for columns in zip(*((one.spoke(), one.good(), one.flags(), one.received()) for one in news), strict=True)
    )
    key = 2 * np.maximum(t, floor[group]) + (~spoke & (t >= floor[group]))
    return RecordAnswers(sources, of, MemberAnswers(thing, group, t, key, value, last), spoke, good, flags, received)
