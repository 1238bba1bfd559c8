"""A snapshot: everything the engine knows at one sequence number, with a checksum (never pickle)."""

import struct
from typing import Any

import msgspec
import numpy as np
import xxhash
from msgspec import Struct
from numpy.typing import NDArray

from gateway.domain.alarm import Thing
from gateway.domain.device import Customer, Device, Point, Site
from gateway.domain.record import RuleSet

MAGIC = b"FGRULES\x00"
VERSION = 13
_HEAD = struct.Struct("<8sHQ")


class SnapshotError(ValueError):
    """Not a snapshot, of another version, or damaged: replay the journal from its start instead."""


class ArrayImage(Struct, frozen=True):
    """An array: numpy type, shape, bytes."""

    kind: str
    shape: tuple[int, ...]
    data: bytes


class SpaceImage(Struct, frozen=True):
    """A space."""

    kind: str
    things: list[Thing]
    names: list[str]
    tables: dict[str, ArrayImage]


class RunnerImage(Struct, frozen=True):
    """The state of one rule on one kind."""

    rule: str
    kind: str
    tables: dict[str, ArrayImage]
    extra: bytes = b""
    decided: dict[int, int] = {}


class Image(Struct, frozen=True):
    """The whole engine at `seq`."""

    partition: int
    tenant: str
    seq: int
    now: int
    sites: list[Site]
    customers: list[Customer]
    devices: list[Device]
    points: list[Point]
    profiles: dict[str, int]
    spaces: list[SpaceImage]
    rules: list[RuleSet]
    runners: list[RunnerImage]
    downs: list[tuple[int, int]]
    counts: dict[str, int]
    kept: list[int] = []
    settled: int = 0
    waiting: dict[str, int] = {}  # rule -> the record that installed it
    requests: bytes = b""
    interim: bytes = b""
    replaced: bytes = b""
    overtaken: bytes = b""
    glitches: bytes = b""
    buffer: bytes = b""  # of a lane
    lateness: int = 0
    after: bytes = b""
    ledger: bytes = b""
    completions: bytes = b""
    imports: list[str] = []  # those that run
    steps: list[tuple[int, int]] = []
    standing: dict[str, list[tuple[Thing, tuple[str, ...], int]]] = {}
    lanes: list["Image"] = []


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Image)


def table(array: NDArray[Any]) -> ArrayImage:
    """An array as bytes, little endian."""
    plain = np.ascontiguousarray(array)
    return ArrayImage(plain.dtype.newbyteorder("<").str, plain.shape, plain.tobytes())


def array(held: ArrayImage) -> NDArray[Any]:
    """The inverse of `table`; read-only."""
    return np.frombuffer(held.data, held.kind).reshape(held.shape)


def seal(body: bytes) -> bytes:
    """magic, version u16, xxh3-64 of the rest, the rest."""
    return _HEAD.pack(MAGIC, VERSION, xxhash.xxh3_64_intdigest(body)) + body


def unseal(blob: bytes) -> memoryview:
    """The inverse of `seal`. Raises SnapshotError."""
    if len(blob) < _HEAD.size:
        raise SnapshotError(f"a snapshot of {len(blob)} bytes is no snapshot")
    magic, version, digest = _HEAD.unpack_from(blob)
    if magic != MAGIC or version != VERSION:
        raise SnapshotError(f"snapshot version {version}, this build reads {VERSION}")
    body = memoryview(blob)[_HEAD.size :]
    if xxhash.xxh3_64_intdigest(body) != digest:
        raise SnapshotError("the snapshot is damaged: its checksum does not match")
    return body


def encode(image: Image) -> bytes:
    """MessagePack, sealed."""
    return seal(_encoder.encode(image))


def decode(blob: bytes) -> Image:
    """The inverse of `encode`. Raises SnapshotError."""
    body = unseal(blob)
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as flaw:
        raise SnapshotError(f"the snapshot does not decode: {flaw}") from flaw
