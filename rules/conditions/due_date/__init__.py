"""`due`: stages before and after a date in an attribute."""
