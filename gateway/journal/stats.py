"""Statistics of the journal."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.record import RecordKind


@dataclass(frozen=True, slots=True)
class JournalStats:
    """A snapshot; counts are since the start of the process.

    `bytes` of bodies written; latencies are µs of one commit (begin to fsync done); `file_bytes` the database file,
    `used_bytes` its pages in use, of `limit` at most; `deleted` by retention, `expired` dead letters that lost their
    content, `refused` appends (StoreFull), `failed` commits (disk errors). [floor + 1, head] can be read; `released`
    is what every consumer has passed; `memory_bytes` what live consumers find in memory. `ballast`: it is still there.
    """

    head: int
    floor: int
    released: int
    commits: int
    records: Mapping[RecordKind, int]
    bytes: int
    fsyncs: int
    latency_last: int
    latency_max: int
    file_bytes: int
    used_bytes: int
    limit: int
    memory_bytes: int
    deleted: int
    expired: int
    refused: int
    failed: int
    waiting: int
    ballast: bool
