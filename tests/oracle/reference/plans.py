"""`due` and `every` (RULES.md section 5): they end by `clear`, or by a fact from the desk."""

from datetime import date, timedelta
from math import floor
from typing import Any

from oracle.reference.counters import good_numbers, steps
from oracle.reference.time_order import Device
from oracle.reference.windows import CLOSE, wall
from oracle.scene import LEVELS, Said


class Due:
    """`keys`: date (an attribute), stages ((level, days), ..), at (hour, minute)."""

    def __init__(self, device: Device) -> None:
        self.device, self.keys = device, device.rule.keys
        self.said: list[Said] = []
        self.level = ""

    def run(self) -> list[Said]:
        """Between facts, stages fire at their times; those that had passed when the date was written: the latest."""
        attrs = dict(self.device.attrs)
        written = attrs.get(self.keys["date"])
        marks: list[tuple[int, str, Any]] = [(fact.at, fact.what, fact.value) for fact in self.device.facts]
        since, told = 0, 0
        for at, what, value in [*sorted(marks, key=lambda one: one[0]), (self.device.end + 1, "", None)]:
            told = self._stages(written, since, at - 1, told)
            since = at
            if what == "closed":
                self._end(at)
            elif what == "set" and value["attrs"][self.keys["date"]] != written:
                new = value["attrs"][self.keys["date"]]
                if written is None or new > written:
                    self._end(at)
                written, told = new, 0
        return self.said

    def _stages(self, written: str | None, since: int, until: int, told: int) -> int:
        """Fire what is due in [since, until]; how many stages have been told."""
        if written is None or until < since:
            return told
        times = [self._time(written, days) for _, days in self.keys["stages"]]
        while (reached := sum(t <= until for t in times)) > told:
            passed = max(told, sum(t <= since for t in times))
            told = max(told + 1, passed) if passed <= reached else reached
            level = self.keys["stages"][told - 1][0]
            following = times[told] if told < len(times) else None
            if following is not None and any(away < times[told - 1] and following <= back
                                             for away, back in self.device.downs):  # fmt: skip
                continue  # "stages missed while down fire once, latest only"
            if not self.level or LEVELS.index(level) > LEVELS.index(self.level):
                self.said.append(Said(max(times[told - 1], since), "level_up" if self.level else "raised", level))
                self.level = level
        return told

    def _time(self, written: str, days: int) -> int:
        day = date.fromisoformat(written) + timedelta(days=days)
        return wall(self.device.zone, day.year, day.month, day.day, *self.keys["at"]) - self.device.start

    def _end(self, at: int) -> None:
        if self.level:
            self.said.append(Said(at, "cleared", self.level))
            self.level = ""


class Every:
    """`keys`: counter, step, first (`from`), ahead, level. Multiples count from `first`, or from a completed cycle."""

    def __init__(self, device: Device) -> None:
        self.device, self.keys = device, device.rule.keys
        self.said: list[Said] = []
        self.on = False

    def run(self) -> list[Said]:
        """Readings and facts in order; at one instant readings first."""
        keys, level = self.keys, self.keys["level"]
        rows = good_numbers(self.device.history, keys["counter"])
        line = _line(self.device, rows)
        base, told = float(keys["first"]), 0
        happened = [(at, 0, value, raw) for (at, raw), value in zip(rows, line, strict=True)]
        facts = [(fact.at, 1, fact.what, fact.value) for fact in self.device.facts]
        first, shift = True, 0.0
        for at, kind, one, two in sorted([*happened, *facts], key=lambda row: row[:2]):
            if kind == 1:
                if self.on:
                    self.said.append(Said(at, "cleared", level))
                self.on = False
                if one == "cycle":
                    base, told = float(two) + shift, 0
                continue
            shift = one - two
            crossed = max(0, floor((one + keys["ahead"] - base) / keys["step"] + CLOSE))
            if first:
                first, told = False, crossed  # "the first reading ever crosses nothing"
            elif crossed > told:
                if not self.on:
                    self.on = True
                    self.said.append(Said(at, "raised", level, count=crossed - told))
                told = crossed
        return self.said


def _line(device: Device, rows: list[tuple[int, float]]) -> list[float]:
    """The counter as a line that only rises, as it was known at each reading."""
    point = device.rule.points[device.rule.keys["counter"]]
    return [rows[0][1] + sum(step.amount for step in steps(point, rows[: k + 1])) for k in range(len(rows))]
