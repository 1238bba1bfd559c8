"""Devices, points and attributes -> stable integer ids (rows in SQL, never renumbered)."""

from gateway.registry.plan import Change, Wanted, plan
from gateway.registry.registry import Registry
from gateway.registry.shorter import shorter

__all__ = ["Change", "Registry", "Wanted", "plan", "shorter"]
