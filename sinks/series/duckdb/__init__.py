"""DuckDB segments: the embedded series store."""
