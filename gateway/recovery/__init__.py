"""Functions of `fieldgate recover` and `fieldgate check --data`. No file is ever deleted."""

from gateway.recovery.inspection import inspect_data
from gateway.recovery.recover import RecoveryReport, recover

__all__ = ["RecoveryReport", "inspect_data", "recover"]
