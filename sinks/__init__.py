"""Sinks: series stores, operator OA systems, customer notices."""
