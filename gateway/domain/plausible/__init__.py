"""What a profile calls plausible, over columns of readings: bounds, rates, values that stand still. Pure."""

from gateway.domain.plausible.judge import Judged, Plausibility
from gateway.domain.plausible.limits import PointBook

__all__ = ["Judged", "Plausibility", "PointBook"]
