"""`peers`: a point of one thing against the same point of the others in its group (RULES section 4)."""
