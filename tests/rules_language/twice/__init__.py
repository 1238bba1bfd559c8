"""`twice`: a condition was true at two readings in a row."""
