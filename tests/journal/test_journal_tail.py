"""What is kept for live consumers: bounded by time and by bytes of memory, whatever the consumers do."""

import asyncio
import tracemalloc

import numpy as np
import pytest

from gateway.domain.reading import Batch
from gateway.domain.record import Record, encode_body
from gateway.journal.tail import KEEP, JournalTail, footprint


def batch(rows: int) -> Batch:
    return Batch(
        np.zeros(rows, "i4"),
        np.zeros(rows, "i4"),
        np.zeros(rows, "i8"),
        np.zeros(rows),
        np.zeros(rows, "u1"),
        np.zeros(rows, "u1"),
        np.zeros(rows, "i4"),
        np.zeros(1, "i8"),
    )


def publish(recent: JournalTail, seq: int, rows: int) -> None:
    record = Record(seq, 0, batch(rows))
    recent.publish([record], [len(encode_body(record.body))])


def test_what_is_older_than_a_few_seconds_is_in_the_file_alone() -> None:
    now = 0.0
    recent, loop = JournalTail(0, 2**30, clock=lambda: now), asyncio.new_event_loop()
    for seq in range(1, 1001):  # ten a second: 100 seconds
        now = seq / 10
        publish(recent, seq, 4)
    kept = int(KEEP * 10) + 1
    assert recent.bytes == kept * footprint(Record(1, 0, batch(4)), 0)
    assert recent.after(1000 - kept - 1, 5, loop) is None, "to be read from the file"
    found = recent.after(1000 - kept, 5, loop)
    assert isinstance(found, list)
    assert [record.seq for record in found] == [1000 - kept + n for n in range(1, 6)]
    loop.close()


@pytest.mark.parametrize("rows", [1, 40, 4000])
def test_the_bound_is_that_of_the_memory_really_used(rows: int) -> None:
    most = 4 * 2**20
    recent = JournalTail(0, most, clock=lambda: 0.0)
    publish(recent, 1, rows)
    tracemalloc.start()
    for seq in range(2, 2 + 3 * most // footprint(Record(1, 0, batch(rows)), 0)):
        publish(recent, seq, rows)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert recent.bytes <= most
    assert 0.5 * most < used < 1.4 * most
