"""Written numbers with or without a unit: `95 degC`, `0.2m3/day`, `-40`."""

import re
from dataclasses import dataclass

from gateway.domain.units import DIMENSIONLESS, Unit, parse_unit

NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_QUANTITY = re.compile(rf"({NUMBER.pattern})\s*(\S(?:.*\S)?)")


@dataclass(frozen=True, slots=True)
class Quantity:
    """`number` in `unit`, as written."""

    number: float
    unit: Unit

    @property
    def canonical(self) -> float:
        """The value in the canonical unit of its dimension."""
        return self.unit.canonical(self.number)


def parse_quantity(text: str) -> Quantity | None:
    """`95 degC` -> 95 in degC, `7` -> 7 without unit; None when `text` is no number, or its unit is unknown."""
    text = text.strip()
    if NUMBER.fullmatch(text):
        return Quantity(float(text), DIMENSIONLESS)
    if match := _QUANTITY.fullmatch(text):
        try:
            return Quantity(float(match[1]), parse_unit(match[2]))
        except ValueError:
            return None
    return None
