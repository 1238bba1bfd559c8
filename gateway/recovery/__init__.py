"""What `fieldgate recover` and `fieldgate check --data` do with a data folder. Nothing is ever deleted."""

from gateway.recovery.inspection import survey
from gateway.recovery.recover import RecoveryReport, recover

__all__ = ["RecoveryReport", "recover", "survey"]
