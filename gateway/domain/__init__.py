"""Frozen values shared by everyone; no I/O, no clock."""
