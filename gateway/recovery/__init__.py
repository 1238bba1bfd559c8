"""Functions of `fieldgate recover` and `fieldgate check --data`. No file is ever deleted."""

from gateway.recovery.inspection import inspect_data
from gateway.recovery.recover import recover

__all__ = ["inspect_data", "recover"]
