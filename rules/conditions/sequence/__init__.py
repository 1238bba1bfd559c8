"""`sequence`: first one condition, then another within a time, or not."""
