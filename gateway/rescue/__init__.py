"""What `fieldgate recover` and `fieldgate check --data` do with a data folder. Nothing is ever deleted."""

from gateway.rescue.recovery import Report, recover
from gateway.rescue.survey import survey

__all__ = ["Report", "recover", "survey"]
