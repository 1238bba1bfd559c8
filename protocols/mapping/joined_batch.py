"""The rows of all shapes -> one batch in the order of the messages."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64, Batch, empty_batch
from protocols.mapping.row_shape import RowBlock


def joined_batch(blocks: Sequence[RowBlock], accepted: NDArray[np.bool_], received: I64) -> Batch:
    """All rows in the order of their messages; messages without rows leave no frame."""
    if not blocks:
        return empty_batch()
    rows = blocks[0] if len(blocks) == 1 else _merged(blocks)
    frame = (np.cumsum(accepted, dtype=np.int32) - np.int32(1))[rows.ordinal]
    flags = np.zeros(len(frame), np.uint8)
    return Batch(rows.device, rows.point, rows.at, rows.value, rows.quality, flags, frame, received[accepted])


def _merged(blocks: Sequence[RowBlock]) -> RowBlock:
    whole = RowBlock(
        np.concatenate([block.ordinal for block in blocks]),
        np.concatenate([block.device for block in blocks]),
        np.concatenate([block.point for block in blocks]),
        np.concatenate([block.at for block in blocks]),
        np.concatenate([block.value for block in blocks]),
        np.concatenate([block.quality for block in blocks]),
    )
    return whole.select(np.argsort(whole.ordinal, kind="stable"))
