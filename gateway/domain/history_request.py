"""Requests of the rule engine for stored history (RULES section 5: late readings, edits)."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from gateway.domain.reading import Batch


class HistoryRequest(Struct, frozen=True):
    """Request for history; a Rerun with `wanted` = `seq` answers it. There are three kinds: late readings of `device`
    (with the history of `devices`, including itself, when it is compared with others); a late member of `group` for
    `rule`, with `devices` as the members; `rule` alone, for the warm-up of all its devices.

    `since` µs is the oldest event time to re-evaluate. The history needed starts at `start` µs, with the newest
    readings before it.
    """

    seq: int
    device: int = 0
    rule: str = ""
    since: int = 0
    start: int = 0
    group: str = ""
    devices: tuple[int, ...] = ()


class HistoryJob(Protocol):
    """Replay of the history of a rule's devices, or of one of its groups. It shares no mutable state with the engine:
    `input` is complete, also for another process."""

    @property
    def devices(self) -> Sequence[int]:
        """Devices whose history is needed."""

    @property
    def input(self) -> bytes:
        """Encoded (rules.engine.rerun.warmup_job)."""

    def feed(self, history: Batch) -> None:
        """Readings, sorted by time over all calls."""

    def image(self) -> bytes:
        """State after the replay, for a Rerun fact; empty = none."""
