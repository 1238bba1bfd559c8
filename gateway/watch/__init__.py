"""What is not as it should be, and what a person at the log should know: one judgement for /readyz, log and metrics."""

from gateway.watch.condition import Condition, Trouble
from gateway.watch.told import Told
from gateway.watch.watch import Watch

__all__ = ["Condition", "Told", "Trouble", "Watch"]
