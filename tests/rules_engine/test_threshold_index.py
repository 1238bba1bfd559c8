"""Rules judged together say what each says alone: ties at bounds, unknown, infinite, repeated devices, attributes."""

from math import inf, nan

import numpy as np
from depth import examples
from engine_lab import T0, Lab, S, bytes_of, charger, rules_of, run, told
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from row_by_row import scalar_of

from gateway.domain.device import Device
from gateway.domain.record import DeviceSet, Tick
from rules.compiled import Bar, Levels, Rule
from rules.engine.conditions.threshold_index import AT_ONCE, SortedBounds, ThresholdIndex

VALUES = (nan, inf, -inf, 0.0, 70.0, 80.0, np.nextafter(80.0, inf), np.nextafter(80.0, -inf), 85.0, 90.0, 1e300)
NUMBERS = st.sampled_from(("70", "80", "80.0000001", "85", "0"))
TESTS = st.sampled_from((">=", ">", "<=", "<", "=="))
EDGE = st.builds("gun_temp {} {} degC".format, TESTS, NUMBERS)
OTHER = st.builds("current {} {} A".format, TESTS, NUMBERS)
OWN = st.builds("gun_temp {} attr('trip', 85 degC)".format, TESTS)
MORE = st.sampled_from((
    "gun_temp > ambient", "ambient >= gun_temp", "gun_temp - ambient > 10 degC", "gun_temp - ambient <= 0 degC",
    "max(gun_temp, ambient) >= 85 degC", "2 * current > 170 A", "current / 2 < 35 A", "gun_temp == ambient",
    "not (current < 80 A)", "has(ambient)", "changed(gun_temp)",
))  # fmt: skip
PARTS = st.one_of(EDGE, EDGE, OTHER, OWN, MORE)
CONDITIONS = st.one_of(
    EDGE,
    EDGE,
    OWN,
    st.builds("{} and {}".format, PARTS, EDGE),
    st.builds("{} or {}".format, PARTS, EDGE),
    st.builds("({} or {}) and {}".format, PARTS, EDGE, PARTS),
)
STEPS = st.sampled_from((
    ("gun_temp >= 70 degC", "gun_temp >= 80 degC"), ("gun_temp < 85 degC", "gun_temp < 80 degC"),
    ("gun_temp > 0 degC and current > 80 A", "gun_temp > attr('trip', 85 degC)"),
))  # fmt: skip
PAIRS = st.sampled_from((
    ("gun_temp >= 80 degC", "gun_temp < 70 degC"), ("gun_temp <= 70 degC", "gun_temp > 80 degC"),
    ("gun_temp > 80 degC", "gun_temp <= 80 degC"),
))  # fmt: skip
HEAD = """- id: r{}
  title: {{en: t, zh: 题}}
  why: w
  watch: {{kind: charger, each: connector{}}}
  then: {{order: {{type: repair}}}}
"""


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    """Up to eight level rules with and without hold, clear, latch, second level."""
    texts = []
    for k in range(draw(st.integers(1, 8))):
        where = draw(st.sampled_from(("", "", ", where: \"tag('hot')\"")))
        if draw(st.integers(0, 4)) == 0:
            low, high = draw(STEPS), draw(st.sampled_from(("", ", hold: 10s")))
            body = f'  levels:\n    minor: {{when: "{low[0]}"}}\n    major: {{when: "{low[1]}"{high}}}\n'
        else:
            when, clear = draw(st.one_of(PAIRS, st.tuples(CONDITIONS, st.sampled_from(("", "ambient <= 80 degC")))))
            body = f'  when: "{when}"\n' + (f'  clear: "{clear}"\n' if clear else "")
            body += draw(st.sampled_from(("", "  hold: 15s\n", "  hold: {for: 10s, gap: 10s}\n")))
            body += draw(st.sampled_from(("", "", "  clear_hold: 10s\n", "  auto_clear: false\n")))
        texts.append(HEAD.format(k, where) + body)
    return rules_of("format: 1\nrules:\n" + "".join(texts))


def device(number: int, trip: object = None, *, hot: bool = False) -> Device:
    """A charger, perhaps with its own threshold and a tag."""
    attrs = {} if trip is None else {"trip": trip}
    return charger(number, attrs=attrs, tags=("hot",) if hot else ())


@st.composite
def journals(draw: st.DrawFn) -> Lab:
    """Batches of frames in order, several per device, with changed attributes and ticks in between."""
    lab = Lab(draw(rules()), [device(1), device(2, "80 degC", hot=True), device(3, "nonsense")])
    now = 0.0
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.integers(0, 5))
        if kind == 0:
            trip, hot = draw(st.sampled_from((None, "60 degC", "80 degC", 1e6))), draw(st.booleans())
            lab.write(DeviceSet(device(draw(st.integers(1, 3)), trip, hot=hot)), now)
        elif kind == 1:
            lab.write(Tick(T0 + round(now * S)), now)
        frames = []
        for _ in range(draw(st.integers(1, 12))):
            now += draw(st.sampled_from((0, 1, 5, 5, 10, 40)))
            number, component = draw(st.integers(1, 3)), draw(st.integers(1, 2))
            names = draw(
                st.sampled_from((("gun_temp",), ("gun_temp", "current"), ("current",), ("ambient", "gun_temp")))
            )
            frames.append(
                [
                    told(number, name, now, draw(st.sampled_from(VALUES)), 0 if name == "ambient" else component)
                    for name in names
                ]
            )
        lab.read(*frames)
        now += 1
    return lab


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(journals())
def test_together_is_as_alone(lab: Lab) -> None:
    assert bytes_of(run(lab.records, scalar=True)) == bytes_of(lab.got)


@settings(max_examples=examples(30), deadline=None)
@given(
    st.lists(st.sampled_from(VALUES).filter(lambda x: x == x), min_size=1, max_size=12),
    st.lists(st.sampled_from(VALUES), max_size=40),
    st.sampled_from((1, -1)),
)
def test_a_ladder_finds_exactly_the_bars_that_hold(bounds: list[float], values: list[float], sign: int) -> None:
    ladder = SortedBounds(0, sign, np.sort(bounds), np.arange(len(bounds)))
    found = {
        (r, i)
        for rule, item in ladder.reached(np.array(values))
        for r, i in zip(rule.tolist(), item.tolist(), strict=True)
    }
    assert found == {(r, i) for r, b in enumerate(sorted(bounds)) for i, x in enumerate(values) if sign * x >= b}


def test_a_ladder_takes_what_is_reached_in_parts() -> None:
    ladder = SortedBounds(0, 1, np.zeros(1000), np.arange(1000))
    parts = list(ladder.reached(np.ones(2 * AT_ONCE // 1000 + 1)))
    assert len(parts) > 2
    assert sum(len(rule) for rule, _ in parts) == 2 * AT_ONCE + 1000
    assert max(len(rule) for rule, _ in parts) <= AT_ONCE + 1000
    assert parts[0][1][0] == 0


@settings(max_examples=examples(30), deadline=None)
@given(CONDITIONS, st.lists(st.sampled_from(VALUES), min_size=3, max_size=3), st.sampled_from((nan, 60.0, 85.0)))
def test_no_condition_is_true_or_false_without_a_bar_of_each_clause(text: str, row: list[float], trip: float) -> None:
    (one,) = rules_of(f'format: 1\nrules:\n{HEAD.format(0, "")}  when: "{text}"\n')
    assert isinstance(one.condition, Levels)
    when = one.condition.levels[0].when
    given = dict(zip(("gun_temp", "current", "ambient"), row, strict=True))
    slots = [given.get(slot.name, trip) for slot in when.slots]
    truth = scalar_of(when)(slots)
    for clause in when.demands if truth == 1.0 else when.denials if truth == 0.0 else ():
        bounds = [bar.bound if bar.slot < 0 else bar.sign * slots[bar.slot] for bar in clause]
        assert any(bar.sign * _value(bar, given) >= bound for bar, bound in zip(clause, bounds, strict=True)), clause


def _value(bar: Bar, given: dict[str, float]) -> float:
    """That of its point, or of its term."""
    if isinstance(bar.value, str):
        return given[bar.value]
    return float(bar.value.of([np.array([given[name]]) for name in bar.value.points])[0])


def test_rules_that_nothing_reaches_are_not_asked() -> None:
    texts = "".join(HEAD.format(k, "") + f'  when: "gun_temp >= {90 + k} degC and current > 1 A"\n' for k in range(50))
    lab = Lab(rules_of("format: 1\nrules:\n" + texts), [charger(1), charger(2)])
    lab.read([told(1, "gun_temp", 0, 20.0, 1), told(1, "current", 0, 5.0, 1)])
    requested: list[str] = []
    assert lab.engine is not None
    fused: ThresholdIndex = lab.engine.evaluators.main._indexes["charger"]
    for runner in fused.evaluators:
        look = runner.judge_units
        runner.judge_units = lambda view, units, look=look, rule=runner.rule.id: (
            requested.append(rule),
            look(view, units),
        )[1]  # type: ignore[method-assign, assignment, misc]
    lab.read([told(1, "gun_temp", 10, 92.0, 1), told(1, "current", 10, 5.0, 1)])
    assert requested == ["r0", "r1", "r2"]
    lab.read([told(1, "gun_temp", 20, 20.0, 1), told(1, "current", 20, 5.0, 1)])
    assert requested == ["r0", "r1", "r2"] * 2, "alarms that are on are asked again, for they may clear"
    lab.read([told(1, "gun_temp", 30, 20.0, 1), told(1, "current", 30, 5.0, 1)])
    assert requested == ["r0", "r1", "r2"] * 2
