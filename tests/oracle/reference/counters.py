"""Counters (RULES.md section 4): `increase`, a fall and a fall taken back, the gaps of calendar windows."""

from collections.abc import Sequence
from dataclasses import dataclass

from oracle.reference.values import History
from oracle.reference.windows import CLOSE
from oracle.scene import PointDef, SignalDef

RESENT = 0.001
REMEMBERED = 3
"""Falls; a further one takes the place of the oldest that was passed since, else of the newest but one (020)."""


@dataclass
class Step:
    """What was counted from the reading before to the one at `at`."""

    since: int
    at: int
    amount: float


@dataclass
class Fall:
    """A fall that may be taken back: from what value, and the first of the steps booked at it and since."""

    value: float
    first: int


def steps(point: PointDef, rows: Sequence[tuple[int, float]]) -> list[Step]:
    """All steps, after falls were taken back. "The first reading ever is no increase"."""
    out: list[Step] = []
    falls: list[Fall] = []
    last: tuple[int, float] | None = None
    for at, value in rows:
        if last is None:
            last = (at, value)
            continue
        since, before = last
        drop = before - value
        if drop > 0 and (drop < RESENT * before or drop < point.resolution):
            continue  # "a re-sent row and changes nothing"
        if drop > 0:
            falls = _remember(falls, Fall(before, len(out)))
            out.append(Step(since, at, _fallen(point, before, value)))
        else:
            amount = value - before
            while falls:
                fall = falls[-1]
                booked = sum(step.amount for step in out[fall.first :])
                if value < fall.value or amount <= booked + CLOSE:
                    break
                for step in out[fall.first :]:
                    step.amount = 0.0
                amount = value - fall.value
                falls = falls[:-1]
            out.append(Step(since, at, amount))
        last = (at, value)
    return out


def _remember(falls: Sequence[Fall], new: Fall) -> list[Fall]:
    if len(falls) < REMEMBERED:
        return [*falls, new]
    passed = [one for one in falls if one.value <= new.value]
    forgotten = passed[0] if passed else falls[-1]
    return [*(one for one in falls if one is not forgotten), new]


def _fallen(point: PointDef, before: float, value: float) -> float:
    """A rollover when it explains the drop by a small increase; else a restart, or another meter."""
    if point.rollover and before - value > point.rollover / 2:
        over = value + point.rollover - before
        if 0 <= over <= point.rollover / 4:
            return over
    return max(0.0, value) if point.reset == "restart" else 0.0


def good_numbers(history: History, name: str) -> list[tuple[int, float]]:
    """The known readings of a counter."""
    return [(at, float(value)) for at, value in history.good(name) if not isinstance(value, str)]


def calendar_increase(
    signal: SignalDef, history: History, windows: Sequence[tuple[int, int]], coverage: float, until: int
) -> dict[int, float | None]:
    """Begin of each window -> its increase; None = unknown. `until`: the end of all that is known."""
    rows = good_numbers(history, signal.of)
    gap = 3 * history.points[signal.of].every
    if not rows:
        return {}
    booked: dict[int, float] = {begin: 0.0 for begin, _ in windows}
    lost: dict[int, int] = {begin: 0 for begin, _ in windows}
    pieces = steps(history.points[signal.of], rows)
    pieces.append(Step(pieces[-1].at if pieces else rows[0][0], until, 0.0))  # a row sent again ends no silence
    _lose(windows, lost, windows[0][0], rows[0][0])
    for step in pieces:
        touched = [window for window in windows if window[0] < step.at and step.since < window[1]]
        crosses = any(step.since < edge <= step.at for window in windows for edge in window)  # nights have two
        nowhere = False
        if gap and step.at - step.since > gap and crosses:
            shares = [_share(window, step.since, step.at) for window in touched]
            nowhere = max(shares, default=0.0) > 1 - coverage + CLOSE
            for window in touched:
                lost[window[0]] += _inside(window, step.since, step.at)
        home = next((begin for begin, end in windows if begin <= step.at < end), None)
        if home is not None and not nowhere:
            booked[home] += step.amount
    return {
        begin: booked[begin] if end > rows[0][0] and 1 - lost[begin] / (end - begin) >= coverage - CLOSE else None
        for begin, end in windows
    }


def _lose(windows: Sequence[tuple[int, int]], lost: dict[int, int], since: int, at: int) -> None:
    """ "the first window counts from its first reading, the time before it is lost"."""
    for window in windows:
        lost[window[0]] += _inside(window, since, at)


def _inside(window: tuple[int, int], since: int, at: int) -> int:
    return max(0, min(at, window[1]) - max(since, window[0]))


def _share(window: tuple[int, int], since: int, at: int) -> float:
    return _inside(window, since, at) / (window[1] - window[0])
