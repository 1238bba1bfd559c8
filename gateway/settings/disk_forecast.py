"""Expected rate of readings by the intervals in the profiles, and the time until the disk is full."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.domain.device import Device, Life, Profile
from gateway.domain.duration import DAY, SECOND
from gateway.domain.language_values import DurationText, Phrase
from gateway.expected_stores import JOURNAL
from gateway.settings.project import Project

READING: Final = 5
"""Bytes per stored reading, measured: 4.3 to 4.9."""
FOREVER: Final = 3650 * DAY


@dataclass(frozen=True, slots=True)
class DiskForecast:
    """Bytes `free` and `floor`; `rate` readings a second; `lasts` µs until the floor is reached, None = unknown (no
    point has an interval), FOREVER = retention deletes as much as is written."""

    free: int
    floor: int
    rate: float
    lasts: int | None

    def time_left_text(self) -> Phrase:
        """`lasts` in words."""
        if self.lasts is None:
            return Phrase("room.unknown")
        rate = f"{self.rate:.3g}"
        if self.lasts >= FOREVER:
            return Phrase("room.forever", {"rate": rate})
        return Phrase("room.lasts", {"rate": rate, "time": DurationText(self.lasts // DAY * DAY or self.lasts)})


def expected_rate(devices: Sequence[Device], profiles: Mapping[str, Profile]) -> float:
    """Readings a second of all devices in service, by the promised intervals; points without one do not count."""
    total = 0.0
    for device in devices:
        profile = profiles.get(device.profile)
        if profile is None or device.life is not Life.IN_SERVICE:
            continue
        total += sum(
            (device.components if spec.each else 1) * SECOND / spec.every for spec in profile.points if spec.every
        )
    return total


def forecast_of_project(project: Project) -> DiskForecast:
    """Forecast for an installation, running or not. Raises OSError."""
    settings = project.settings
    journal = settings.data_dir / JOURNAL
    grows = max(0, settings.journal.max_bytes - (journal.stat().st_size if journal.exists() else 0))
    readings = expected_rate(project.declared.devices, {name: one.profile for name, one in project.profiles.items()})
    return forecast(settings.data_dir, settings.journal.free_space_floor, grows, settings.history.retention, readings)


def forecast(data: Path, floor: int, journal: int, retention: int, readings: float) -> DiskForecast:
    """Forecast from `journal`, the bytes it may still grow by, `retention` µs and `readings` a second. Raises
    OSError."""
    while not data.exists() and data != data.parent:
        data = data.parent
    disk = os.statvfs(data)
    free = disk.f_bavail * disk.f_frsize
    return DiskForecast(free, floor, readings, time_until_full(free - floor, journal, retention, readings))


def time_until_full(spare: int, journal: int, retention: int, readings: float) -> int | None:
    """Time in µs until `spare` bytes are used. Pure."""
    if not readings:
        return None
    spare -= journal
    per_day = readings * 86_400 * READING
    if spare <= 0:
        return 0
    if spare >= per_day * retention / DAY:
        return FOREVER
    return min(FOREVER, round(spare / per_day * DAY))
