"""Units: every value is stored in the canonical unit of its dimension (UCUM-like spellings, people's aliases accepted).

A unit is (dimension, factor, offset): canonical = value * factor + offset. Products and quotients are built of the
units of `unit_table`: `m3/h`, `kW*h`, `kWh/km`, `CNY/kWh`, `kWh/100km`.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from gateway.domain.unit_table import COUNTS, ENERGY, ROWS, UnitRow

Dimension = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A parsed unit. `dimension` maps base dimensions to exponents, sorted; canonical = value * factor + offset."""

    symbol: str
    dimension: Dimension = ()
    factor: float = 1.0
    offset: float = 0.0

    def canonical(self, value: float) -> float:
        """`value` in this unit -> the canonical unit of its dimension."""
        return value * self.factor + self.offset


class UnitError(ValueError):
    """Unknown unit. `key` and `fields` are a text of the catalogue; `write` is the probable intention, "" = none."""

    def __init__(self, unit: str, write: str, key: str) -> None:
        self.write, self.key = write, key
        self.fields = {"unit": unit, "write": write}
        super().__init__(f"unknown unit {unit!r}" + (f"; write {write}" if write else ""))


DIMENSIONLESS = Unit("")
_FULL_WIDTH = re.compile("[！-～￥\u3000]")
_PRODUCT = re.compile(r"[*·⋅]")
_PARTS = re.compile(r"([*/·⋅])")
_MULTIPLE = re.compile(r"([1-9][0-9]{0,5})\s*(\D.*)")
_POWER = re.compile(r"(\D+?)\^?([23])")


def _dimension(text: str) -> Dimension:
    above, *below = text.split("/")
    powers: dict[str, int] = {}
    for sign, part in ((1, above), *((-1, one) for one in below)):
        for name in part.split("*"):
            powers[name] = powers.get(name, 0) + sign
    return tuple(sorted(powers.items()))


_UNITS = {row.symbol: Unit(row.symbol, _dimension(row.dimension), row.factor, row.offset) for row in ROWS}
_BY_SPELLING = {
    spelling: _UNITS[row.symbol] for row in ROWS for spelling in (row.symbol, *row.spellings)
} | dict.fromkeys(COUNTS, DIMENSIONLESS)
_LENGTH = _UNITS["km"].dimension
_CANONICAL = {row.dimension: row.symbol for row in reversed(ROWS) if (row.factor, row.offset) == (1, 0)}
_AMBIGUOUS = {
    "度": "kWh, degC, deg",
    "F": "degF",
    "月": "day",
    "月份": "day",
    "month": "day",
    "months": "day",
    "mo": "day",
}
"""Words with several meanings, or without a fixed length: refused, with the words to write instead."""
_USUAL_MISTAKES = {
    "mins": "min", "minutes": "min", "seconds": "s", "second": "s", "secs": "s", "hrs": "h", "hr": "h", "weeks": "week",
    "w": "week", "percent": "pct", "celsius": "degC", "fahrenheit": "degF", "kelvin": "K", "rmb": "CNY", "yuan": "CNY",
    "cbm": "m3", "cum": "m3", "scm": "Sm3", "kmh": "km/h", "kph": "km/h", "lph": "L/h", "lpm": "L/min", "volt": "V",
    "volts": "V", "amp": "A", "amps": "A", "ampere": "A", "watt": "W", "watts": "W", "kilowatt": "kW",
    "kilowatts": "kW", "litre": "L", "liter": "L", "liters": "L", "litres": "L", "meter": "m", "metre": "m",
    "meters": "m", "ton": "t", "tons": "t", "tonne": "t", "degree": "deg",
    "degrees": "deg", "db(a)": "dB", "kgf": "kgf/cm2", "公斤力": "kgf/cm2", "年": "day", "year": "day", "years": "day",
    "毫米": "mm", "钟": "min", "分": "min", "时": "h", "星期": "week",
}  # fmt: skip


@lru_cache(maxsize=4096)
def parse_unit(text: str) -> Unit:
    """`kWh`, `℃`, `m3/day`, `kWh/100km`, "" -> Unit. Raises UnitError naming the unknown symbol and the likely one."""
    text = text.strip()
    if (found := _read(text)) is not None:
        return found
    wrong = next((part for part in _PARTS.split(text)[::2] if _part(part, whole=False) is None), text)
    meant = _AMBIGUOUS.get(wrong.strip()) or _AMBIGUOUS.get(wrong.strip().casefold())
    if meant:
        raise UnitError(wrong.strip(), meant, "unit.degree" if wrong.strip() == "度" else "unit.near")
    near = near_unit(text)
    raise UnitError(text if near else wrong.strip(), near, "unit.near" if near else "unit.unknown")


def is_unit(text: str) -> bool:
    """True if `text` is a unit."""
    return _read(text.strip()) is not None


def _read(text: str) -> Unit | None:
    if (found := _part(text, whole=True)) is not None:
        return found
    above, *below = text.split("/")
    result = _product(above)
    for part in below:
        divisor = _product(part)
        result = None if result is None or divisor is None else divide(result, divisor)
    return None if result is None else Unit(text, result.dimension, result.factor, result.offset)


def _product(text: str) -> Unit | None:
    result: Unit | None = None
    for index, text_of in enumerate(_PRODUCT.split(text)):
        part = _part(text_of, whole=False)
        if part is None:
            return None
        result = part if index == 0 or result is None else multiply(result, part)
    return result


def _part(text: str, *, whole: bool) -> Unit | None:
    """One factor: `kWh`; inside a compound also `100km` and `s2`."""
    text = text.strip()
    if text in {"", "1"}:
        return DIMENSIONLESS
    if (found := _unit_by_spelling(text)) is not None or whole:
        return found
    if (match := _MULTIPLE.fullmatch(text)) and (found := _unit_by_spelling(match[2])) and not found.offset:
        return Unit("", found.dimension, found.factor * int(match[1]))
    power = None if _FULL_WIDTH.search(text) else _POWER.fullmatch(unicodedata.normalize("NFKC", text))
    if power and (found := _unit_by_spelling(power[1])) and not found.offset:
        exponent = int(power[2])
        if found.dimension == _LENGTH:
            solid = _UNITS["m2" if exponent == 2 else "m3"]
            return Unit("", solid.dimension, (found.factor * 1000) ** exponent)
        raised = tuple((name, exponent * of) for name, of in found.dimension)
        return Unit("", raised, found.factor**exponent)
    return None


def _unit_by_spelling(text: str) -> Unit | None:
    """Unit of the table by its spelling; equivalent characters (³, ㎥) are accepted, full-width ones are not."""
    text = text.replace("·", "*").replace("⋅", "*")
    if text in _BY_SPELLING:
        return _BY_SPELLING[text]
    return None if _FULL_WIDTH.search(text) else _BY_SPELLING.get(unicodedata.normalize("NFKC", text))


def near_unit(text: str) -> str:
    """The unit most similar to `text`, part by part; "" when none is similar."""
    plain = unicodedata.normalize("NFKC", text).replace(" ", "")
    pieces = _PARTS.split(plain)
    for index in range(0, len(pieces), 2):
        if _part(pieces[index], whole=False) is None:
            pieces[index] = _near(pieces[index])
            if not pieces[index]:
                return ""
    joined = "".join(pieces)
    return joined if joined and is_unit(joined) else ""


def _near(word: str) -> str:
    low = word.casefold()
    known = [row.symbol for row in ROWS]
    same = next((spelling for spelling in _BY_SPELLING if spelling.casefold() == low), "")
    if same or low in _USUAL_MISTAKES:
        return same or _USUAL_MISTAKES[low]
    if len(low) < 3:
        return ""
    words = {one.casefold(): one for one in known if len(one) > 1} | {
        word: of for word, of in _USUAL_MISTAKES.items() if len(word) > 3
    }
    order = list(words)
    close = sorted(get_close_matches(low, words, 3, 0.75), key=lambda one: (len(one) != len(low), order.index(one)))
    return words[close[0]] if close else ""


def _combine(a: Unit, b: Unit, sign: int) -> Dimension:
    powers = dict(a.dimension)
    for name, power in b.dimension:
        powers[name] = powers.get(name, 0) + sign * power
    return tuple(sorted((name, power) for name, power in powers.items() if power))


def multiply(a: Unit, b: Unit) -> Unit:
    """Unit of a product. Offsets (degC) are dropped: only differences can be multiplied."""
    return Unit("", _combine(a, b, 1), a.factor * b.factor)


def divide(a: Unit, b: Unit) -> Unit:
    """The unit of a quotient."""
    return Unit("", _combine(a, b, -1), a.factor / b.factor)


def canonical_symbol(unit: Unit) -> str:
    """The unit in which values of this dimension are stored: `kWh` for Wh, `m3/h` for m3/day."""
    if unit.dimension == _UNITS["kWh"].dimension:
        return _CANONICAL[ENERGY]
    above = "*".join(_CANONICAL[name] for name, power in unit.dimension for _ in range(power) if power > 0)
    below = "".join(f"/{_CANONICAL[name]}" for name, power in unit.dimension for _ in range(-power) if power < 0)
    return (above or ("1" if below else "")) + below


# -- one quantity in two ways

_SAME: tuple[tuple[str, Dimension, int, int], ...] = (
    ("ratio", (), 1, 100),
    ("frequency", (("time", -1),), 3600, 1),
    ("rotation", (("time", -1),), 60, 1),
    ("power", (("current", 1), ("voltage", 1)), 1000, 1),
    ("resistance", (("current", -1), ("voltage", 1)), 1, 1),
    ("apparent_power", (("current", 1), ("voltage", 1)), 1000, 1),
)
"""base dimension, equivalent dimension, and the amount of its canonical unit: 1 pct = 1/100, 1 kW = 1000 V*A."""


def bridge(of: Dimension, to: Dimension) -> tuple[int, int] | None:
    """(times, over): a canonical value of dimension `of`, times / over, is one of `to`; None when they differ.

    A ratio and its per cent, V*A and kW (or kVA, but not kW and kVA), Hz and events per hour.
    """
    powers = dict(of)
    for name, power in to:
        powers[name] = powers.get(name, 0) - power
    if powers.get("power") and powers.get("apparent_power"):
        return None
    times, over = 1, 1
    for name, others, numerator, denominator in _SAME:
        power = powers.pop(name, 0)
        for other, exponent in others:
            powers[other] = powers.get(other, 0) + power * exponent
        up, down = (numerator, denominator) if power > 0 else (denominator, numerator)
        times, over = times * up ** abs(power), over * down ** abs(power)
    return None if any(powers.values()) else (times, over)


def listing() -> Iterator[tuple[str, tuple[UnitRow, ...]]]:
    """(dimension, its units), in the order of the table."""
    for dimension in dict.fromkeys(row.dimension for row in ROWS):
        yield dimension, tuple(row for row in ROWS if row.dimension == dimension)
