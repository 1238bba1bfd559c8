"""What the rule engine asks of stored history (RULES section 5: late readings, edits)."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from gateway.domain.reading import Batch


class Wanted(Struct, frozen=True):
    """A request: a Rerun with `wanted` = `seq` answers it. Late readings of `device`, or of a member of `group` for
    `rule`, whose `devices` are asked about; or `rule` alone: a warm-up.

    `since` µs is the oldest event time in doubt; history is wanted from `start` µs on, and the newest readings before.
    """

    seq: int
    device: int = 0
    rule: str = ""
    since: int = 0
    start: int = 0
    group: str = ""
    devices: tuple[int, ...] = ()

    @property
    def about(self) -> tuple[int, ...]:
        """The devices whose readings answer it; none for a warm-up, whose `Warming` knows them."""
        return (self.device,) if self.device else self.devices


class Warming(Protocol):
    """A rule alone with the facts of now, to be fed with history. Shares nothing that changes with the engine."""

    @property
    def devices(self) -> Sequence[int]:
        """Whose history."""

    def feed(self, history: Batch) -> None:
        """Readings, sorted by time over all calls."""

    def image(self) -> bytes:
        """What came of it, for a Rerun fact."""
