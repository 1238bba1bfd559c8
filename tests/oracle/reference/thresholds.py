"""`when` and `levels` with hold, gap, clear, clear_hold (RULES.md section 5)."""

from dataclasses import dataclass

from oracle.reference.downtime import Absence
from oracle.reference.groups import Group
from oracle.reference.time_order import Device, Judging
from oracle.scene import LEVELS, LevelDef, Said

FOREVER = 1 << 62


@dataclass
class LevelState:
    """One level. `since`: when what is held began; `last`: the newest true reading in it."""

    rule: LevelDef
    gap: int
    absence: Absence
    phase: str = "off"
    since: int = 0
    last: int = 0

    @property
    def on(self) -> bool:
        """Is the level on, be it while its clear is held?"""
        return self.phase in {"on", "clearing"}

    def due(self) -> int | None:
        """When a running hold is fulfilled; None = it will be broken by silence, or none runs."""
        if self.phase not in {"pending", "clearing"}:
            return None
        due = self._end()
        # "at completion the last true reading is at most `gap` old"
        return due if self.absence.length(self.last, due) <= self.gap else None

    def _end(self) -> int:
        """When what is held has been held for long enough."""
        return self.absence.after(self.since, self.rule.hold if self.phase == "pending" else self.rule.clear_hold)

    def broken(self, t: int) -> None:
        """A fulfilled hold under a veto goes on; "only a reading or a longer silence breaks it"."""
        if self.on and self.rule.hold and self.absence.length(self.last, t) > self.gap:
            self.phase = "off"

    def fulfil(self) -> None:
        """The hold is over."""
        self.phase = "on" if self.phase == "pending" else "off"

    def meet(self, t: int, when: bool | None, clear: bool | None, newest: int | None, *, reading: bool) -> None:
        """The level is judged at `t`; `newest`: when the reading was by which it is."""
        broken = self.phase in {"pending", "clearing"} and (
            self._end() < t or (reading and self.absence.length(self.last, t) > self.gap)
        )
        if self.phase in {"pending", "off"}:
            if broken or when is False:  # "only a reading or a longer silence breaks it"
                self.phase = "off"
            if when:
                self._hold("pending", t, newest, self.rule.hold)
            return
        if broken or clear is False:
            self.phase = "on"
        if clear and self.rule.auto_clear:
            self._hold("clearing", t, newest, self.rule.clear_hold)

    def _hold(self, phase: str, t: int, newest: int | None, length: int) -> None:
        if self.phase != phase:
            self.phase, self.since, self.last = phase, t, t if newest is None else newest
        self.last = max(self.last, self.last if newest is None else newest)
        due = self.due()
        if not length or (due is not None and t >= due):
            self.fulfil()


class Threshold:
    """The alarm of one device: the highest level that is on."""

    def __init__(self, device: Device | Group) -> None:
        self.device = device
        self.said: list[Said] = []
        self.level = ""
        self.held_back = False
        self.nodes = [node for one in device.rule.levels for node in (one.when, one.clear)]
        self.points = device.points(self.nodes)
        every = max((device.rule.points[name].every for name in self.points), default=0)
        absence = Absence(device.downs, device.history.times, every)
        usual = 3 * every or FOREVER
        self.levels = [LevelState(one, usual if one.gap is None else one.gap, absence) for one in device.rule.levels]

    def run(self) -> list[Said]:
        """All transitions."""
        device = self.device
        mine = set(device.judgings(*self.nodes))
        for at in device.judgings(*self.nodes, device.rule.unless):
            self._timers(at.t - 1)
            if at in mine:
                self._judge(at)
            else:
                self._decide_again(at)
        self._timers(device.end)
        return self.said

    def _newest(self, at: Judging) -> int | None:
        """ "gap is measured between good readings": what changes without one is no reading."""
        if not at.after:
            return at.t
        if isinstance(self.device, Group):
            return self.device.newest(self.points, [node for node in self.nodes if node is not None], at)
        known = [self.device.history.good_at(name, at.t) for name in self.points]
        return max((t for t in known if t is not None), default=None)

    def _judge(self, at: Judging) -> None:
        newest = self._newest(at)
        for one in self.levels:
            when = self.device.value(one.rule.when, at)
            clear = self._opposite(when) if one.rule.clear is None else self.device.value(one.rule.clear, at)
            if self.held_back:
                if not at.after:
                    one.broken(at.t)
                if when is False:
                    one.phase = "off"  # what was never raised needs no clear to be over
                elif when and not at.after:
                    one.last = at.t
            if not self.held_back or not one.on:
                one.meet(at.t, when, clear, newest, reading=not at.after)
        if not self.held_back or any(self.device.value(one.rule.when, at) for one in self.levels):
            self._settle(at.t)  # unknown raises nothing

    def _decide_again(self, at: Judging) -> None:
        """ "A hold goes on under it, and raises when it ends"; silence longer than its gap has broken it meanwhile."""
        if self.held_back:
            for one in self.levels:
                one.broken(at.t)
            if any(self.device.value(one.rule.when, at) for one in self.levels):
                self._settle(at.t)  # unknown raises nothing

    @staticmethod
    def _opposite(truth: bool | None) -> bool | None:
        return None if truth is None else not truth

    def _timers(self, now: int) -> None:
        """Holds that are fulfilled by `now`, each at its own time."""
        while True:
            due = min((t for one in self.levels if (t := one.due()) is not None), default=FOREVER)
            self._missing(min(due, now))
            if due > now:
                return
            for one in self.levels:
                if one.due() == due:
                    one.fulfil()
            self._settle(due)

    def _missing(self, now: int) -> None:
        """`missing: clear_after`: the alarm ends so long after the last good reading."""
        if self.level and (due := self._gone(now)) <= now:
            for one in self.levels:
                one.phase = "off"
            self._settle(due)

    def _gone(self, now: int) -> int:
        """When it is missing, as of `now`."""
        if not self.device.rule.missing or isinstance(self.device, Group):
            return FOREVER
        heard = [at for name in self.points if (at := self.device.history.good_at(name, now)) is not None]
        return max(heard, default=0) + self.device.rule.missing

    def _settle(self, t: int) -> None:
        """The alarm follows its levels."""
        if not self.level and self._gone(t) <= t:
            for one in self.levels:
                one.phase = one.phase if one.phase == "pending" else "off"  # what is missing is not raised
        new = max((one.rule.level for one in self.levels if one.on), key=LEVELS.index, default="")
        self.held_back = bool(new) and not self.level and self.device.vetoed(Judging(t))
        if self.held_back:
            return
        old, self.level = self.level, new
        if new == old:
            return
        if not new:
            self.said.append(Said(t, "cleared", old))
        elif not old:
            self.said.append(Said(t, "raised", new))
        else:
            up = LEVELS.index(new) > LEVELS.index(old)
            self.said.append(Said(t, "level_up" if up else "level_down", new))
