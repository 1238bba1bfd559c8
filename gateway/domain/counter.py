"""Meaning of a counter's fall (RULES section 4): rollover, restart, swap, re-sent rows, falls taken back. Pure.

One decision serves `increase`, `rate`, `every` and `plausible`. It makes of a counter a line that never falls:
`value + shift`. Of several rules that fit, the first holds:

1. lower by less than 0.1 % of the last value, or than the resolution: a row sent again, which changes nothing;
2. lower by more than half of the modulus, when the increase this means is at most a quarter of it: a rollover;
3. lower: a reset, `restart` adds the new value, `swap` nothing;
4. at or above the value of a fall, in one step larger than all that was booked since it: that fall is taken back;
5. else the difference is booked.

A step is compared with the newest fall. If it takes that fall back, the step from the value of that fall is compared
with the fall before. Three falls are kept. A further one replaces the oldest that the counter has passed since, else
the newest but one.
"""

from typing import Final, NamedTuple

from gateway.domain.device import CounterModel

RESENT: Final = 0.001
"""Fraction of the last value: a smaller drop is an old row sent again."""
KEPT: Final = 3
"""Number of falls kept."""
_ROUNDING: Final = 1e-12
"""Relative rounding error of the compared numbers; a step must exceed the booked amount by more."""


class Fall(NamedTuple):
    """The reading a counter fell from: `value`, `shift` of the line there, `at` µs."""

    value: float
    shift: float
    at: int

    @property
    def line(self) -> float:
        """Amount counted up to the fall."""
        return self.value + self.shift


class CounterState(NamedTuple):
    """The newest reading of a counter, and the `falls` that may be taken back, the newest last."""

    value: float
    shift: float
    at: int
    falls: tuple[Fall, ...] = ()

    @property
    def line(self) -> float:
        """Amount counted up to the newest reading."""
        return self.value + self.shift


class CounterStep(NamedTuple):
    """The state after a reading; `back` is the fall that it took back (the oldest, when it took back several)."""

    state: CounterState
    back: Fall | None = None


def advance(state: CounterState, value: float, at: int, model: CounterModel) -> CounterStep | None:
    """State after the next reading, `value` at `at` µs; None when the reading was sent again and changes nothing."""
    last, shift, falls = state.value, state.shift, state.falls
    if value >= last:
        k = _taken_back(state, value) if falls else None
        if k is None:
            return CounterStep(CounterState(value, shift, at, falls))
        return CounterStep(CounterState(value, falls[k].shift, at, falls[:k]), falls[k])
    drop = last - value
    if drop < RESENT * last or drop < model.resolution:
        return None
    moved = _shift_of(last, value, model)
    return CounterStep(CounterState(value, shift + moved, at, _remembered(falls, Fall(last, shift, state.at))))


class NewMeter(NamedTuple):
    """A meter that counts from `start` since `at` µs. `final`: the last value of the meter before, NaN = not read."""

    start: float
    at: int
    final: float = float("nan")


def exchanged(state: CounterState, meter: NewMeter) -> CounterState:
    """State after an exchange. What the old meter counted after its last reading is booked when its final value is
    known and not lower; its falls can no longer be taken back."""
    final = max(state.value, meter.final)  # NaN is not
    return CounterState(meter.start, state.shift + final - meter.start, meter.at)


def _shift_of(last: float, value: float, model: CounterModel) -> float:
    """Increase of the line's shift at a fall from `last` to `value`."""
    drop, modulus = last - value, model.rollover
    if modulus > 0 and drop > modulus / 2 and 0 <= modulus - drop <= modulus / 4:
        return modulus
    return last if model.reset == "restart" and value >= 0 else drop  # a negative value adds nothing


def _remembered(falls: tuple[Fall, ...], fall: Fall) -> tuple[Fall, ...]:
    if len(falls) == KEPT:
        gone = next((k for k, one in enumerate(falls) if one.value <= fall.value), KEPT - 1)
        falls = falls[:gone] + falls[gone + 1 :]
    return (*falls, fall)


def _taken_back(state: CounterState, value: float) -> int | None:
    """Index of the oldest fall that a step up to `value` takes back; None = none."""
    line, before, found = state.line, state.value, None
    for k in range(len(state.falls) - 1, -1, -1):
        fall = state.falls[k]
        rounding = _ROUNDING * max(abs(line), abs(value))
        if value < fall.value or value - before <= line - fall.line + rounding:
            break
        line, before, found = fall.line, fall.value, k
    return found
