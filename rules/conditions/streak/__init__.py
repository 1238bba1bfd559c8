"""`streak`: a condition that is true so many times in a row."""
