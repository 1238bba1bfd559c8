"""Notices by short message, through an HTTP gateway."""
