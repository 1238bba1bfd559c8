"""Numbers with units and lengths of time, for sentences."""

import re
from functools import lru_cache

from gateway.domain.duration import DAY, HOUR, MINUTE, MS, SECOND
from gateway.domain.text import Lang, localize
from gateway.domain.units import UnitError, bridge, parse_unit

_SIGNS = {
    "degC": "°C", "degF": "°F", "pct": "%", "permille": "‰", "deg": "°", "ohm": "Ω", "kohm": "kΩ", "mohm": "mΩ",
    "Mohm": "MΩ", "uA": "μA", "m3": "m³", "m2": "m²", "cm2": "cm²", "km2": "km²", "dm3": "dm³", "ft3": "ft³",
    "Nm3": "Nm³", "Sm3": "Sm³", "mmH2O": "mmH₂O", "mH2O": "mH₂O", "inH2O": "inH₂O", "LEL": "%LEL",
}  # fmt: skip
_CLOSE = frozenset({"%", "°", "‰"})  # stand beside the number
_LARGER = {"ohm": ((1e6, "Mohm"), (1e3, "kohm"))}
_RATIOS = frozenset({"%", "pct"})
_IN_WORDS = frozenset({"ms", "s", "min", "h", "day", "week"})
_SPOKEN = frozenset({"CNY", "day"})
_STEPS = ((DAY, "day"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"), (MS, "ms"))
_FACTOR = re.compile(r"([*/])")


def digits(value: float) -> str:
    """At most six figures, never with an exponent."""
    text = f"{value:.6g}"
    if "e" not in text:
        return text
    return f"{value:.0f}" if abs(value) >= 1 else f"{value:.9f}".rstrip("0").rstrip(".")


def spans(number: str, unit: str, lang: Lang) -> str:
    """`2`, min -> 2 minutes, 2 分钟."""
    word = localize(f"sentence.time.{unit}", lang)
    return f"{number} {word}{'s' if lang == 'en' and number != '1' else ''}"


def length(us: int, lang: Lang) -> str:
    """A length of time by its two largest units: 90 min -> 1 hour 30 minutes."""
    rest, parts = abs(us), list[str]()
    for size, unit in _STEPS:
        count, left = divmod(rest, size)
        if count and len(parts) < 2:
            parts.append(spans(str(count), unit, lang))
            rest = left
    return " ".join(parts) or spans("0", "s", lang)


@lru_cache(maxsize=512)
def sign(unit: str, lang: Lang) -> str:
    """`m3/day` -> m³/day, m³/天."""
    parts = [
        localize(f"sentence.unit.{part}", lang) if part in _SPOKEN else _SIGNS.get(part, part)
        for part in _FACTOR.split(unit.removeprefix("1") if unit.startswith("1/") else unit)
    ]
    return "".join(parts)


def quantity(value: float, unit: str, lang: Lang) -> str:
    """`value` in `unit`, as it is."""
    for size, larger in _LARGER.get(unit, ()):
        if abs(value) >= size:
            value, unit = value / size, larger
            break
    number = digits(round(value, 1) if unit in _RATIOS else value)
    if unit in _IN_WORDS:
        return spans(number, unit, lang)
    shown = sign(unit, lang)
    return number + (shown if shown in _CLOSE else f" {shown}" if shown else "")


def written(value: float, unit: str, as_in: str, lang: Lang) -> str:
    """`value`, canonical of `unit`, in the unit `as_in` of a rule where the one becomes the other."""
    if as_in:
        try:
            to, of = parse_unit(as_in), parse_unit(unit)
        except UnitError:
            return quantity(value, unit, lang)
        ratio = (1, 1) if to.dimension == of.dimension else bridge(of.dimension, to.dimension)
        if ratio is not None:
            return quantity((value * ratio[0] / ratio[1] - to.offset) / to.factor, _plain(as_in), lang)
    return quantity(value, unit, lang)


@lru_cache(maxsize=512)
def _plain(unit: str) -> str:
    """The symbol of a unit that may be written as an alias: `℃` -> degC."""
    return parse_unit(unit).symbol or unit


def literal(value: float, unit: str, lang: Lang) -> str:
    """A number of a rule with its unit as written."""
    return quantity(value, _plain(unit) if unit else "", lang)
