"""Time-series stores behind one port."""
