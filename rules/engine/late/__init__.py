"""Readings that come late: what is kept so that the past can be judged again, and requests for stored history."""
