"""`when`, `levels`, `members`: a comparison with a hold, an end and a level, or several levels."""
