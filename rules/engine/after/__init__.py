"""After the conditions: what flap, inhibit, stale_after, quiet and limits make of the changes of a record."""

from rules.engine.after.stage import After

__all__ = ["After"]
