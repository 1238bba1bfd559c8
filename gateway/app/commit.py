"""What follows a transaction of the desk."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.delivery import Relay
from gateway.domain.alarm import Transition
from gateway.domain.desk_changes import Applied
from gateway.health import AlarmLog
from gateway.latency import Latency
from gateway.ports import Clock


@dataclass(frozen=True, slots=True)
class Committed:
    """Called after each transaction, in the desk's thread."""

    latency: Latency
    relay: Relay
    clock: Clock
    alarm_log: AlarmLog

    def __call__(self, applied: object, transitions: Sequence[Transition] = ()) -> None:
        """Record the latency of new orders, log them, and notify the relay if deliveries were queued."""
        assert isinstance(applied, Applied)
        self.latency.created(applied.created, self.clock.now())
        self.alarm_log.committed(applied)
        if applied.events or applied.notices or applied.clock_steps:
            self.relay.notify()
        if transitions:
            self.alarm_log.decided(transitions)
