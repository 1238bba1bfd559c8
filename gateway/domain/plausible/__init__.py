"""What a profile calls plausible, over columns of readings: bounds, rates, values that stand still. Pure."""

from gateway.domain.plausible.limits import PointLookup
from gateway.domain.plausible.plausibility import Plausibility, PlausibilityResult

__all__ = ["Plausibility", "PlausibilityResult", "PointLookup"]
