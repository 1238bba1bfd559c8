"""`let` signals: one small class per operator, all of one rule on one space behind `Signals`."""

from rules.engine.windows.base import NoSignals, Surroundings
from rules.engine.windows.momentary import Momentary
from rules.engine.windows.signal_set import Judge, Signals

__all__ = ["Judge", "Momentary", "NoSignals", "Signals", "Surroundings"]
