"""Rules: pure evaluation of telemetry against what operations wrote in YAML."""
