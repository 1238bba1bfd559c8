"""Plausibility limits of profiles over columns of readings: bounds, rates, stuck values. Pure."""

from gateway.domain.plausible.limits import PointLookup
from gateway.domain.plausible.plausibility import Plausibility, PlausibilityResult, PlausibilityState
from gateway.domain.plausible.reasons import Abnormal, AbnormalCount, AbnormalCounts, Mark

__all__ = [
    "Abnormal",
    "AbnormalCount",
    "AbnormalCounts",
    "Mark",
    "Plausibility",
    "PlausibilityResult",
    "PlausibilityState",
    "PointLookup",
]
