"""After the conditions: what flap, inhibit, stale_after, quiet and limits make of the changes of a record."""

from rules.engine.alarms.pipeline import AlarmPipeline

__all__ = ["AlarmPipeline"]
