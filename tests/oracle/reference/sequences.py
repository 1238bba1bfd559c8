"""`sequence` (RULES.md section 5): A then B within a time; A then not B."""

from oracle.reference.time_order import Device, Judging
from oracle.scene import Said


class Sequences:
    """`keys`: see, then, absent, within, unless, restart, level. One wait at a time."""

    def __init__(self, device: Device) -> None:
        self.device, self.rule, self.keys = device, device.rule, device.rule.keys
        self.said: list[Said] = []
        self.wait: int | None = None
        self.known: bool | None = None  # of `see`, when last known
        self.on = self.owed = False
        self.matches = 0

    def run(self) -> list[Said]:
        """All transitions."""
        keys = self.keys
        nodes = (keys["see"], keys["then"], keys.get("unless"), self.rule.clear)
        mine = set(self.device.judgings(*nodes))
        closed = [fact.at for fact in self.device.facts if fact.what == "closed"]
        for at in self.device.judgings(*nodes, self.rule.unless):
            closed = self._closed(closed, at.t - 1)
            self._deadline(at.t - 1)
            if at not in mine:
                self._owed(at)
                continue
            if self.on and self.rule.clear is not None and self.device.value(self.rule.clear, at):
                self.on = False
                self.said.append(Said(at.t, "cleared", keys["level"], count=self.matches))
                self.owed = False
            self._begin(at)
            self._second(at)
            self._owed(at)
        self._closed(closed, self.device.end)
        self._deadline(self.device.end)
        return self.said

    def _begin(self, at: Judging) -> None:
        """A wait begins when `see` becomes true; the first known value counts as becoming."""
        seen = self.device.value(self.keys["see"], at)
        if seen is None:
            return
        becomes = seen and self.known is not True
        self.known = seen
        if becomes and (self.wait is None or self.keys.get("restart")):
            self.wait = at.t

    def _second(self, at: Judging) -> None:
        if self.wait is None:
            return
        unless = self.keys.get("unless")
        if unless is not None and self.device.value(unless, at):
            self.wait = None
        elif self.device.value(self.keys["then"], at):
            self.wait = None
            if not self.keys["absent"]:
                self._match(at.t)

    def _deadline(self, now: int) -> None:
        """ "A timer due at T fires after readings at T"."""
        if self.wait is None or self.wait + self.keys["within"] > now:
            return
        due, self.wait = self.wait + self.keys["within"], None
        if self.keys["absent"]:
            self._match(due)

    def _closed(self, facts: list[int], now: int) -> list[int]:
        """A person closed the order: the episode ends. At one instant a timer is later than a fact."""
        for at in [one for one in facts if one <= now]:
            self._deadline(at - 1)
            if self.on:
                self.on = False
                self.said.append(Said(at, "cleared", self.keys["level"]))
        return [one for one in facts if one > now]

    def _owed(self, at: Judging) -> None:
        """A match that `unless` forbade to say is said when it ends."""
        if self.owed and not self.device.vetoed(at):
            self._match(at.t)

    def _match(self, t: int) -> None:
        """ "new multiples or matches count on the open episode"."""
        if self.on:
            self.matches += 1
            return
        self.owed = self.device.vetoed(Judging(t))
        if self.owed:
            return
        self.on, self.matches = True, 1
        self.said.append(Said(t, "raised", self.keys["level"]))
