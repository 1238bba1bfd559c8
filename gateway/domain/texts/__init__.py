"""The catalogue, one file per area."""
