"""Problems of the running gateway and events for its log: one judgement for /readyz, log and metrics."""

from gateway.health.alarm_log import AlarmLog
from gateway.health.judgements import HealthState, Trouble
from gateway.health.monitor import HealthMonitor, HealthSettings
from gateway.health.status import ConsumerStatus, GatewayStatus, IntakeStatus, StoreStatus, TaskStatus

__all__ = [
    "AlarmLog",
    "ConsumerStatus",
    "GatewayStatus",
    "HealthMonitor",
    "HealthSettings",
    "HealthState",
    "IntakeStatus",
    "StoreStatus",
    "TaskStatus",
    "Trouble",
]
