"""Devices, points and attributes -> stable integer ids (rows in SQL, never renumbered)."""

from gateway.registry.registry import Registry
from gateway.registry.registry_diff import DeclaredInventory, difference
from gateway.registry.short_retention import shorter
from gateway.registry.state_texts import Allowance

__all__ = ["Allowance", "DeclaredInventory", "Registry", "difference", "shorter"]
