"""Rules on stored history and the reasons of an alarm, for commands. Works beside a gateway or without one."""
