"""The gateway as a whole: build it from the configuration, start, reload and stop it."""
