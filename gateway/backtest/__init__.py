"""Looking back: rules on stored history, and why an alarm was raised. For commands, beside a gateway or without one."""
