"""Inspection, hazard, rectification, recheck: a chain that cannot be closed in the middle."""
