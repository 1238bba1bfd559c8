"""Compiled expressions bound to the columns of one table of things."""
