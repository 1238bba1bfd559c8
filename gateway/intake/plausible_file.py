"""State of plausibility on disk, so that readings after a restart are judged as if it had not been.

The file holds the state after one journal record; what the journal has since is judged once more. Marks are in the
journal, so a lost or damaged file loses no mark: the state is then made from the newest records.
"""

import os
from pathlib import Path
from typing import Final

import structlog
from msgspec import DecodeError, Struct, msgpack

from gateway.domain.error_reasons import reason
from gateway.domain.plausible import Plausibility, PlausibilityState
from gateway.domain.reading import Batch
from gateway.domain.record import ClockStep, MeterExchanged, Record
from gateway.ports import PartitionedLog

log = structlog.get_logger()
FILE: Final = "plausible.state"
NEWEST: Final = 500
"""Records read where there is no file."""
PAGE: Final = 500


class _Saved(Struct, frozen=True):
    """`seq`: the newest record in the state; `version` of its form."""

    version: int
    partition: int
    seq: int
    state: PlausibilityState


VERSION: Final = 1
_decoder = msgpack.Decoder(_Saved)


class PlausibilityFile:
    """The file of one partition in a folder. `save` is called from one thread at a time."""

    def __init__(self, folder: Path, partition: int) -> None:
        self.path = folder / (FILE if not partition else f"{FILE}.{partition}")
        self._partition, self._saved = partition, -1

    def restore(self, plausibility: Plausibility, journal: PartitionedLog) -> None:
        """Load the state and judge what the journal has since."""
        head = journal.head(self._partition)
        saved = self._read()
        after = max(0, head - NEWEST)
        if saved is not None and saved.seq <= head:
            plausibility.load(saved.state)
            after, self._saved = saved.seq, saved.seq
        counts = plausibility.counts.state() if saved is None else None
        while records := journal.read(self._partition, after, PAGE):
            for record in records:
                repeat(plausibility, record)
            after = records[-1].seq
        if counts is not None:  # counted before, by whom is not known
            plausibility.counts.load(counts)

    def is_saved(self, seq: int) -> bool:
        """True if the file holds the state after this record."""
        return seq == self._saved

    def save(self, encoded: bytes, seq: int) -> None:
        """Write the state after record `seq` (see `encoded`). A failure is logged: the next save repairs it."""
        fresh = self.path.with_suffix(".new")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(encoded)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            self._saved = seq
        except OSError as error:
            log.warning("plausibility not saved", path=str(self.path), error=reason(error))

    def encoded(self, plausibility: Plausibility, seq: int) -> bytes:
        """The content of the file. On the thread that judges."""
        return msgpack.encode(_Saved(VERSION, self._partition, seq, plausibility.state()))

    def _read(self) -> _Saved | None:
        try:
            saved = _decoder.decode(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, DecodeError) as error:
            log.warning("plausibility not restored", path=str(self.path), error=reason(error))
            return None
        return saved if (saved.version, saved.partition) == (VERSION, self._partition) else None


def repeat(plausibility: Plausibility, record: Record) -> None:
    """A journaled record once more: the state afterwards is that of the first time."""
    body = record.body
    if isinstance(body, Batch):
        plausibility.keep(plausibility.judge(body))
    elif isinstance(body, MeterExchanged):
        plausibility.exchange(body)
    elif isinstance(body, ClockStep) and body.goes_back:
        plausibility.reset()
