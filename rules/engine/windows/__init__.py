"""`let` signals: one small class per operator, all of one rule on one space behind `SignalSet`."""

from rules.engine.windows.base import NoSignals, Surroundings
from rules.engine.windows.momentary import Momentary
from rules.engine.windows.signal_set import SignalSet, WindowListener

__all__ = ["Momentary", "NoSignals", "SignalSet", "Surroundings", "WindowListener"]
