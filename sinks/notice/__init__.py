"""Customer notice channels."""
