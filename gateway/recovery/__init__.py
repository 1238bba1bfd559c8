"""What `fieldgate recover` and `fieldgate check --data` do with a data folder. Nothing is ever deleted."""

from gateway.recovery.inspection import survey
from gateway.recovery.recover import Report, recover

__all__ = ["Report", "recover", "survey"]
