"""Log lines about alarms and orders, a bounded number, as they are committed."""

from collections.abc import Callable, Sequence

import structlog

from gateway.domain.alarm import Change, Thing, Transition
from gateway.domain.desk_changes import Applied
from gateway.domain.device import Device
from gateway.domain.duration import MINUTE
from gateway.domain.language_values import Phrase
from gateway.domain.once_per_period import OncePerPeriod

log = structlog.get_logger()
MOST_LINES = 20
"""Orders with a log line of their own, per minute: a storm must not fill the log."""


class AlarmLog:
    """Used from the desk's thread. `device` finds a device by its id; `steady` is µs of a monotonic clock."""

    def __init__(self, device: Callable[[int], Device | None], steady: Callable[[], int]) -> None:
        self._device, self._steady = device, steady
        self._firsts = OncePerPeriod()
        self._minute, self._lines, self._unlogged = 0, 0, 0
        self._fresh = False
        self.alarms = self.orders = 0
        """Alarms raised, and orders made, since the start."""

    def committed(self, applied: Applied) -> None:
        """Count one or more transactions that are on disk."""
        self.alarms += applied.raised
        self.orders += len(applied.created)
        self._fresh, now = applied.raised > 0, self._steady()
        if self._unlogged and now // MINUTE != self._minute:
            log.info("more orders made", count=self._unlogged)
            self._unlogged = 0
        for order in applied.created:
            if now // MINUTE != self._minute:
                self._minute, self._lines = now // MINUTE, 0
            self._lines += 1
            if self._lines > MOST_LINES:
                self._unlogged += 1
                continue
            severity = Phrase(f"word.level.{order.level.name.lower()}")
            log.info("order made", no=order.no, severity=severity, title=order.title, where=order.where)

    def decided(self, transitions: Sequence[Transition]) -> None:
        """Log the first alarm of each rule among the transitions of the last `committed`, unless they are replayed."""
        if not self._fresh:
            return
        now = self._steady()
        for transition in transitions:
            if transition.change is Change.RAISED and transition.live and self._firsts.allows(transition.rule, now):
                severity = Phrase(f"word.level.{transition.level.name.lower()}")
                log.info(
                    "first alarm of a rule", rule=transition.rule, thing=self._name(transition.thing), severity=severity
                )

    def _name(self, thing: Thing) -> str:
        """`CP-17`, `CP-17#2`, or the group."""
        if not thing.device:
            return thing.group
        device = self._device(thing.device)
        code = device.code if device is not None else f"device {thing.device}"
        return f"{code}#{thing.component}" if thing.component else code
