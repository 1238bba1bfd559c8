"""What the rule engine asks of stored history (RULES section 5: late readings, edits)."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from gateway.domain.reading import Batch


class HistoryRequest(Struct, frozen=True):
    """A request: a Rerun with `wanted` = `seq` answers it. Late readings of `device`, with the history of
    `devices`, itself among them, when it is compared with others; or of a member of `group` for
    `rule`, whose `devices` are asked about; or `rule` alone: a warm-up of all it watches.

    `since` µs is the oldest event time in doubt; history is wanted from `start` µs on, and the newest readings before.
    """

    seq: int
    device: int = 0
    rule: str = ""
    since: int = 0
    start: int = 0
    group: str = ""
    devices: tuple[int, ...] = ()


class HistoryJob(Protocol):
    """A look back at the devices of a rule, or of a group of it, to be fed with their history. It shares nothing that
    changes with the engine: `input` is all it needs of it, for another process.
    """

    @property
    def devices(self) -> Sequence[int]:
        """Whose history."""

    @property
    def input(self) -> bytes:
        """Encoded (rules.engine.rerun.warmup_job)."""

    def feed(self, history: Batch) -> None:
        """Readings, sorted by time over all calls."""

    def image(self) -> bytes:
        """What came of it, for a Rerun fact; empty = nothing."""
