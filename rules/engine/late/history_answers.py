"""Answers to the open requests of an engine, as facts for the journal."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.domain.history_request import HistoryJob, HistoryRequest
from gateway.domain.reading import Batch, Flag, concat, empty_batch, encode_batch
from gateway.domain.record import Rerun
from gateway.domain.regroup import in_order

MOST_ROWS = 500_000
"""Rows of history of one device, or one group, that a rerun takes; a longer one is given up."""


History = Callable[[Sequence[int], int], Batch]
"""(devices, start µs) -> their readings from `start` on and, of each point, the newest before; in any order."""


class RequestingEngine(Protocol):
    """What an answer needs of an engine."""

    @property
    def wanted(self) -> tuple[HistoryRequest, ...]:
        """The open requests, oldest first."""

    def warmup_job(self, wanted: HistoryRequest) -> HistoryJob:
        """What to feed with the history of the devices of a rule, or of a group of it."""


def answer(engine: RequestingEngine, history: History) -> tuple[Rerun, ...]:
    """The facts that answer all open requests: append each to the journal and step it. () when none is open."""
    return tuple(answer_one(engine, wanted, history) for wanted in engine.wanted)


def answer_one(engine: RequestingEngine, wanted: HistoryRequest, history: History) -> Rerun:
    """The fact that answers one request; the history holds all readings up to record `wanted.seq`."""
    if not wanted.rule:
        found = in_order(history(wanted.devices or (wanted.device,), wanted.start))
        blob = encode_batch(found) if 0 < len(found) <= MOST_ROWS else b""
        return Rerun(wanted.seq, wanted.device, since=wanted.since, history=blob)
    job = engine.warmup_job(wanted)
    found = in_order(history(job.devices, wanted.start))
    image = b""
    if len(found):
        job.feed(found)
        image = job.image()
    return Rerun(wanted.seq, rule=wanted.rule, since=wanted.since, image=image, group=wanted.group, upto=wanted.seq)


def expired(rows: Batch, accept_late: int) -> NDArray[np.bool_]:
    """Which readings, sorted by time, were late for their device by more than `accept_late` µs when they came.

    They are never to be judged.
    """
    received = rows.received[rows.frame]
    order = np.lexsort((received, rows.device))
    device, moment = rows.device[order].astype(np.int64), np.unique(rows.at, return_inverse=True)[1][order]
    rank = device * (len(rows) + 1) + moment  # time within the device, the devices one after another
    late = rank < np.maximum.accumulate(rank)
    found = np.zeros(len(rows), np.bool_)
    found[order] = late
    written = (rows.flags & np.uint8(Flag.CORRECTED)) != 0  # by a person: received when it was written
    gone: NDArray[np.bool_] = found & ~written & (received - rows.at > accept_late)
    return gone


def history_in_memory(batches: Sequence[Batch]) -> History:
    """History out of memory: all readings delivered up to now, in order of receipt."""
    everything = concat(batches) if batches else empty_batch()

    def history(devices: Sequence[int], start: int) -> Batch:  # noqa: ARG001 - all that came before is there too
        return everything.select(np.isin(everything.device, np.array(devices, np.int32)))

    return history
