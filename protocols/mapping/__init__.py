"""Messages to readings, by the routes of a configuration; shared by the sources that take messages."""
