"""What the engine knows of the field: devices and their newest values, calendars, down-times."""
