"""What `fieldgate recover` and `fieldgate check --data` do with a data folder. Nothing is ever deleted."""

from gateway.recovery.inspection import inspect_data
from gateway.recovery.recover import RecoveryReport, recover

__all__ = ["RecoveryReport", "inspect_data", "recover"]
