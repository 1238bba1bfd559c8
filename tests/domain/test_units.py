"""Units: canonical values, aliases, compounds."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.units_command import command
from gateway.domain.text import localize
from gateway.domain.unit_table import ROWS, UnitRow
from gateway.domain.units import (
    UnitError,
    bridge,
    canonical_symbol,
    divide,
    is_unit,
    listing,
    multiply,
    parse_unit,
)


@pytest.mark.parametrize(
    ("text", "canonical", "one"),
    [
        ("℃", "degC", 1.0),
        ("Wh", "kWh", 0.001),
        ("m3/day", "m3/h", 1 / 24),
        ("m³/h", "m3/h", 1.0),
        ("%", "pct", 1.0),
        ("kPa", "kPa", 1.0),
        ("MPa", "kPa", 1000.0),
        ("mA", "A", 0.001),
        ("元", "CNY", 1.0),
        ("", "", 1.0),
        ("km/h", "km/h", 1.0),
        ("min", "h", 1 / 60),
        ("kW*h", "kWh", 1.0),
        ("m", "km", 0.001),
    ],
)
def test_canonical(text: str, canonical: str, one: float) -> None:
    unit = parse_unit(text)
    assert canonical_symbol(unit) == canonical
    assert unit.canonical(1.0) == pytest.approx(one)


def test_temperature_has_an_offset() -> None:
    assert parse_unit("degF").canonical(212) == pytest.approx(100)
    assert parse_unit("K").canonical(273.15) == pytest.approx(0)


def test_power_times_time_is_energy() -> None:
    assert canonical_symbol(multiply(parse_unit("kW"), parse_unit("h"))) == "kWh"
    assert divide(parse_unit("kWh"), parse_unit("h")).dimension == parse_unit("kW").dimension


def test_an_unknown_unit_is_named() -> None:
    with pytest.raises(ValueError, match="furlong"):
        parse_unit("furlong/h")


CANONICAL = {
    "temperature": "degC", "voltage": "V", "current": "A", "resistance": "ohm", "power": "kW", "apparent_power": "kVA",
    "reactive_power": "kvar", "power*time": "kWh", "pressure": "kPa", "volume": "m3", "length": "km", "time": "h",
    "frequency": "Hz", "rotation": "rpm", "ratio": "pct", "lel": "LEL", "concentration": "ppm", "angle": "deg",
    "money": "CNY", "mass": "kg", "signal": "dBm", "normal_volume": "Nm3", "standard_volume": "Sm3", "area": "m2",
    "humidity": "%RH", "torque": "Nm", "sound": "dB", "illuminance": "lux", "acidity": "pH",
    "current*time": "A*h", "reactive_power*time": "kvar*h", "length/time": "km/h",
}  # fmt: skip
"""What is stored is in these, for ever: a change here would change the meaning of every stored value."""


def test_what_values_are_stored_in_never_changes() -> None:
    for dimension, rows in listing():
        assert {canonical_symbol(parse_unit(row.symbol)) for row in rows} == {CANONICAL[dimension]}
    assert {dimension for dimension, _ in listing()} == set(CANONICAL)


@pytest.mark.parametrize(
    ("text", "canonical", "one"),
    [
        ("Nm³", "Nm3", 1.0),
        ("标方/天", "Nm3/h", 1 / 24),
        ("方", "m3", 1.0),
        ("方/h", "m3/h", 1.0),
        ("㎥", "m3", 1.0),
        ("mmH2O", "kPa", 9.80665e-3),
        ("kV*A", "A*V", 1000.0),
        ("rpm", "rpm", 1.0),
        ("r/min", "rpm", 1.0),
        ("m/s", "km/h", 3.6),
        ("L/min", "m3/h", 0.06),
        ("kg/m3", "kg/m3", 1.0),
        ("mg/m³", "kg/m3", 1e-6),
        ("kWh/km", "kW*h/km", 1.0),
        ("kWh/100km", "kW*h/km", 0.01),
        ("L/100km", "m3/km", 1e-5),
        ("W/m2", "kW/m2", 1e-3),
        ("m/s2", "km/h/h", 12960.0),
        ("m/s²", "km/h/h", 12960.0),
        ("kW·h", "kWh", 1.0),
        ("N·m", "Nm", 1.0),
        ("mAh", "A*h", 1e-3),
        ("GJ", "kWh", 1000 / 3.6),
        ("元/kWh", "CNY/kW/h", 1.0),
        ("次/天", "1/h", 1 / 24),
        ("kgf/cm2", "kPa", 98.0665),
        ("mm2", "m2", 1e-6),
        ("km³", "m3", 1e9),
        ("%RH", "%RH", 1.0),
        ("‰", "pct", 0.1),
        ("℃/min", "degC/h", 60.0),
        ("mph", "km/h", 1.609344),
        ("万元", "CNY", 1e4),
    ],
)
def test_what_people_write(text: str, canonical: str, one: float) -> None:
    unit = parse_unit(text)
    assert canonical_symbol(unit) == canonical
    assert unit.canonical(1.0) == pytest.approx(one, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "write", "key"),
    [
        ("VAr", "var", "unit.near"),
        ("kwh", "kWh", "unit.near"),
        ("KPa", "kPa", "unit.near"),
        ("kwh/KM", "kWh/km", "unit.near"),
        ("minutes", "min", "unit.near"),
        ("mmh20", "mmH2O", "unit.near"),
        ("％", "%", "unit.near"),
        ("ｍ３", "m3", "unit.near"),
        ("degX", "degC", "unit.near"),
        ("kph", "km/h", "unit.near"),
        ("month", "day", "unit.near"),
        ("furlong/h", "", "unit.unknown"),
        ("", "", ""),
        ("x", "", "unit.unknown"),
        ("度", "kWh, degC, deg", "unit.degree"),
        ("元/度", "kWh, degC, deg", "unit.degree"),
    ],
)
def test_did_you_mean(text: str, write: str, key: str) -> None:
    if not key:
        assert parse_unit(text) == parse_unit("1")
        return
    with pytest.raises(UnitError) as caught:
        parse_unit(text)
    assert (caught.value.write, caught.value.key) == (write, key)
    for one in write.split(", ") if write else ():
        parse_unit(one)


@given(
    st.lists(
        st.sampled_from([row for row in ROWS if not row.offset and "/" not in row.symbol]), min_size=1, max_size=3
    ),
    st.booleans(),
)
def test_a_compound_is_what_its_parts_are(rows: list[UnitRow], divided: bool) -> None:
    text = ("/" if divided else "*").join(row.symbol for row in rows)
    expected = rows[0].factor
    for row in rows[1:]:
        expected = expected / row.factor if divided else expected * row.factor
    unit = parse_unit(text)
    assert unit.factor == pytest.approx(expected, rel=1e-12)
    assert parse_unit(canonical_symbol(unit)).dimension == unit.dimension


@given(st.text(max_size=12) | st.text("kKWwhHmM/*3%度方 ²·N", max_size=8))
def test_any_text_is_a_unit_or_an_error_whose_advice_is_one(text: str) -> None:
    if not is_unit(text):
        with pytest.raises(UnitError) as caught:
            parse_unit(text)
        assert all(is_unit(one) for one in caught.value.write.split(", "))


@pytest.mark.parametrize(
    ("of", "to", "factor"),
    [
        ("pct", "", 0.01),
        ("", "pct", 100),
        ("V*A", "kW", 1e-3),
        ("V*A*h", "kWh", 1e-3),
        ("kVA", "V*A", 1e3),
        ("Hz", "1/s", 3600),
        ("Hz", "rpm", 60),
        ("kW*pct", "kW", 0.01),
        ("kW", "kVA", None),
        ("m3", "Nm3", None),
        ("kW", "kvar", None),
        ("kW", "kWh", None),
        ("kWh", "kWh", 1),
    ],
)
def test_one_quantity_in_two_units(of: str, to: str, factor: float | None) -> None:
    """Between the canonical units of both: events per time are counted by the hour."""
    found = bridge(parse_unit(of).dimension, parse_unit(to).dimension)
    assert (found and found[0] / found[1]) == (factor and pytest.approx(factor))


def test_every_unit_has_its_names() -> None:
    for dimension, rows in listing():
        for key in (f"unit.of.{dimension}", *(f"unit.name.{row.symbol}" for row in rows)):
            assert localize(key)
            assert localize(key, "zh")
    spelled = [spelling for row in ROWS for spelling in (row.symbol, *row.spellings)]
    assert len(spelled) == len(set(spelled))


def test_the_command_lists_them() -> None:
    runner = CliRunner()
    plain = runner.invoke(command, ["--lang", "zh"]).output
    assert "标准立方米" in plain
    assert "1 mmH2O = 0.00980665 kPa" in plain
    groups = json.loads(runner.invoke(command, ["--format", "json"]).output)
    (pressure,) = (group for group in groups if group["dimension"] == "pressure")
    assert pressure["stored_in"] == "kPa"
    assert pressure["name"] == {"en": "pressure", "zh": "压力"}
    assert {"unit": "psi", "factor": 6.894757293168, "offset": 0.0, "spellings": []}.items() <= next(
        unit for unit in pressure["units"] if unit["unit"] == "psi"
    ).items()
