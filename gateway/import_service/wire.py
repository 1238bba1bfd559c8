"""Bodies of `/v1/imports` (MessagePack or JSON), exchanged by importer and gateway."""

from msgspec import Struct

from gateway.domain.device import PointKind

MAX_LOOKUP = 2_000
"""Devices of one look-up."""


class Lookup(Struct, frozen=True, forbid_unknown_fields=True):
    """Request for the points of those of these devices that are in service."""

    devices: list[str]


class PointInfo(Struct, frozen=True):
    """One point of a profile. `components` 0: it belongs to the device, else to each of its components 1..n."""

    name: str
    kind: PointKind
    unit: str
    components: int
    values: tuple[str, ...] = ()
    missing: tuple[float | str, ...] = ()


class ImportScope(Struct, frozen=True):
    """Known devices -> their profile; profiles -> their points. Readings before `oldest` µs are not kept (0: all)."""

    devices: dict[str, str]
    profiles: dict[str, list[PointInfo]]
    oldest: int = 0


class Begin(Struct, frozen=True, forbid_unknown_fields=True):
    """An import of `file` (a name, for the record) begins."""

    file: str
    actor: str = ""


class Begun(Struct, frozen=True):
    """`max_bytes` of a request's body."""

    id: str
    max_bytes: int


class Chunk(Struct, frozen=True, forbid_unknown_fields=True):
    """Columns of readings, n rows; chunk numbers rise by one from 0, and the same number again changes nothing.

    `devices` are codes, `points` (name, component) with component 0 = the device itself; `device[n]`, `point[n]` index
    them; `at[n]` µs since 1970 UTC; `value[n]` in the canonical unit, a text for a state point, null = bad.
    `quality[n]` 0 bad, 1 uncertain, 2 good; [] = good wherever there is a value.
    Rows of one device are sent together, in order of time.
    """

    number: int
    devices: list[str]
    points: list[tuple[str, int]]
    device: list[int]
    point: list[int]
    at: list[int]
    value: list[float | str | None]
    quality: list[int] = []


class Taken(Struct, frozen=True):
    """`next`: the chunk number that is expected now."""

    next: int


class End(Struct, frozen=True, forbid_unknown_fields=True):
    """The number of chunks sent; the import is complete."""

    chunks: int


class Result(Struct, frozen=True):
    """Counts of readings: sent = imported + duplicates + expired + refused. Replaced (another value was stored before)
    and late (older than readings already judged) ones are among the imported.

    `done` False: the rules have not passed the end yet, repeat the request. `alarms`: imported alarms raised, `orders`:
    orders made for them.
    """

    done: bool
    imported: int = 0
    duplicates: int = 0
    replaced: int = 0
    late: int = 0
    expired: int = 0
    refused: int = 0
    devices: int = 0
    alarms: int = 0
    orders: int = 0
