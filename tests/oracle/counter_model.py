"""What a counter counted, written from RULES.md section 4 alone: plain Python, one device, all readings known.

Slow on purpose. Readings are (at, value) sorted by time, one per moment, those that bad ones replaced left out; times
are whole µs. Facts that a meter was exchanged are (at, start).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

RESENT = 0.001
REMEMBERED = 3  # falls
SAME = 1e-9  # what rounding makes of equal amounts


@dataclass
class Falls:
    """How the counter falls: `rollover` modulus (0 = none), `reset` swap or restart, `resolution`."""

    rollover: float = 0.0
    reset: str = "swap"
    resolution: float = 0.0


@dataclass
class Count:
    """One reading that counts: `amount` booked at it, `value` as read. Not `reading`: the start of a new meter."""

    at: int
    value: float
    amount: float = 0.0
    reading: bool = True


@dataclass
class Fell:
    """A fall: from which reading, and what was booked at and since (places in the list of counts)."""

    value: float
    at: int
    since: int


@dataclass
class Course:
    """All counts of a device, glitches put right; `glitches`: (fell from at, back at)."""

    counts: list[Count] = field(default_factory=list)
    glitches: list[tuple[int, int]] = field(default_factory=list)

    def total(self, at: int) -> float:
        """What was counted since the first reading, up to and with `at`."""
        return sum(one.amount for one in self.counts if one.at <= at)


def course(readings: Sequence[tuple[int, float]], model: Falls, exchanges: Sequence[tuple[int, float]] = ()) -> Course:
    """The amounts of each reading. An exchange at the moment of a reading comes after it."""
    found, falls, last, left = Course(), list[Fell](), None, sorted(exchanges)
    for at, value in readings:
        while left and left[0][0] < at:
            moment, start = left.pop(0)
            if last is not None:  # the new meter stands at `start`: as good as a reading
                last, falls = start, []
                found.counts.append(Count(moment, start, reading=False))
        if last is None:
            found.counts.append(Count(at, value))
            last = value
            continue
        place, drop = len(found.counts), last - value
        if drop > 0 and (drop < RESENT * last or drop < model.resolution):
            continue  # a row sent again
        amount = value - last
        if drop > 0:
            amount = fallen(last, value, model)
            if len(falls) == REMEMBERED:
                falls.remove(next((one for one in falls if one.value <= last), falls[-1]))
            falls.append(Fell(last, found.counts[-1].at, place))
        else:
            back = taken_back(falls, found.counts, value, last)
            if back is not None:
                for one in found.counts[back.since :]:
                    one.amount = 0.0
                amount = value - back.value
                falls = falls[: falls.index(back)]
                found.glitches.append((back.at, at))
        found.counts.append(Count(at, value, amount))
        last = value
    return found


def fallen(last: float, value: float, model: Falls) -> float:
    """What a fall books."""
    if (
        model.rollover
        and last - value > model.rollover / 2
        and 0 <= value + model.rollover - last <= model.rollover / 4
    ):
        return value + model.rollover - last
    return max(0.0, value) if model.reset == "restart" else 0.0


def taken_back(falls: Sequence[Fell], counts: Sequence[Count], value: float, last: float) -> Fell | None:
    """The newest fall that a step from `last` to `value` takes back; and then, from where that fell, the one before."""
    found, end = None, len(counts)
    for fell in reversed(falls):
        booked = sum(one.amount for one in counts[fell.since : end])
        if value < fell.value or value - last <= booked + SAME:
            break
        found, last, end = fell, fell.value, fell.since
    return found


def windows(
    counted: Course, ends: Sequence[tuple[int, int]], gap: int, coverage: float, until: int
) -> list[tuple[float | None, float]]:
    """(increase, coverage) of each calendar window (start, end), which follow each other, as known at `until`.

    None: below the coverage. `gap` µs: a longer silence is one.
    """
    lost, dropped = [0.0] * len(ends), set[int]()
    heard = [one.at for one in counted.counts]
    for k, (start, end) in enumerate(ends):
        lost[k] += max(0, min(heard[0], end) - start)  # before the first reading
    for number, (a, b) in enumerate(zip(heard, [*heard[1:], until], strict=True), 1):
        if b - a <= gap:
            continue
        if not any(a < end <= b for _, end in ends):
            continue  # within one window nothing is lost
        touched = [(k, min(b, end) - max(a, start)) for k, (start, end) in enumerate(ends) if a < end and start < b]
        for k, share in touched:
            lost[k] += share
        if number < len(heard) and any(
            share > (1 - coverage + SAME) * (ends[k][1] - ends[k][0]) for k, share in touched
        ):
            dropped.add(number)
    found: list[tuple[float | None, float]] = []
    for k, (start, end) in enumerate(ends):
        value = sum(one.amount for n, one in enumerate(counted.counts) if start <= one.at < end and n not in dropped)
        cover = 1 - lost[k] / (end - start)
        found.append((value if cover >= coverage - SAME else None, cover))
    return found


def over(counted: Course, t: int, length: int, gap: int, coverage: float) -> float | None:
    """The increase over (t - length, t]."""
    known = [one for one in counted.counts if one.reading]
    inside = [one for one in known if t - length < one.at <= t]
    older = [one for one in known if one.at <= t - length]
    if not inside and not older:
        return None
    reach = inside[0].at if inside else t
    lost = reach - (t - length) if not older or reach - older[-1].at > gap else 0
    if inside and t - inside[-1].at > gap:
        lost += t - inside[-1].at
    if 1 - lost / length < coverage - SAME:
        return None
    return sum(one.amount for one in (inside if older else inside[1:]))


def rate(counted: Course, t: int, gap: int) -> float | None:
    """Per µs, between the last two readings."""
    known = [one for one in counted.counts if one.at <= t and one.reading]
    if len(known) < 2 or known[-1].at - known[-2].at > gap or t - known[-1].at > gap:
        return None
    return known[-1].amount / (known[-1].at - known[-2].at)


def multiples(counted: Course, step: float, first: float, ahead: float) -> tuple[int, int]:
    """(multiples of `step` beyond `first` that count as told at the first reading, those reached by the last)."""
    begun = counted.counts[0].value
    reached = [
        max(0, int((begun + total + ahead - first) / step + SAME))
        for total in (0.0, sum(one.amount for one in counted.counts))
    ]
    return reached[0], reached[1]
