"""Counts of the journal, read beside the gateway that writes it."""

from pathlib import Path

import numpy as np

from gateway.domain.errors import StoreError
from gateway.domain.reading import Batch
from gateway.journal import JournalReader

AT_ONCE = 512  # records


class DemoCounts:
    """`messages` and `readings` on disk at the last update; they only grow."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader: JournalReader | None = None
        self._after = 0
        self.messages = 0
        self.readings = 0

    def update(self) -> None:
        """Count the new records. Blocking. A journal that is missing or busy is read at the next call."""
        try:
            if self._reader is None:
                self._reader = JournalReader(self._path)
            while records := self._reader.read(0, self._after, AT_ONCE):
                self._after = records[-1].seq
                for record in records:
                    if isinstance(record.body, Batch):
                        self.messages += len(np.unique(record.body.frame))
                        self.readings += len(record.body)
        except StoreError:
            return

    def close(self) -> None:
        """Close the journal."""
        if self._reader is not None:
            self._reader.close()
