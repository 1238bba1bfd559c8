"""Rows of a database that other programs fill, read by one SELECT."""
