"""`silent`: no data of a thing for longer than a time."""
