"""Fieldgate: the stateful middle and the only wiring."""
