"""The engine: journal records in, transitions out; nothing but the journal is obeyed (DESIGN section 6)."""

from rules.engine.engine import Engine, SnapshotError

__all__ = ["Engine", "SnapshotError"]
