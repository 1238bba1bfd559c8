"""Modbus source."""
