"""Kinds, random expressions and columns for the tests of the rule language."""

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from gateway.domain.alarm import Level
from gateway.domain.code_table import CodeEntry, CodeTable
from gateway.domain.device import CounterModel, PointKind, PointSpec
from gateway.domain.duration import SECOND
from gateway.domain.fence import Fence
from gateway.domain.reading import F64
from rules.compiled import Calendar, Expression, Names, Period, SlotKind
from rules.expr.name_scope import Coded, NameScope, SignalType

GAUGE, COUNTER, STATE = PointKind.GAUGE, PointKind.COUNTER, PointKind.STATE


def _each(name: str, kind: PointKind = GAUGE, unit: str = "", values: tuple[str, ...] = ()) -> PointSpec:
    return PointSpec(name, kind, unit, 10 * SECOND, True, values)


def _kind(*points: PointSpec) -> dict[str, PointSpec]:
    return {point.name: point for point in points}


VOCABULARY = {
    "charger": _kind(
        _each("gun_temp", unit="degC"),
        _each("voltage", unit="V"),
        _each("current", unit="A"),
        _each("status", STATE, values=("available", "charging", "fault")),
        _each("fault_code", STATE, values=("none",)),
        _each("energy", COUNTER, "kWh"),
        PointSpec("cabinet_temp", unit="degC"),
        PointSpec("latitude", unit="deg"),
        PointSpec("longitude", unit="deg"),
        PointSpec("starts", COUNTER),
    ),
    "gas_meter": _kind(
        PointSpec("volume_total", COUNTER, "m3", counter=CounterModel(rollover=1000.0, resolution=0.01)),
        PointSpec("flow", unit="m3/h"),
        PointSpec("pressure", unit="kPa"),
        PointSpec("temperature", unit="degC"),
        PointSpec("battery", unit="V"),
        PointSpec("valve", STATE, values=("open", "closed")),
    ),
    "water_meter": _kind(PointSpec("volume_total", COUNTER, "m3"), PointSpec("battery", unit="V")),
    "vehicle": _kind(
        PointSpec("soc", unit="pct"),
        PointSpec("speed", unit="km/h"),
        PointSpec("odometer", COUNTER, "km"),
        PointSpec("ignition", STATE, values=("off", "on")),
        PointSpec("lat", unit="deg"),
        PointSpec("lon", unit="deg"),
        PointSpec("battery_temp", unit="degC"),
        PointSpec("doors"),
    ),
}
CODES = {
    "charger_faults": CodeTable(
        "charger_faults",
        {
            "none": CodeEntry("ok"),
            "E07": CodeEntry("overtemp", Level.MAJOR, "power_electronics"),
            "E08": CodeEntry("insulation", Level.CRITICAL, "power_electronics"),
            "E12": CodeEntry("card_reader", Level.NOTICE, "network"),
            "*": CodeEntry("unknown", Level.MINOR),
        },
    )
}
FENCES = {
    "yard": Fence("yard", ((30.0, 120.0), (30.0, 121.0), (31.0, 121.0), (30.5, 120.5), (31.0, 120.0))),
    "depot": Fence("depot", centre=(30.0, 120.0), radius=1_000.0),
    "date_line": Fence("date_line", ((10.0, 179.0), (10.0, -179.0), (12.0, -179.0), (12.0, 179.0))),
}
NAMES = Names(VOCABULARY, CODES, FENCES)
MONTH = Calendar(Period.MONTH)
CHARGER = NameScope(
    {"charger": VOCABULARY["charger"]},
    {"used": SignalType("kWh", MONTH), "daily": SignalType("kW"), "swing": SignalType("degC", delta=True)},
    {"code": Coded("fault_code", CODES["charger_faults"])},
    FENCES,
)
VEHICLE = NameScope({"vehicle": VOCABULARY["vehicle"]}, fences=FENCES)

_LITERALS = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 2.5, 3.5, 85.0, 1e-9, 1e300]),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3)),
)


def _written(value: float) -> str:
    return repr(value).removesuffix(".0")


def _temperatures(numbers: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(numbers, numbers)
    return st.one_of(
        two.map(lambda p: f"({p[0]} + {p[1]})"),
        two.map(lambda p: f"({p[0]} - {p[1]})"),
        two.map(lambda p: f"min({p[0]}, {p[1]})"),
        two.map(lambda p: f"max({p[0]}, {p[1]}, gun_temp)"),
        two.map(lambda p: f"({p[0]} / {p[1]} * gun_temp)"),
        numbers.map(lambda x: f"abs({x})"),
        numbers.map(lambda x: f"round({x})"),
        numbers.map(lambda x: f"-({x})"),
        st.tuples(_LITERALS, numbers).map(lambda p: f"({_written(p[0])} * {p[1]})"),
    )


NUMBERS = st.recursive(
    st.one_of(
        st.sampled_from(["gun_temp", "cabinet_temp", "attr('trip', 95 degC)"]),
        _LITERALS.map(lambda x: f"{_written(x)} degC"),
    ),
    _temperatures,
    max_leaves=4,
)
_COMPARISONS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
_LEAVES = st.one_of(
    st.tuples(NUMBERS, _COMPARISONS, NUMBERS).map(" ".join),
    st.sampled_from([
        "has(gun_temp)", "changed(status)", "status == 'charging'", "status != 'fault'", "age(voltage) > 5 min",
        "status in ['fault', 'available']", "used <= 0.001 kWh", "used > 1.5 * before(used, 2)", "has(used)", "true",
        "code.level >= 'minor'", "code.name in ['ok', 'overtemp']", "'major' > code.level", "code.skill != 'network'",
        "attr('class') == 'household'", "attr('class', 'shop') != 'household'", "has(attr('class'))", "tag('public')",
        "has(code.level)", "within(latitude, longitude, 'yard')", "within(latitude * 2, longitude, 'depot')",
        "not within(latitude, longitude, 'date_line')", "swing > 3 K", "contains(status, 'arg')",
        "contains(attr('model'), 'DC')", "contains(code.name, 'temp')", "hour() >= 22 or hour() < 6",
        "weekday() in ['sat', 'sun']", "weekday() < 6", "round(voltage / current) > 2 ohm", "'fri' < weekday()",
        "voltage * current > 3000 V*A", "cabinet_temp not in [10 degC, 20 degC]", "has(before(used))",
    ]),
)  # fmt: skip


def _compound(truths: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(truths, truths)
    return st.one_of(
        two.map(lambda p: f"({p[0]} and {p[1]})"),
        two.map(lambda p: f"({p[0]} or {p[1]})"),
        two.map(lambda p: f"(({p[0]}) == ({p[1]}))"),
        truths.map(lambda x: f"not ({x})"),
        st.tuples(truths, truths, truths).map(lambda p: f"(({p[0]}) ? {p[1]} : {p[2]})"),
        st.tuples(truths, NUMBERS, NUMBERS).map(lambda p: f"((({p[0]}) ? {p[1]} : {p[2]}) > gun_temp)"),
    )


TRUTHS = st.recursive(_LEAVES, _compound, max_leaves=6)

_VALUES = st.one_of(
    st.just(math.nan),
    st.sampled_from([0.0, -0.0, 1.0, 85.0, 2.5, -2.5, 1e-300, 1e300, 10.0, 20.0]),
    st.floats(-1e6, 1e6, allow_nan=False),
)
_TRUE_FALSE = st.sampled_from([0.0, 1.0])
_UNKNOWN_OR_TRUTH = st.one_of(_TRUE_FALSE, st.just(math.nan))
_DEGREES = {
    "latitude": st.one_of(_VALUES, st.sampled_from([10.0, 11.0, 12.0, 30.0, 30.25, 30.5, 31.0]), st.floats(29.9, 31.1)),
    "longitude": st.one_of(
        _VALUES, st.sampled_from([120.0, 120.5, 121.0, 179.0, -179.0, 180.0, -180.0, 181.0]), st.floats(119.9, 121.1)
    ),
}
_CODES = st.sampled_from([math.nan, -1.0, 0.0, 1.0, 2.0])


@st.composite
def columns(draw: st.DrawFn, expression: Expression, rows: int = 8) -> Sequence[F64]:
    """A column per slot, as the engine would fill them."""
    out: list[F64] = []
    for slot in expression.slots:
        values = {
            SlotKind.HAS: _TRUE_FALSE,
            SlotKind.TAG: _TRUE_FALSE,
            SlotKind.CHANGED: _UNKNOWN_OR_TRUTH,
            SlotKind.ATTR_TEXT: _UNKNOWN_OR_TRUTH,
            SlotKind.QUORUM: _UNKNOWN_OR_TRUTH,
            SlotKind.ATTR_PART: _UNKNOWN_OR_TRUTH,
            SlotKind.PART: _UNKNOWN_OR_TRUTH,
            SlotKind.HOUR: st.integers(0, 23).map(float),
            SlotKind.WEEKDAY: st.integers(1, 7).map(float),
            SlotKind.CODE: _CODES,
            SlotKind.FIELD: st.sampled_from([math.nan, *(number for _, number in slot.mapping)]),
        }.get(slot.kind, _CODES if slot.name == "status" else _DEGREES.get(slot.name, _VALUES))
        out.append(np.array(draw(st.lists(values, min_size=rows, max_size=rows)), np.float64))
    return out
