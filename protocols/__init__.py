"""Sources: one folder per field protocol."""
