"""Columns of readings <-> the binary forms of PostgreSQL (documentation of release 18, COPY, "Binary Format").

No value becomes a Python object on its way: rows go in as one block for COPY, columns come back as arrays that the
server has collected (`array_agg`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import Batch

EPOCH = 946_684_800_000_000
"""µs from 1970 to 2000, where PostgreSQL begins to count."""
COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END = b"\xff\xff"
READING = "at, device, point, value, quality, flags, received"
AS_ARRAYS = (
    "array_agg(device), array_agg(point), array_agg(at), array_agg(coalesce(value, 'NaN')), array_agg(quality), "
    "array_agg(flags), array_agg(received)"
)
_ARRAY_HEAD = 20
_KINDS = {
    "device": ">i4",
    "point": ">i4",
    "at": ">i8",
    "value": ">f8",
    "quality": ">i2",
    "flags": ">i2",
    "received": ">i8",
}


def packed(columns: Sequence[NDArray[Any] | None], count: int) -> bytes:
    """Rows of COPY: of each column all values with their length; None = NULL in every row."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for place, column in enumerate(columns):
        fields.append((f"length{place}", ">i4"))
        if column is not None:
            fields.append((f"value{place}", column.dtype.newbyteorder(">").str))
    rows = np.empty(count, fields)
    rows["fields"] = len(columns)
    for place, column in enumerate(columns):
        rows[f"length{place}"] = -1 if column is None else column.dtype.itemsize
        if column is not None:
            rows[f"value{place}"] = column
    return rows.tobytes()


def reading_rows(batch: Batch) -> list[bytes]:
    """Rows of the table `reading`, in the order of its key, which keeps its index small; bad readings, whose value is
    NULL, after the others."""
    batch = batch.select(np.lexsort((batch.at, batch.point, batch.device)))
    blocks = []
    for bad in (False, True):
        part = batch.select(np.isnan(batch.value) == bad)
        columns: list[NDArray[Any] | None] = [
            part.at - EPOCH,
            part.device,
            part.point,
            None if bad else part.value,
            part.quality.astype(np.int16),
            part.flags.astype(np.int16),
            part.received[part.frame] - EPOCH,
        ]
        blocks.append(packed(columns, len(part)))
    return blocks


def array(blob: bytes | None, kind: str) -> NDArray[Any]:
    """The elements of a binary array without NULLs; None = no rows were collected."""
    if blob is None or len(blob) < _ARRAY_HEAD:
        return np.empty(0, np.dtype(kind).newbyteorder("="))
    count = int.from_bytes(blob[12:16], "big")
    found = np.frombuffer(blob, [("length", ">i4"), ("value", kind)], count, _ARRAY_HEAD)["value"]
    return found.astype(np.dtype(kind).newbyteorder("="))


def columns_of(row: Sequence[bytes | None]) -> dict[str, NDArray[Any]]:
    """The columns of the answer to AS_ARRAYS; times are µs since 1970."""
    found = {name: array(blob, kind) for (name, kind), blob in zip(_KINDS.items(), row, strict=True)}
    return found | {"at": found["at"] + EPOCH, "received": found["received"] + EPOCH}


def batch_of_columns(found: dict[str, NDArray[Any]]) -> Batch:
    """Batch with one frame per row."""
    return Batch(
        found["device"],
        found["point"],
        found["at"],
        found["value"],
        found["quality"].astype(np.uint8),
        found["flags"].astype(np.uint8),
        np.arange(len(found["at"]), dtype=np.int32),
        found["received"],
    )
