"""Demo with real parts on this machine: scripted faults at fixed seconds, and a balance of all messages at the end."""
