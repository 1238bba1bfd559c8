"""`silent` (RULES.md section 5): "raised at last event + longer_than (≥), by ticks even with no traffic".

What a device said in a down-time may be lost: docs/decisions/064 says which silences are not told.
"""

from oracle.reference.time_order import Device, Judging
from oracle.scene import SECOND, Said


class Silence:
    """`keys`: points, all_of, good, longer (µs, or an expression of µs), level."""

    def __init__(self, device: Device) -> None:
        self.device, self.keys = device, device.rule.keys

    def life(self, t: int) -> int:
        """The last event: any reading is life; with `quality: good` only good ones. Else the registration (0)."""
        history = self.device.history
        requested = history.good_at if self.keys.get("good") else history.heard
        last = [requested(name, t) or 0 for name in self.keys["points"]]
        return min(last) if self.keys.get("all_of") else max(last)

    def limit(self, t: int) -> int | None:
        """How long it may be silent, as of `t`; None = unknown."""
        longer = self.keys["longer"]
        return longer if isinstance(longer, int) else self.device.value(longer, Judging(t))

    def run(self) -> list[Said]:
        """Between two frames nothing changes but time."""
        said: list[Said] = []
        device, level = self.device, self.keys["level"]
        on = vetoed = False
        now = 0
        for t in [*device.history.times, device.end + 1]:
            limit = self.limit(now)
            if not on and limit is not None and not self.excused(self.life(now) + limit, t):
                due = self.life(now) + limit
                vetoed = vetoed and due < now  # it was silent then already: raised when `unless` ends
                if due < t and not device.vetoed(Judging(max(now, 0))):
                    on = True
                    said.append(Said(now if vetoed else due, "raised", level))
                vetoed = due < t and not on
            if on and t <= device.end and self._cleared(t):
                on = False
                said.append(Said(t, "cleared", level))
            now = t
        return said

    def excused(self, due: int, t: int) -> bool:
        """Nothing is known at `t`: it is within three intervals after a longer down-time of which nothing was kept."""
        device = self.device
        some = 3 * max(device.rule.points[name].every for name in self.keys["points"])
        return any(
            last - first > some
            and first < due
            and first < t <= last + some
            and not any(first + SECOND < at <= last for at in device.history.times)
            for first, last in device.downs
        )

    def _cleared(self, t: int) -> bool:
        """ "clears on the next reading": of all_of, when each was heard within its time."""
        limit = self.limit(t)
        if self.life(t) == self.life(t - 1):
            return False
        return limit is None or self.life(t) + limit >= t
