"""Signals mean one thing: columns or single readings, any batches, any restart; windows as a list would do them."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from engine_lab import T0, meter, told
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_lab import SignalLab, let

from gateway.domain.counter import NewMeter
from gateway.domain.device import Site
from gateway.domain.reading import Reading
from rules.engine.frames.at import At

M = 600
NAN = float("nan")
LETS = {
    "mean": "{mean: battery, over: 1h, coverage: 0.3}",
    "sum": "{sum: battery, over: 5h, coverage: 0}",
    "spread": "{spread: battery, over: 1h, coverage: 0.5}",
    "stddev": "{stddev: battery, over: 1h, coverage: 0.3}",
    "median": "{median: battery, over: 1h, coverage: 0.3}",
    "percentile": "{percentile(90): battery, over: 4h, coverage: 0}",
    "last": "{last: battery, over: 20m, coverage: 0.3}",
    "fall": "{fall: battery, over: 2h}",
    "rise": "{rise: battery, over: 1h, max_gap: 20m}",
    "rate": "{rate: volume}",
    "rate-over": "{rate: volume, over: 1h, max_gap: 1h}",
    "slope": "{rate: battery, over: 1h}",
    "increase": "{increase: volume, over: 2h, coverage: 0.4}",
    "share": "{share: \"battery > attr('low', 3 V) and not tag('new')\", over: 1h, coverage: 0.3}",
    "times": "{times: \"battery > attr('low', 3 V)\", over: 1h}",
    "times-covered": '{times: "battery > 3 V", over: 2h, coverage: 0.4}',
    "ewma": "{ewma: battery, half_life: 1h, warmup: 30m}",
    "zscore": "{zscore: battery, half_life: 1h, season: hour_of_week}",
    "mean-hour": "{mean: battery, per: hour, coverage: 0.3}",
    "median-hour": "{median: battery, per: hour, coverage: 0.3}",
    "percentile-night": "{percentile(78): battery, per: night(01:00-03:00), coverage: 0}",
    "stddev-night": "{stddev: battery, per: night(01:00-03:00), coverage: 0}",
    "first-hour": "{first: battery, per: hour, coverage: 0}",
    "increase-hour": "{increase: volume, per: hour, coverage: 0.4}",
    "increase-night": "{increase: volume, per: night(09:30-10:10), coverage: 0.3}",
    "times-hour": '{times: "battery > 3 V", per: hour}',
    "times-night": '{times: "battery > 3 V and volume > 3 m3", per: night(01:00-03:00), coverage: 0.2}',
    "share-hour": '{share: "battery > 3 V", per: hour, coverage: 0.3}',
}
DEVICES = (meter(1), meter(2, site="S", attrs={"low": "3.3 V"}), meter(3, tags=("new",)))
SITES = (Site("S", timezone="Asia/Shanghai"),)
VALUES = (0.1, 2.5, 3.0, 3.1, 3.7, 90.0, 999.5, NAN)

Step = tuple[str, object]


@st.composite
def scripts(draw: st.DrawFn) -> list[Step]:
    """Batches of frames, ticks, and a meter that is exchanged."""
    clock = dict.fromkeys((1, 2, 3), 0.0)
    steps: list[Step] = []
    now = 0.0
    for _ in range(draw(st.integers(1, 12))):
        frames: list[list[Reading]] = []
        for _ in range(draw(st.integers(1, 8))):
            device = draw(st.sampled_from((1, 1, 2, 3)))
            clock[device] += draw(st.sampled_from((0, 60, M, M, M, 2 * M, 4 * M, 20 * M)))
            frame = [told(device, "battery", clock[device], draw(st.sampled_from(VALUES)))]
            if draw(st.booleans()):
                frame.append(told(device, "volume", clock[device], draw(st.sampled_from(VALUES))))
            frames.append(frame[draw(st.integers(0, 1)) :] if len(frame) > 1 else frame)
        steps.append(("read", frames))
        now = max(now, *clock.values())
        if draw(st.integers(0, 2)) == 0:
            now += draw(st.sampled_from((0.0, 1.0, 1900.0, 7200.0)))
            steps.append(("tick", now))
        if draw(st.integers(0, 9)) == 0:
            steps.append(("exchange", now))
    return steps


def play(
    name: str, steps: Sequence[Step], *, scalar: bool = False, restart: int = -1, single: bool = False
) -> SignalLab:
    """The script through new signals."""
    lab = SignalLab(let(LETS[name]), DEVICES, SITES, scalar=scalar)
    for number, (what, content) in enumerate(steps):
        if number == restart:
            lab.restart()
        if what == "tick":
            lab.tick(content)  # type: ignore[arg-type]
        elif what == "exchange":
            meter = NewMeter(1.0, round(content) * 1_000_000 + T0)  # type: ignore[call-overload]
            lab.signals.exchange(0, "volume", meter, lab)
        elif single:
            for frame in content:  # type: ignore[attr-defined]
                lab.read(frame)
        else:
            lab.read(*content)  # type: ignore[misc]
    return lab


def heard(lab: SignalLab) -> list[object]:
    """Everything that came out, thing by thing, to the last bit."""
    sides = sorted_by(lab.now), sorted_by(lab.closed)
    out = [[(device, at, np.float64(value).tobytes()) for device, at, value in side] for side in sides]
    seen = [lab.signals.seen(At(thing, int(lab.space.newest[thing]))) for thing in range(len(lab.space))]
    held = [np.float64(lab.at(1e6, thing)).tobytes() for thing in range(len(lab.space))]
    return [*out, repr(seen), held, lab.signals.chain.missed]


def sorted_by(side: list[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """Things apart, each in its own order."""
    return sorted(side, key=lambda one: one[0])


FEW = settings(max_examples=8, derandomize=True, deadline=None)


@pytest.mark.parametrize("name", LETS)
def test_one_meaning(name: str) -> None:
    @FEW
    @given(scripts(), st.integers(0, 30))
    def whatever_the_path(steps: list[Step], where: int) -> None:
        plain = heard(play(name, steps))
        assert heard(play(name, steps, scalar=True))[:-1] == plain[:-1]
        assert heard(play(name, steps, restart=where % len(steps)))[:-1] == plain[:-1]
        assert heard(play(name, steps, single=True))[:-1] == plain[:-1]

    whatever_the_path()


@pytest.mark.parametrize("name", LETS)
def test_all_of_it_is_known_sometimes(name: str) -> None:
    """The property above is worth something only where there are values."""
    random = np.random.default_rng(5)
    values = np.cumsum(random.random(600))
    frames = [
        [told(1, "battery", k * M, float(random.choice(VALUES[1:5]))), told(1, "volume", k * M, float(values[k]))]
        for k in range(600)
    ]
    steps: list[Step] = [("read", frames), ("tick", 600.0 * M)]
    lab = play(name, steps)
    known = [value for _, _, value in (lab.closed or lab.now) if value == value]
    assert len(set(known)) > 2
    assert heard(play(name, steps, single=True)) == heard(lab)


@FEW
@given(scripts(), st.sampled_from(("mean", "sum", "spread", "stddev", "last", "median", "percentile")))
def test_sliding_windows_as_a_list_would_do_it(steps: list[Step], name: str) -> None:
    steps = [step for step in steps if step[0] == "read"]
    lab = play(name, steps)
    frames = [frame for _, content in steps for frame in content]  # type: ignore[attr-defined]
    signal = lab.rule.signals[0]
    mine: dict[int, dict[int, float]] = {}
    expected: dict[int, list[float]] = {}
    for frame in frames:
        first = frame[0]
        rows = mine.setdefault(first.device, {})
        for row in frame:
            if row.point == told(1, "battery", 0, 0.0).point:
                rows[row.at] = row.value
        expected.setdefault(first.device, []).append(
            listed(name, rows, first.at, signal.window.length, signal.coverage)  # type: ignore[union-attr]
        )
    got: dict[int, list[float]] = {}
    for device, _, value in lab.now:
        got.setdefault(device, []).append(value)
    for device, values in got.items():
        assert values[-1] == pytest.approx(expected[device][-1], rel=1e-9, abs=1e-9, nan_ok=True)


def listed(name: str, rows: dict[int, float], t: int, over: int, coverage: float) -> float:
    """The definition, slowly."""
    times = sorted(rows)
    seen = 0
    for at, following in zip(times, [*times, 1 << 62][1:], strict=True):
        if rows[at] == rows[at]:
            seen += max(0, min(following, at + 3 * M * 1_000_000, t) - max(at, t - over))
    inside = [rows[at] for at in times if t - over < at <= t and rows[at] == rows[at]]
    if not any(value == value for value in rows.values()) or seen / over < coverage - 1e-9:
        return NAN
    if name == "sum":
        return math.fsum(inside)
    if not inside:
        return NAN
    mean = math.fsum(inside) / len(inside)
    return {
        "median": ranked(inside, 50),
        "percentile": ranked(inside, 90),
        "mean": mean,
        "spread": max(inside) - min(inside),
        "last": inside[-1],
        "stddev": math.sqrt(math.fsum((value - mean) ** 2 for value in inside) / len(inside)),
    }[name]


def ranked(values: Sequence[float], rank: float) -> float:
    """The percentile by its definition."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * rank / 100
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    return below + (place - math.floor(place)) * (above - below)


@FEW
@given(scripts(), st.sampled_from(("times", "times-hour")))
def test_times_as_a_list_would_count(steps: list[Step], name: str) -> None:
    """Device 1, whose readings are in order: of the truths of a moment the last one holds."""
    steps = [step for step in steps if step[0] == "read"]
    lab = play(name, steps)
    truths: dict[float, float] = {}
    for _, content in steps:
        for frame in content:  # type: ignore[attr-defined]
            for row in frame:
                if row.device == 1 and row.point == told(1, "battery", 0, 0.0).point:
                    truths[(row.at - T0) / 1e6] = NAN if row.value != row.value else float(row.value > 3.0)
    risen, known = [], NAN
    for at, truth in sorted(truths.items()):
        if truth == truth:
            risen += [at] if truth == 1.0 and known != 1.0 else []
            known = truth
    first = min((at for at, truth in truths.items() if truth == truth), default=math.inf)
    if name == "times":
        newest = {at: value for device, at, value in lab.now if device == 1}
        for at, value in newest.items():
            assert value == pytest.approx(
                sum(at - 3600 < one <= at for one in risen) if first <= at else NAN, nan_ok=True
            )
    else:
        for device, end, value in lab.closed:
            if device == 1 and value == value:
                assert value == sum(end - 3600 <= one < end for one in risen)


def test_a_row_moves_to_another_engine() -> None:
    frames = [[told(2, "battery", k * M, float(k % 7)), told(2, "volume", k * M, float(k))] for k in range(400)]
    for name in LETS:
        there, here = play(name, [("read", frames)]), play(name, [("read", [[told(1, "battery", 0, 1.0)]])])
        here.signals.take_row(1, there.signals, 1)
        more = [[told(2, "battery", k * M, 1.0), told(2, "volume", k * M, float(k))] for k in range(400, 420)]
        for lab in (there, here):
            lab.now.clear()
            lab.closed.clear()
            lab.read(*more)
        assert heard(here)[:2] == heard(there)[:2], name
