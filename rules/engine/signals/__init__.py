"""`let` signals: one small class per operator, all of one rule on one space behind `Signals`."""

from rules.engine.signals.base import NoSignals, Surroundings
from rules.engine.signals.momentary import Momentary
from rules.engine.signals.signals import Judge, Signals

__all__ = ["Judge", "Momentary", "NoSignals", "Signals", "Surroundings"]
