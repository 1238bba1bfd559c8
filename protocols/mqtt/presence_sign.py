"""What a message shows of the presence of a device."""

from typing import NamedTuple


class PresenceSign(NamedTuple):
    """The message at this place (of a parcel, or of a call of the mapper) shows that a device is there, or is gone. Not
    `certain`: it may be old. `holds` µs: how long, 0 = for ever, None = as in the limits of the device."""

    place: int
    device: int
    online: bool
    certain: bool = True
    holds: int | None = None
