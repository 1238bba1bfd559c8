"""The gateway as a whole: built from the configuration, started, reloaded, stopped."""
