"""What the members of groups said in one record: kept until the record is complete, then played in order of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64, U8
from rules.engine.groups.tally import Key
from rules.engine.view import Bools, View

if TYPE_CHECKING:
    from rules.engine.groups.members import Members


@dataclass(frozen=True, slots=True, eq=False)
class News:
    """Answers to question `k` of one kind of member: i32[n] rows and groups, i64[n] times µs, f64[n] answers.

    `units` of `view` brought them; `view` None = a window closed without a reading.
    """

    members: "Members"
    k: int
    view: View | None
    units: NDArray[np.intp]
    thing: I32
    group: I32
    t: I64
    before: F64
    after: F64

    def says(self) -> Bools:
        """Which answers have to be counted: others than before, and votes given once more that would lapse."""
        found: Bools = (self.before != self.after) & ~(np.isnan(self.before) & np.isnan(self.after))
        quorum = self.members.questions[self.k].quorum
        return found | (self.after == 1.0) if quorum is not None and quorum.within else found

    def on_our_clock(self) -> I64:
        """Times; of a device whose clock is ahead, when we heard it: in a group, clocks are mixed."""
        heard = self.received()
        return np.where((heard > 0) & (heard < self.t), heard, self.t)

    def received(self) -> I64:
        """When the readings came in, µs; 0 where there was none."""
        if self.view is None:
            return np.zeros(len(self.t), np.int64)
        found = np.zeros(len(self.view), np.int64)
        found[self.view.rows.unit] = self.view.rows.received
        return found[self.units]

    def flags(self) -> U8:
        """The flags of the frames."""
        return np.zeros(len(self.t), np.uint8) if self.view is None else self.view.flags[self.units]


class Said(NamedTuple):
    """One answer, at its moment for the group."""

    t: int
    question: int
    key: Key
    before: float
    after: float
    flags: int
    received: int
    news: News
    unit: int


def in_order(news: Sequence[News], chosen: Sequence[Bools], newest: I64) -> dict[int, list[Said]]:
    """Group -> what its members said, by time; of each news the `chosen` answers.

    A group's time does not step back: what a member says of a moment before the group's newest counts from then on.
    """
    found: dict[int, list[Said]] = {}
    if not any(pick.any() for pick in chosen):
        return found
    group, t = joined([one.group for one in news], chosen), joined([one.on_our_clock() for one in news], chosen)
    order = np.lexsort((t, group))
    columns = (
        group, np.maximum(t, newest[group]), np.repeat(np.arange(len(news)), [int(pick.sum()) for pick in chosen]),
        *(joined(column, chosen) for column in (
            [n.thing for n in news], [n.before for n in news], [n.after for n in news], [n.flags() for n in news],
            [n.received() for n in news], [n.units for n in news],
        )),
    )  # fmt: skip
    for g, at, s, thing, before, after, flags, received, unit in zip(
        *(column[order].tolist() for column in columns), strict=True
    ):  # fmt: skip
        members = news[s].members
        said = Said(
            at, members.numbers[news[s].k], (members.number, thing), before, after, flags, received, news[s], unit
        )  # fmt: skip
        found.setdefault(g, []).append(said)
    return found


def joined(columns: Sequence[NDArray[Any]], chosen: Sequence[Bools]) -> NDArray[Any]:
    """The chosen entries of all columns, one after another."""
    return np.concatenate([column[pick] for column, pick in zip(columns, chosen, strict=True)])
