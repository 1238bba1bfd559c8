"""History brought in by an import: what the running gateway does with it (intake, journal, the same engine)."""
