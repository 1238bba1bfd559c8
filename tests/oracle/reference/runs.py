"""`streak` and `votes` (RULES.md section 5): N in a row, N of the last M."""

from oracle.reference.time_order import Device, Judging
from oracle.scene import Said


class Runs:
    """What both have in common: items (readings, or closed windows), one after another."""

    def __init__(self, device: Device) -> None:
        self.device, self.rule, self.keys = device, device.rule, device.rule.keys
        self.said: list[Said] = []
        self.on = self.owed = False

    def run(self) -> list[Said]:
        """All transitions."""
        mine = set(self.device.judgings(self.keys["of"]))
        for at in self.device.judgings(self.keys["of"], self.rule.clear, self.rule.unless):
            truth = self.device.value(self.keys["of"], at)
            if at in mine and (not at.after or self.counts(truth)):
                self.count(at, truth)
                self.owed = self.owed and not self.unmet(at)
            if self.on:
                if self._ends(at):
                    self.on = False
                    self.said.append(Said(at.t, "cleared", self.keys["level"]))
                    if self.rule.clear is not None:
                        self.forget()
            elif (at in mine and self.met(at, truth)) or (self.owed and self.met(at, True)):
                self._raise(at)
        return self.said

    def _raise(self, at: Judging) -> None:
        """Now, or when `unless` ends."""
        self.owed = self.device.vetoed(at)
        if not self.owed:
            self.on = True
            self.said.append(Said(at.t, "raised", self.keys["level"]))

    def _ends(self, at: Judging) -> bool:
        """By `clear`, or "when no longer met"; unknown never clears."""
        if self.rule.clear is not None:
            return self.device.value(self.rule.clear, at) is True
        return self.unmet(at)

    def counts(self, truth: bool | None) -> bool:
        """Without a reading: a closed window always, what others said when it makes the truth another."""
        beside = any(signal.operator == "peers" for signal in self.rule.let.values())
        return not beside or (truth is not None and truth is not self.standing())

    def standing(self) -> bool:
        """Was the newest item true?"""
        raise NotImplementedError

    def count(self, at: Judging, truth: bool | None) -> None:
        """An item."""
        raise NotImplementedError

    def met(self, at: Judging, truth: bool | None) -> bool:
        """Raise now?"""
        raise NotImplementedError

    def unmet(self, at: Judging) -> bool:
        """No longer met?"""
        raise NotImplementedError

    def forget(self) -> None:
        """What ended by a `clear` of its own begins anew."""
        raise NotImplementedError


class Streak(Runs):
    """`keys`: of, length, skips, span, level. `run` are the times of the items in a row."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.times: list[int] = []
        self.truth: bool | None = None

    def standing(self) -> bool:
        return bool(self.times)

    def count(self, at: Judging, truth: bool | None) -> None:
        if truth is None and self.keys.get("skips"):
            return
        self.truth = truth
        self.times = [*self.times, at.t] if truth else []

    def met(self, at: Judging, truth: bool | None) -> bool:
        row = self.times[-self.keys["length"] :]
        span = self.keys.get("span") or at.t + 1
        return truth is True and self.truth is True and len(row) == self.keys["length"] and at.t - row[0] <= span

    def unmet(self, at: Judging) -> bool:
        return self.truth is False

    def forget(self) -> None:
        self.times = []


class Votes(Runs):
    """`keys`: of, need, last, level: "N of the last M readings" for which `of` is known."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.votes: list[bool] = []

    def standing(self) -> bool:
        return self.votes[-1:] == [True]

    def count(self, at: Judging, truth: bool | None) -> None:
        if truth is not None:
            self.votes = [*self.votes, truth][-self.keys["last"] :]

    def met(self, at: Judging, truth: bool | None) -> bool:
        return sum(self.votes) >= self.keys["need"]

    def unmet(self, at: Judging) -> bool:
        return sum(self.votes) < self.keys["need"]

    def forget(self) -> None:
        self.votes = []
