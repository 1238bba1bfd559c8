"""Units: every value is stored in the canonical unit of its dimension (UCUM-like spellings, people's aliases accepted).

A unit is (dimension, factor, offset): canonical = value * factor + offset. Compound units are built with `/` and `*`
(`m3/h`, `m3/day`, `kW*h`); `℃ m³ 元` are accepted.
"""

from dataclasses import dataclass
from functools import lru_cache

# symbol -> (dimension, factor to the canonical unit, offset). Time is counted in hours, so that rates come out as
# people write them (m3/h, km/h) and power * time is energy.
_ENERGY = "power*time"
_BASE: dict[str, tuple[str, float, float]] = {
    "degC": ("temperature", 1, 0), "degF": ("temperature", 5 / 9, -160 / 9), "K": ("temperature", 1, -273.15),
    "V": ("voltage", 1, 0), "mV": ("voltage", 1e-3, 0), "kV": ("voltage", 1e3, 0),
    "A": ("current", 1, 0), "mA": ("current", 1e-3, 0),
    "ohm": ("resistance", 1, 0), "kohm": ("resistance", 1e3, 0), "Mohm": ("resistance", 1e6, 0),
    "kW": ("power", 1, 0), "W": ("power", 1e-3, 0), "mW": ("power", 1e-6, 0), "MW": ("power", 1e3, 0),
    "kVA": ("apparent_power", 1, 0), "VA": ("apparent_power", 1e-3, 0),
    "kvar": ("reactive_power", 1, 0), "var": ("reactive_power", 1e-3, 0),
    "kWh": (_ENERGY, 1, 0), "Wh": (_ENERGY, 1e-3, 0), "MWh": (_ENERGY, 1e3, 0), "kJ": (_ENERGY, 1 / 3600, 0),
    "MJ": (_ENERGY, 1 / 3.6, 0),
    "kPa": ("pressure", 1, 0), "Pa": ("pressure", 1e-3, 0), "MPa": ("pressure", 1e3, 0), "bar": ("pressure", 100, 0),
    "mbar": ("pressure", 0.1, 0), "psi": ("pressure", 6.894757293168, 0),
    "m3": ("volume", 1, 0), "L": ("volume", 1e-3, 0), "km": ("length", 1, 0), "m": ("length", 1e-3, 0),
    "mi": ("length", 1.609344, 0),
    "h": ("time", 1, 0), "min": ("time", 1 / 60, 0), "s": ("time", 1 / 3600, 0), "ms": ("time", 1 / 3.6e6, 0),
    "day": ("time", 24, 0), "week": ("time", 168, 0),
    "Hz": ("frequency", 1, 0), "kHz": ("frequency", 1e3, 0),
    "pct": ("ratio", 1, 0), "LEL": ("lel", 1, 0), "ppm": ("concentration", 1, 0), "deg": ("angle", 1, 0),
    "CNY": ("money", 1, 0), "kg": ("mass", 1, 0), "g": ("mass", 1e-3, 0), "t": ("mass", 1e3, 0),
    "dBm": ("signal", 1, 0), "rpm": ("rotation", 1, 0),
}  # fmt: skip
_ALIAS = {
    "℃": "degC", "°C": "degC", "C": "degC", "Cel": "degC", "℉": "degF", "°F": "degF", "Ω": "ohm", "kΩ": "kohm",
    "MΩ": "Mohm", "%": "pct", "m³": "m3", "立方米": "m3", "元": "CNY", "度": "kWh", "kW.h": "kWh", "kW*h": "kWh",
    "W*h": "Wh", "sec": "s", "minute": "min", "hour": "h", "hours": "h", "d": "day", "days": "day", "%LEL": "LEL",
    "l": "L", "°": "deg", "km/h": "km/h",
}  # fmt: skip
_CANONICAL = {
    dimension: symbol for symbol, (dimension, factor, offset) in reversed(_BASE.items()) if (factor, offset) == (1, 0)
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A parsed unit. `dimension` maps base dimensions to exponents, sorted; canonical = value * factor + offset."""

    symbol: str
    dimension: tuple[tuple[str, int], ...] = ()
    factor: float = 1.0
    offset: float = 0.0

    def canonical(self, value: float) -> float:
        """`value` in this unit -> the canonical unit of its dimension."""
        return value * self.factor + self.offset


DIMENSIONLESS = Unit("")


@lru_cache(maxsize=1024)
def parse_unit(text: str) -> Unit:
    """`kWh`, `℃`, `m3/day`, "" -> Unit. Raises ValueError naming the unknown symbol."""
    text = text.strip()
    if text in {"", "1"}:
        return DIMENSIONLESS
    symbol = _ALIAS.get(text, text)
    if symbol in _BASE:
        dimension, factor, offset = _BASE[symbol]
        return Unit(symbol, tuple((name, 1) for name in dimension.split("*")), factor, offset)
    if "/" not in symbol and "*" not in symbol:
        raise ValueError(f"unknown unit {text!r}")
    numerator, *below = symbol.split("/")
    result = DIMENSIONLESS
    for part in numerator.split("*"):
        result = multiply(result, parse_unit(part))
    for part in below:
        result = divide(result, parse_unit(part))
    return Unit(symbol, result.dimension, result.factor, result.offset)


def _combine(a: Unit, b: Unit, sign: int) -> tuple[tuple[str, int], ...]:
    powers = dict(a.dimension)
    for name, power in b.dimension:
        powers[name] = powers.get(name, 0) + sign * power
    return tuple(sorted((name, power) for name, power in powers.items() if power))


def multiply(a: Unit, b: Unit) -> Unit:
    """The unit of a product; offsets (degC) do not survive: only differences can be multiplied."""
    return Unit("", _combine(a, b, 1), a.factor * b.factor)


def divide(a: Unit, b: Unit) -> Unit:
    """The unit of a quotient."""
    return Unit("", _combine(a, b, -1), a.factor / b.factor)


def canonical_symbol(unit: Unit) -> str:
    """The unit in which values of this dimension are stored: `kWh` for Wh, `m3/h` for m3/day."""
    whole = _CANONICAL.get("*".join(name for name, power in unit.dimension for _ in range(power)))
    if whole and all(power > 0 for _, power in unit.dimension):
        return whole
    above = "*".join(_CANONICAL[name] for name, power in unit.dimension for _ in range(power) if power > 0)
    below = "".join(f"/{_CANONICAL[name]}" for name, power in unit.dimension for _ in range(-power) if power < 0)
    return (above or ("1" if below else "")) + below
