"""Simulated devices and office systems; they know wire formats only."""
