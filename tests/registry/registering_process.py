"""A process that registers lists of devices: `registering_process.py DATABASE TENANT`.

Each line of its input is a JSON list of [code, connectors]; each line of its output the ids it believes in afterwards:
{"devices": {code: id}, "points": {"name/component": id}}.
"""

import json
import sys

from gateway.clock import SystemClock
from gateway.domain.device import Device, PointKind, PointSpec, Profile
from gateway.registry import DeclaredInventory, Registry
from gateway.store import Database, SqlRegistryStore

CHARGER = Profile(
    "dc",
    "charger",
    (PointSpec("temp", unit="degC", each=True), PointSpec("status", kind=PointKind.STATE, each=True)),
)


def declared(devices: list[tuple[str, int]]) -> DeclaredInventory:
    """An inventory of these devices."""
    return DeclaredInventory(
        devices=tuple(Device(0, code, "dc", "charger", components=count) for code, count in devices),
        profiles=(CHARGER,),
    )


def believed(registry: Registry) -> dict[str, dict[str, int]]:
    """The ids of all that is known."""
    points = registry.points("dc")
    return {
        "devices": {device.code: device.id for device in registry.contents().devices},
        "points": {f"{name}/{component}": point.id for (name, component), point in points.items()},
    }


def main(url: str, tenant: str) -> None:
    """Register each list as it comes."""
    database = Database(url)
    registry = Registry(SqlRegistryStore(database, SystemClock(), tenant), tenant, SystemClock())
    for line in sys.stdin:
        registry.apply(declared(json.loads(line)))
        print(json.dumps(believed(registry)), flush=True)
    database.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
