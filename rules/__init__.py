"""Rules: pure evaluation of telemetry against what operations wrote in YAML."""

import rules.conditions  # noqa: F401 - the forms of a condition are registered before any rule is read
