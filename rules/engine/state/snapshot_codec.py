"""What snapshots and warm-up results are made of: arrays as bytes, and a seal with version and checksum (no pickle)."""

import struct
from typing import Any

import numpy as np
import xxhash
from msgspec import Struct
from numpy.typing import NDArray

from gateway.domain.alarm import Thing

MAGIC = b"FGRULES\x00"
VERSION = 14
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


def unseal(blob: bytes, *, older: tuple[int, ...] = ()) -> tuple[int, memoryview]:
    """The inverse of `seal`: (version, body). `older`: versions that are read, too. Raises SnapshotError."""
    if len(blob) < _HEAD.size:
        raise SnapshotError(f"a snapshot of {len(blob)} bytes is no snapshot")
    magic, version, digest = _HEAD.unpack_from(blob)
    if magic != MAGIC or version not in {VERSION, *older}:
        raise SnapshotError(f"snapshot version {version}, this build reads {VERSION}")
    body = memoryview(blob)[_HEAD.size :]
    if xxhash.xxh3_64_intdigest(body) != digest:
        raise SnapshotError("the snapshot is damaged: its checksum does not match")
    return version, body
