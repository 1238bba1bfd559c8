"""Names of devices and sites, read once in a transaction."""

from collections.abc import Iterable

from gateway.desk.ports import PlaceReader
from gateway.domain.workorder import Alarm, Place, WorkOrder


class Places:
    """Places by device, and by the site that a group is."""

    def __init__(self, reader: PlaceReader) -> None:
        self._reader = reader
        self._devices: dict[int, Place | None] = {}
        self._sites: dict[tuple[str, str], Place | None] = {}

    def load(self, devices: Iterable[int]) -> None:
        """Read the names of these devices."""
        unknown = sorted({device for device in devices if device and device not in self._devices})
        found = self._reader.of_devices(unknown) if unknown else {}
        self._devices.update({device: found.get(device) for device in unknown})

    def of_device(self, device: int) -> Place | None:
        """The names of a device; None = a group, or an unknown device."""
        self.load([device])
        return self._devices.get(device)

    def of(self, of: Alarm | WorkOrder) -> Place | None:
        """The names of the device it is about, or of the site that its group is; None = neither is known."""
        if of.device or not of.group:
            return self.of_device(of.device)
        key = (of.tenant, of.group)
        if key not in self._sites:
            self._sites[key] = self._reader.of_sites(of.tenant, [of.group]).get(of.group)
        return self._sites[key]
