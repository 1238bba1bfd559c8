"""Simulated devices and office systems. They implement wire formats only."""
