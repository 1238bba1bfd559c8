"""Benchmarks, run by `fieldgate bench`."""
