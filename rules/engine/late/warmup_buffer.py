"""The readings that arrive while a new rule waits for its history."""

from collections.abc import Iterable

from gateway.domain.reading import Batch, decode_batch, encode_batch

BufferedBatch = tuple[int, int, bytes]
"""(record, engine time µs, encoded batch)."""
MOST = 1_000_000
"""Rows: beyond it, waiting rules begin with what is there."""


class WarmupBuffer:
    """(seq, engine time, batch) since the oldest request of a rule that is still open."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int, Batch]] = []
        self.rows = 0

    def keep(self, seq: int, now: int, batch: Batch) -> bool:
        """Keep a batch; False, and nothing is kept any more, when that is too much."""
        self.batches.append((seq, now, batch))
        self.rows += len(batch)
        if self.rows > MOST:
            self.clear()
            return False
        return True

    def since(self, seq: int) -> list[tuple[int, Batch]]:
        """(engine time, batch) of the records after `seq`."""
        return [(now, batch) for number, now, batch in self.batches if number > seq]

    def clear(self) -> None:
        """No rule waits any more: drop all."""
        self.batches, self.rows = [], 0

    def state(self) -> list[BufferedBatch]:
        """For the snapshot."""
        return [(seq, now, encode_batch(batch)) for seq, now, batch in self.batches]

    def load(self, state: Iterable[BufferedBatch]) -> None:
        """The inverse of `state`."""
        self.batches = [(seq, now, decode_batch(data)) for seq, now, data in state]
        self.rows = sum(len(batch) for _, _, batch in self.batches)
