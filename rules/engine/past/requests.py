"""Devices whose past is in doubt: what is asked for, and what arrives meanwhile."""

import msgspec
import numpy as np
from msgspec import Struct

from gateway.domain.reading import Batch, decode_batch, encode_batch
from gateway.domain.record import Closed, CycleDone, MeterExchanged, Unlatch
from rules.engine.past.wanted import MOST_ROWS

LIVED = 64
"""Facts of the desk that are remembered for each device."""
FactOf = Unlatch | Closed | CycleDone | MeterExchanged


class Pending(Struct):
    """A device: since when it is in doubt, from when history is wanted, and its readings after record `seq`."""

    seq: int
    since: int
    start: int
    rows: int = 0
    kept: list[bytes] = []  # encoded batches


class Requests:
    """The open requests about devices, and the facts that a second look at their past needs."""

    def __init__(self) -> None:
        self._fresh: dict[int, None] = {}
        self.open: dict[int, Pending] = {}
        self.decided: dict[int, int] = {}  # device -> when a tick ended an alarm of it, for want of readings
        self.facts: dict[int, list[tuple[int, FactOf]]] = {}

    def holds(self, device: int, since: int) -> bool:
        """Is it asked for already? Then the history that comes holds the reading, or what is kept does."""
        before = self.open.get(device)
        return before is not None and before.since <= since

    def ask(self, seq: int, device: int, since: int, reach: int) -> None:
        """Something about `device` at or after `since` was decided without a reading that is there now.

        Its rules look back by `reach` µs.
        """
        before = self.open.get(device)
        self._fresh[device] = None
        start = max(0, since - reach)
        if before is None:
            self.open[device] = Pending(seq, since, start)
            return
        before.since = since
        if start < before.start:
            before.start, before.seq = start, seq  # an answer under way begins too late

    def fresh(self) -> list[int]:
        """The devices asked about since the last call."""
        if not self._fresh:
            return []
        fresh, self._fresh = list(self._fresh), {}
        return fresh

    def widen(self, device: int, start: int, seq: int) -> None:
        """More history is wanted."""
        pending = self.open[device]
        if start < pending.start:
            pending.start, pending.seq = max(0, start), seq

    def decide(self, device: int, at: int) -> None:
        """A tick ended an alarm of the device at `at` µs because nothing came."""
        self.decided[device] = max(at, self.decided.get(device, at))

    def denied(self, batch: Batch) -> dict[int, int]:
        """Devices with readings from before an end that a tick decided without them: the oldest such `at`, µs."""
        found: dict[int, int] = {}
        if not self.decided:
            return found
        mine = batch.select(np.isin(batch.device, np.array(list(self.decided), np.int32)))
        for device in np.unique(mine.device).tolist():
            at = mine.at[mine.device == device]
            if int(at.min()) <= self.decided[device]:
                found[device] = int(at.min())
            if int(at.max()) > self.decided[device]:
                del self.decided[device]
        return found

    def keep(self, batch: Batch) -> int:
        """Readings of the devices in doubt: the history that comes may have been read before them.

        How many devices are given up because it is too much.
        """
        if not self.open:
            return 0
        before = len(self.open)
        hit = batch.select(np.isin(batch.device, np.array(list(self.open), np.int32)))
        for device in np.unique(hit.device).tolist():
            mine, pending = hit.select(hit.device == device), self.open[device]
            pending.kept.append(encode_batch(_compact(mine)))
            pending.rows += len(mine)
            if pending.rows > MOST_ROWS:
                del self.open[device]
        return before - len(self.open)

    def answered(self, device: int, seq: int) -> tuple[Pending, list[Batch]] | None:
        """The request that an answer to record `seq` is for, which is closed now; None when there is none."""
        pending = self.open.get(device)
        if pending is None or seq < pending.seq:
            return None
        del self.open[device]
        return pending, [decode_batch(blob) for blob in pending.kept]

    def lived(self, device: int, at: int, fact: FactOf) -> None:
        """The desk told something about the device."""
        if device:
            kept = self.facts.setdefault(device, [])
            kept.append((at, fact))
            del kept[:-LIVED]

    def state(self) -> bytes:
        """For the snapshot."""
        return _encoder.encode((self.open, self.facts, self.decided))

    def load(self, blob: bytes) -> None:
        """The inverse of `state`."""
        if blob:
            self.open, self.facts, self.decided = _decoder.decode(blob)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[dict[int, Pending], dict[int, list[tuple[int, FactOf]]], dict[int, int]])


def _compact(batch: Batch) -> Batch:
    """Without the frames of other devices."""
    used, frame = np.unique(batch.frame, return_inverse=True)
    return Batch(
        batch.device, batch.point, batch.at, batch.value, batch.quality, batch.flags, frame.astype(np.int32),
        batch.received[used],
    )  # fmt: skip
