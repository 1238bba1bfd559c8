"""The demo: real parts on this machine, acts at fixed seconds, and an account of every message at the end."""
