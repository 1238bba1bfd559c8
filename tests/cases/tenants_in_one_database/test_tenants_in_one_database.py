"""Two tenants of one database both began with id 1: the second took the rows of the first over, and with them its
readings, which have no tenant."""

from pathlib import Path

from gateway.clock import SystemClock
from gateway.domain.device import Device, PointSpec, Profile
from gateway.registry import DeclaredInventory, Registry
from gateway.store import Database, SqlRegistryStore


def test_each_tenant_keeps_its_devices_and_points(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "fieldgate.sqlite")
    database.upgrade()
    declared = DeclaredInventory(
        devices=(Device(0, "A", "meter", "gas_meter"),),
        profiles=(Profile("meter", "gas_meter", (PointSpec("volume", unit="m3"),)),),
    )
    registries = {
        tenant: Registry(SqlRegistryStore(database, SystemClock(), tenant), tenant, SystemClock())
        for tenant in ("north", "south")
    }
    for registry in registries.values():
        registry.apply(declared)
    for number, tenant in enumerate(registries, 1):
        stored = SqlRegistryStore(database, SystemClock(), tenant).load()
        assert [(device.id, device.code) for device in stored.devices] == [(number, "A")]
        assert [(point.id, point.name) for point in stored.points] == [(number, "volume")]
    database.close()
