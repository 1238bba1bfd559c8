"""InfluxDB 2, and what speaks its write side."""
