"""The stage between the conditions and the transitions of a record."""

from gateway.domain.record import PolicySet
from rules.engine.emit import Emitter
from rules.engine.space import NEVER
from rules.engine.world import World


class After:
    """Works on `emitter.made`, the changes of one record, and on timers of its own."""

    def __init__(self, emitter: Emitter, world: World) -> None:
        self.emitter, self.world = emitter, world

    def policy(self, fact: PolicySet) -> None:
        """`quiet` and `limits` take effect."""

    def settle(self, now: int) -> None:
        """Once per record, after all runners: engine time is `now`."""

    def next_due(self) -> int:
        """The earliest timer, µs; NEVER when there is none."""
        return NEVER

    def state(self) -> bytes:
        """For the snapshot."""
        return b""

    def load(self, blob: bytes) -> None:
        """The inverse of `state`."""
