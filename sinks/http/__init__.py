"""Shared parts of the HTTP sinks: allowed addresses, signatures, one bounded request, the meaning of a response."""
