"""`fieldgate probe`, one file per protocol."""
