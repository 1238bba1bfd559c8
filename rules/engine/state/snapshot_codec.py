"""What snapshots and warm-up results are made of: arrays as bytes, and a seal with version and checksum (no pickle)."""

import struct
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import numpy as np
import xxhash
from msgspec import Struct
from numpy.typing import NDArray

from gateway.domain.alarm import Thing
from rules.engine.state.older_snapshots import OLDER
from rules.engine.state.thing_table import ThingTable

MAGIC = b"FGRULES\x00"
VERSION = 15
Kind = TypeVar("Kind")
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


def table(array: NDArray[Any]) -> ArrayImage:
    """An array as bytes, little endian."""
    plain = np.ascontiguousarray(array)
    return ArrayImage(plain.dtype.newbyteorder("<").str, plain.shape, plain.tobytes())


def image_of_space(space: ThingTable) -> SpaceImage:
    """A table of things as a value."""
    columns = {name: table(column) for name, column in space.tables().items()}
    return SpaceImage(space.kind, space.things, space.names, columns)


def array(held: ArrayImage) -> NDArray[Any]:
    """The inverse of `table`; read-only."""
    return np.frombuffer(held.data, held.kind).reshape(held.shape)


def seal(body: bytes) -> bytes:
    """magic, version u16, xxh3-64 of the rest, the rest."""
    return _HEAD.pack(MAGIC, VERSION, xxhash.xxh3_64_intdigest(body)) + body


def opened(blob: bytes, decoder: msgspec.msgpack.Decoder[Kind], convert: Callable[[int, memoryview], bytes]) -> Kind:
    """The value that was encoded and sealed; `convert` makes that of an older version today's. Raises SnapshotError."""
    if len(blob) < _HEAD.size:
        raise SnapshotError(f"a snapshot of {len(blob)} bytes is no snapshot")
    magic, version, digest = _HEAD.unpack_from(blob)
    if magic != MAGIC or version not in {VERSION, *OLDER}:
        raise SnapshotError(f"snapshot version {version}, this build reads {VERSION}")
    body = memoryview(blob)[_HEAD.size :]
    if xxhash.xxh3_64_intdigest(body) != digest:
        raise SnapshotError("the snapshot is damaged: its checksum does not match")
    try:
        return decoder.decode(body if version == VERSION else convert(version, body))
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as flaw:
        raise SnapshotError(f"the snapshot does not decode: {flaw}") from flaw
