"""Devices, points and attributes -> stable integer ids (rows in SQL, never renumbered)."""

from gateway.registry.plan import Change, Wanted, plan
from gateway.registry.registry import Registry
from gateway.registry.shorter import shorter
from gateway.registry.texts import Allowance, Refused

__all__ = ["Allowance", "Change", "Refused", "Registry", "Wanted", "plan", "shorter"]
