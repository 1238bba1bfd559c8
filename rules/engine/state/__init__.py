"""The field as the engine has it: devices and their newest values, calendars, down-times."""
