"""One counter, whatever happens to it: `increase`, `rate` and `every` against a reference written from RULES.md."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isclose

import numpy as np
import pytest
from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.counter_model import Course, Falls, course, multiples, over, rate, windows
from rules_engine.engine_lab import POINTS, T0, S, meter, rule, told
from rules_engine.past_lab import Gateway

from gateway.domain.duration import HOUR
from gateway.domain.reading import Batch, Reading, concat
from gateway.domain.record import MeterExchanged
from rules.conditions.counter_multiple.evaluator import CounterMultipleForm
from rules.engine.conditions.base import ConditionEvaluator
from rules.engine.conditions.single_alarm_evaluator import SingleAlarmEvaluator
from rules.engine.late.history_answers import History
from rules.engine.rerun import answer

M = 600
GAP = 3 * M * S
COVERAGE = 0.5
MODELS = {
    "water": Falls(),
    "session": Falls(reset="restart"),
    "volume": Falls(rollover=1000.0),
    "coarse": Falls(reset="restart", resolution=2.0),
}
STEP, FROM, AHEAD = 40.0, 15.0, 5.0
DEPTH = 4
RULES = {
    "hours": '  let: {u: {increase: POINT, per: hour, coverage: 0.5}}\n  when: "u > before(u, 3) + 30 m3"',
    "sliding": '  let: {u: {increase: POINT, over: 2h, coverage: 0.5}}\n  when: "u > 30 m3"',
    "rate": '  let: {u: {rate: POINT}}\n  when: "u > 60 m3/h"',
    "every": f"  every: {{counter: POINT, step: {STEP} m3, from: {FROM} m3, ahead: {AHEAD} m3}}",
}  # fmt: skip


@dataclass
class Story:
    """What a meter says, by arrival; `facts`: (number of readings before it, at s, start)."""

    arrivals: list[tuple[float, float]] = field(default_factory=list)  # at s, value; NaN = bad
    facts: list[tuple[int, float, float]] = field(default_factory=list)

    def truth(self) -> list[tuple[int, float]]:
        """Sorted; of one moment the last received counts."""
        found: dict[float, float] = dict(self.arrivals)
        return sorted((round(at * S), value) for at, value in found.items() if value == value)


def story(seed: int) -> Story:
    """A meter that counts, says zero, falls, comes back, is exchanged, rolls over, speaks twice, or late."""
    dice = random.Random(seed)
    found, at, value = Story(), 60.0, dice.choice([0.0, 3.0, 90.0, 500.0, 980.0])
    below: tuple[float, int] | None = None  # (what it was before a session, readings until it comes back)
    for _ in range(dice.randint(2, 30)):
        at += dice.choice([M, M, M, M, 2 * M, 4 * M, 13 * M])
        value += dice.choice([0.0, 0.0, 0.5, 1.0, 3.0, 8.0, 25.0])
        if below is not None:
            below = below[0], below[1] - 1
            if below[1] <= 0:
                value, below = below[0] + dice.choice([0.0, 0.5, 4.0]), None
        what = dice.choice(
            ["count"] * 12 + ["zero", "session", "reset", "turn", "noise", "exchange", "wrong", "bad", "late"]
        )
        if what == "zero":
            found.arrivals.append((at, dice.choice([0.0, 0.0, 2.0])))
            at += M
        elif what == "session" and below is None:
            below, value = (value, dice.randint(1, 6)), dice.choice([0.0, 0.25, 3.0])
        elif what == "reset":
            below, value = None, dice.choice([0.0, 5.0, value / 2])
        elif what == "turn":
            value = value - 1000 + dice.choice([0.0, 20.0]) if value > 900 else value + 300
        elif what == "noise":
            found.arrivals.append((at, value - min(value * 0.0005, 0.3)))
            continue
        elif what == "exchange":
            found.facts.append((len(found.arrivals), at - 1, dice.choice([0.0, 7.0])))
            below, value = None, found.facts[-1][2] + dice.choice([0.0, 2.0])
        elif what in {"wrong", "bad"}:
            wrong = dice.choice([value + 60, value / 2, 0.0])
            found.arrivals.append((at, wrong))
            if what == "bad":
                found.arrivals.append((at, float("nan")))
                continue
        found.arrivals.append((at, value))
        if what == "late" and len(found.arrivals) > 3 and len(found.facts) == 0:
            k = dice.randint(1, min(4, len(found.arrivals) - 1))
            found.arrivals.append(found.arrivals.pop(-1 - k))
    return found


def stored(batches: Sequence[Batch]) -> History:
    """A store that gives what was asked for: from `start` on, and of each point the newest before."""

    def history(devices: Sequence[int], start: int) -> Batch:
        rows = concat(list(batches))
        rows = rows.select(np.isin(rows.device, np.array(devices, np.int32)))
        before = np.flatnonzero(rows.at < start)
        keep = rows.at >= start
        if len(before):
            keep |= rows.at == rows.at[before].max()
        return rows.select(keep)

    return history


class Store(Gateway):
    """Answers with no more history than is asked for; facts of exchanges have their time."""

    def give(self, at: float) -> None:
        while self.engine.wanted:
            for fact in answer(self.engine, stored(self.batches)):
                self._append(fact, at)


def live(point: str, kind: str, told_: Story, *, cut: random.Random | None = None) -> Store:
    """The story through an engine, one reading after the other or in batches, with ticks."""
    store = Store([rule(RULES[kind].replace("POINT", point), "{kind: gas_meter}")], [meter(1)])
    number, newest, batch = POINTS["gas_meter", point, 0].id, 0.0, list[Sequence[Reading]]()
    facts = {place: (at, start) for place, at, start in told_.facts}

    def send() -> None:
        if batch:
            store.read(*batch, at=newest)
            store.tick(newest)
        batch.clear()

    for place, (at, value) in enumerate(told_.arrivals):
        if place in facts:
            send()
            when, start = facts[place]
            store.tick(when)
            store.write(MeterExchanged(1, number, T0 + round(when * S), start), when)
        newest = max(newest, at)
        batch.append([told(1, point, at, value, received=newest)])
        if cut is None or cut.random() < 0.4:
            send()
    send()
    store.tick(newest + 3 * 3600)
    store.tick(newest + 3 * 3600 + 120)
    return store


def evaluator_of(store: Store) -> ConditionEvaluator:
    """The only one."""
    return store.engine.evaluators.main.installed.evaluators["r"][0]


def form_of(evaluator: ConditionEvaluator) -> CounterMultipleForm:
    """That of an `every` rule."""
    assert isinstance(evaluator, SingleAlarmEvaluator)
    assert isinstance(evaluator.form, CounterMultipleForm)
    return evaluator.form


def expected(point: str, told_: Story) -> Course | None:
    """What the meter counted; times from T0."""
    facts = [(round(at * S), start) for _, at, start in told_.facts]
    truth = told_.truth()
    return course(truth, MODELS[point], facts) if truth else None


def check(point: str, kind: str, told_: Story, store: Store) -> None:
    """State at the end = the reference."""
    counted, runner = expected(point, told_), evaluator_of(store)
    if counted is None:
        return
    now = store.engine.now - T0
    if kind == "hours":
        first = counted.counts[0].at // HOUR * HOUR
        ends = [(a, a + HOUR) for a in range(first, now + 1, HOUR)]
        closed = [
            value
            for (_, end), (value, _) in zip(ends, windows(counted, ends, GAP, COVERAGE, now), strict=True)
            if end <= now
        ]
        assert runner.windows is not None
        ring = runner.windows.operators[0].ring[:, 0].tolist()  # type: ignore[attr-defined]
        want = ([float("nan")] * DEPTH + [float("nan") if v is None else v for v in closed])[: -DEPTH - 1 : -1]
        assert ring == pytest.approx(want, abs=1e-6, nan_ok=True)
    elif kind in {"sliding", "rate"}:
        assert runner.windows is not None
        newest = round(max(at for at, _ in told_.arrivals) * S)
        for t in (newest, newest + 15 * 60 * S):
            value = float(runner.windows.operators[0].held(np.array([0]), np.array([T0 + t]))[0][0])  # type: ignore[attr-defined]
            slope = rate(counted, t, GAP)
            want = over(counted, t, 2 * HOUR, GAP, COVERAGE) if kind == "sliding" else slope and slope * HOUR
            assert (value != value) == (want is None), t
            assert want is None or isclose(value, want, abs_tol=1e-6), t
    else:
        form = form_of(runner)
        begun, reached = multiples(counted, STEP, FROM, AHEAD)
        assert form.multiples.reported[0] == reached
        assert bool(form.alarm.raised[0]) == (reached > begun)
    assert store.engine.glitches(1).get(point, 0) == len(counted.glitches)


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("point", MODELS)
def test_a_counter_means_what_the_rules_say(point: str, kind: str) -> None:
    @settings(max_examples=examples(8), deadline=None)
    @given(st.integers(0, 100_000))
    def whatever_the_meter_says(seed: int) -> None:
        told_ = story(seed)
        plain = live(point, kind, told_)
        check(point, kind, told_, plain)
        plain.check_replay()
        check(point, kind, told_, live(point, kind, told_, cut=random.Random(seed)))

    whatever_the_meter_says()


def test_a_look_that_a_tick_asks_for_begins_before_the_fall() -> None:
    """0 from 1260 s on never was, 357 counts from 353: 357 + 5 - 15 = 347 is 8 x 40. The second value that is replaced
    within a minute is looked at by a tick; a look that begins at 0 would count 357 more.
    """
    told_ = Story([(60, 100), (660, 353), (1260, 0), (5460, 0), (7860, 0), (10260, 357), (12660, 180), (12660, 357),
                   (12700, 180), (12700, 357)])  # fmt: skip
    store = live("water", "every", told_)
    check("water", "every", told_, store)
    assert form_of(evaluator_of(store)).multiples.reported[0] == 8
    store.check_replay()
