"""Reasons of an alarm: its history as a page and as a chart."""
