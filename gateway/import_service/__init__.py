"""Imports inside the gateway: history goes through intake, journal and the same engine."""
