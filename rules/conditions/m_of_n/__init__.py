"""`votes`: a condition that is true for so many of the last readings."""
