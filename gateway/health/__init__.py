"""What is not as it should be, and what a person at the log should know: one judgement for /readyz, log and metrics."""

from gateway.health.alarm_log import AlarmLog
from gateway.health.judgements import HealthState, Trouble
from gateway.health.monitor import HealthMonitor

__all__ = ["AlarmLog", "HealthMonitor", "HealthState", "Trouble"]
