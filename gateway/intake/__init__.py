"""The gate between sources and the journal: clocks are checked, parcels merged, then journaled, then acknowledged."""

from gateway.intake.balance import Balance
from gateway.intake.config import IntakeConfig
from gateway.intake.control_pump import ControlPump
from gateway.intake.intake import Intake
from gateway.intake.ticker import Ticker

__all__ = ["Balance", "ControlPump", "Intake", "IntakeConfig", "Ticker"]
