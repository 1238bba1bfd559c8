"""Units: canonical values, aliases, compounds."""

import pytest

from gateway.domain.units import canonical_symbol, divide, multiply, parse_unit


@pytest.mark.parametrize(
    ("text", "canonical", "one"),
    [
        ("℃", "degC", 1.0), ("Wh", "kWh", 0.001), ("m3/day", "m3/h", 1 / 24), ("m³/h", "m3/h", 1.0), ("%", "pct", 1.0),
        ("kPa", "kPa", 1.0), ("MPa", "kPa", 1000.0), ("mA", "A", 0.001), ("元", "CNY", 1.0), ("", "", 1.0),
        ("km/h", "km/h", 1.0), ("min", "h", 1 / 60), ("kW*h", "kWh", 1.0), ("m", "km", 0.001),
    ],
)  # fmt: skip
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
