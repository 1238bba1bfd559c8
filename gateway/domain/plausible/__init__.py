"""Plausibility limits of profiles over columns of readings: bounds, rates, stuck values. Pure."""

from gateway.domain.plausible.limits import PointLookup
from gateway.domain.plausible.plausibility import Plausibility, PlausibilityResult

__all__ = ["Plausibility", "PlausibilityResult", "PointLookup"]
