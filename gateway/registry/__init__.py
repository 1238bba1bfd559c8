"""Devices, points and attributes -> stable integer ids (rows in SQL, never renumbered)."""

from gateway.registry.plan import Change, Wanted, plan
from gateway.registry.registry import Registry
from gateway.registry.short_retention import shorter
from gateway.registry.state_texts import Allowance, Refused

__all__ = ["Allowance", "Change", "Refused", "Registry", "Wanted", "plan", "shorter"]
