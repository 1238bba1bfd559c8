"""Raw values of a device to values in the unit of a point."""

import math
from dataclasses import dataclass

from gateway.domain.units import parse_unit


@dataclass(frozen=True, slots=True)
class Linear:
    """value = raw * factor / divisor + offset, in the point's unit.

    A scale of 1/n is carried out as a division by n: 15210 mA are 15.21 A, not 15.210000000000001 A.
    """

    factor: float = 1.0
    divisor: float = 1.0
    offset: float = 0.0

    @classmethod
    def of(cls, scale: float, offset: float = 0.0) -> "Linear":
        """raw * scale + offset. Raises ValueError for a scale of zero, which has no inverse."""
        if scale == 0:
            raise ValueError("a scale of 0 makes every value the same")
        inverse = round(1 / scale) if abs(scale) < 1 else 0
        if inverse and math.isclose(inverse * scale, 1.0, rel_tol=1e-12):
            return cls(1.0, float(inverse), offset)
        return cls(scale, 1.0, offset)

    def value(self, raw: float) -> float:
        """Raw -> scaled."""
        return raw * self.factor / self.divisor + self.offset

    def raw(self, value: float) -> float:
        """Scaled -> raw, not rounded."""
        return (value - self.offset) * self.divisor / self.factor


def conversion(sent: str | None, stored: str) -> tuple[float, float]:
    """(factor, offset): value in the unit `stored` = value in the unit `sent` * factor + offset; (1, 0) without `sent`.

    Raises UnitError.
    """
    if not sent:
        return 1.0, 0.0
    source, target = parse_unit(sent), parse_unit(stored)
    return source.factor / target.factor, (source.offset - target.offset) / target.factor
