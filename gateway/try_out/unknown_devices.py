"""Devices that send messages and are not listed, found in the dead letters, with the profile that fits best."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gateway.domain.device import Device
from gateway.domain.reading import Quality
from gateway.domain.record import Raw
from gateway.ports import Clock
from gateway.settings.project import Project
from gateway.try_out.try_message import try_message

MOST = 500
"""Devices kept apart; messages of further ones are counted together."""
TRIED = 40
"""Kinds of messages that are tried with every profile; the rest get no proposal."""
_KEPT = re.compile(r"; \d+ of \d+ bytes kept$")
_NOTHING = "nothing at "  # the message has no code where the route looks for it


@dataclass(slots=True)
class UnknownDevice:
    """`count` messages, the newest at `last` µs on `topic`; `profile` takes `rows` points of it ("" = none does)."""

    code: str
    source: str
    topic: str
    payload: bytes
    last: int
    count: int = 1
    profile: str = ""
    rows: int = 0


@dataclass(slots=True)
class UnknownDevices:
    """By code, the newest first; `beyond`: number of messages of further devices."""

    found: dict[str, UnknownDevice] = field(default_factory=dict)
    beyond: int = 0

    def add(self, raws: Iterable[Raw], listed: Mapping[str, object]) -> None:
        """Add dead letters, the newest first; devices in `listed` are left out."""
        for raw in raws:
            code = _KEPT.sub("", raw.detail)
            if raw.reason != "unknown_device" or not code or code.startswith(_NOTHING) or code in listed:
                continue
            if (known := self.found.get(code)) is not None:
                known.count += 1
            elif len(self.found) < MOST:
                self.found[code] = UnknownDevice(code, raw.source, raw.address, raw.payload, raw.received)
            else:
                self.beyond += 1


def propose_profiles(unknown: UnknownDevices, project: Project, clock: Clock) -> None:
    """For each device the profile that reads most points of a message as good readings; of equal ones, one already
    used by devices."""
    used = {device.profile for device in project.declared.devices}
    kinds: dict[tuple[str, bytes], tuple[str, int]] = {}
    for one in unknown.found.values():
        kind = (one.source, _shape(one.payload))
        if kind not in kinds:
            kinds[kind] = _best(one, project, clock, used) if len(kinds) < TRIED else ("", 0)
        one.profile, one.rows = kinds[kind]


def _shape(payload: bytes) -> bytes:
    """The keys of a message, roughly: messages of one kind of device have the same."""
    return b",".join(sorted(set(re.findall(rb'"([^"\\]{1,60})"\s*:', payload))))[:2000]


def _best(one: UnknownDevice, project: Project, clock: Clock, used: set[str]) -> tuple[str, int]:
    found = [("", 0)]
    for name, profile in project.profiles.items():
        device = Device(0, one.code, name, profile.profile.kind, components=profile.profile.components)
        wanted = replace(project.declared, devices=(device,))
        tried = try_message(replace(project, declared=wanted), clock, one.topic, one.payload, source=one.source)
        rows = sum(row.quality is Quality.GOOD for result in tried for row in result.rows)
        found += [(name, rows)] if rows else []
    return max(found, key=lambda pair: (pair[1], pair[0] in used, pair[0]))
