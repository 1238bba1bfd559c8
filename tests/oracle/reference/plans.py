"""`due` and `every` (RULES.md section 5): they end by `clear`, or by a fact from the desk."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

from oracle.reference.counters import good_numbers, steps
from oracle.reference.time_order import Device
from oracle.reference.windows import CLOSE, wall
from oracle.scene import LEVELS, MINUTE, FactDef, Said

Span = tuple[int, str]
"""So many days, weeks, months or years."""


def after(day: date, span: Span, times: int) -> date:
    """So many spans later; the last day of a month that is too short."""
    count, unit = span[0] * times, span[1]
    if unit in {"day", "week"}:
        return day + timedelta(days=count * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 + count * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def local(device: Device, at: int) -> datetime:
    """The wall clock of the device, `at` µs after the start."""
    return datetime.fromtimestamp((device.start + at) / 1e6, UTC).astimezone(ZoneInfo(device.zone))


def work(fact: FactDef) -> tuple[Any, int]:
    """What a completed cycle says: the reading (True = as it stands), and when the work was done."""
    reading, done = fact.value if isinstance(fact.value, tuple) else (fact.value, fact.at)
    return reading, min(done, fact.at)


class Due:
    """`keys`: date (an attribute), stages ((level, days), ..), at (hour, minute), repeat (a span, None), completed."""

    def __init__(self, device: Device) -> None:
        self.device, self.keys = device, device.rule.keys
        self.said: list[Said] = []
        self.level, self.count = "", 0
        self.first: date | None = None
        self.next = (0, 0)
        self.floor = 0

    def run(self) -> list[Said]:
        """Between facts, stages fire at their times; those that had passed when the date was written: the latest."""
        written = self.device.attrs.get(self.keys["date"])
        self._write(written, 0)
        end = FactDef(self.device.end + 1, 0, "")
        for fact in [*sorted(self.device.facts, key=lambda one: one.at), end]:
            self._fire(fact.at - 1)
            if fact.what == "cycle":
                self._end(fact.at)
                self._settle(work(fact)[1], fact.at)
            elif fact.what == "closed" and self.level:
                self._end(fact.at)
                self._pass_over(fact.at)
            elif fact.what == "set" and (new := fact.value["attrs"][self.keys["date"]]) != written:
                written = new
                if self.first is None or date.fromisoformat(new) > self._day(self.next[0] - (self.next[1] == 0)):
                    self._end(fact.at)
                self._write(new, fact.at)
        return self.said

    def _write(self, written: str | None, at: int) -> None:
        """A date in the list: of those that come again the newest that has begun, else the first."""
        if written is not None:
            self.first, self.floor, self.count = date.fromisoformat(written), at, 0
            self.next = (max(0, self._begun(at)), 0)

    def _settle(self, done: int, at: int) -> None:
        if self.keys.get("completed"):
            self.first, self.floor = local(self.device, done).date(), at
            self.next = (1, 0)
        else:
            self._pass_over(at)

    def _pass_over(self, at: int) -> None:
        if self.keys.get("repeat") and self.first is not None and (begun := self._begun(at)) >= self._turn():
            self.next, self.floor = (begun + 1, 0), at

    def _turn(self) -> int:
        """The date in question: the one whose stages are told, or wait."""
        return self.next[0]

    def _begun(self, at: int) -> int:
        """The newest date whose first stage has begun; -1 = none."""
        found = -1
        while self._time(found + 1, 0) <= at:
            found += 1
            if not self.keys.get("repeat"):
                break
        return found

    def _fire(self, until: int) -> None:
        """Stages up to `until`; those of one tick together: the highest, at its own time."""
        tick, together = -1, list[tuple[int, int]]()
        for turn, stage, at in self._coming(until):
            when = max(at, self.floor)
            when = next((back for away, back in self.device.downs if away < when <= back), when)
            if when > until:
                break
            if together and when != tick:
                self._tell(together)
                together = []
            tick = when
            together.append((turn, stage))
        if together:
            self._tell(together)

    def _coming(self, until: int) -> Iterator[tuple[int, int, int]]:
        """(date, stage, time) from the next one on."""
        turn, stage = self.next
        while self.first is not None:
            if stage == len(self.keys["stages"]):
                if not self.keys.get("repeat"):
                    return
                turn, stage = turn + 1, 0
            if (at := self._time(turn, stage)) > until:
                return
            yield turn, stage, at
            stage += 1

    def _tell(self, together: list[tuple[int, int]]) -> None:
        stages = self.keys["stages"]
        turn, stage = max(together, key=lambda one: (LEVELS.index(stages[one[1]][0]), one))
        begun = sum(one == 0 for _, one in together)
        self.count = self.count + begun if self.level else max(1, begun)
        level = stages[stage][0]
        if not self.level or LEVELS.index(level) > LEVELS.index(self.level):
            what = "level_up" if self.level else "raised"
            self.said.append(Said(max(self._time(turn, stage), self.floor), what, level, count=self.count))
            self.level = level
        self.next = (together[-1][0], together[-1][1] + 1)

    def _day(self, turn: int) -> date:
        assert self.first is not None, "asked only of a date"
        span = self.keys.get("repeat")
        return after(self.first, span, turn) if span else self.first

    def _time(self, turn: int, stage: int) -> int:
        day = self._day(turn) + timedelta(days=self.keys["stages"][stage][1])
        return wall(self.device.zone, day.year, day.month, day.day, *self.keys["at"]) - self.device.start

    def _end(self, at: int) -> None:
        if self.level:
            self.said.append(Said(at, "cleared", self.level))
            self.level = ""


class Every:
    """`keys`: counter, step, first (`from`), ahead, level, after (`or_after`, a span). Multiples count from `first`, or
    from a completed cycle; terms from the start, when the device was registered, or from the work.
    """

    def __init__(self, device: Device) -> None:
        self.device, self.keys = device, device.rule.keys
        self.said: list[Said] = []
        self.on = False
        self.since, self.terms, self.floor = 0, 0, 0

    def run(self) -> list[Said]:
        """Readings and facts in order; at one instant readings first, then facts, then the end of a term."""
        keys = self.keys
        rows = good_numbers(self.device.history, keys["counter"])
        line = _line(self.device, rows)
        base, told = float(keys["first"]), 0
        happened: list[tuple[int, int, Any, Any]] = [
            (at, 0, value, raw) for (at, raw), value in zip(rows, line, strict=True)
        ]
        facts = [(fact.at, 1, fact, None) for fact in self.device.facts]
        first, shift, newest = True, 0.0, None
        for at, kind, one, two in sorted([*happened, *facts], key=lambda row: row[:2]):
            self._terms(at - 1)
            if kind == 1:
                if self.on:
                    self.said.append(Said(at, "cleared", keys["level"]))
                self.on = False
                if one.what == "cycle":
                    reading, done = work(one)
                    if reading is not True:
                        base, told = float(reading) + shift, 0
                    elif newest is not None:
                        base, told = newest, 0
                    self.since, self.terms, self.floor = done, 0, at
                continue
            shift, newest = one - two, one
            crossed = max(0, floor((one + keys["ahead"] - base) / keys["step"] + CLOSE))
            if first:
                first, told = False, crossed  # "the first reading ever crosses nothing"
            elif crossed > told:
                self._cross(at, crossed - told)
                told = crossed
        self._terms(self.device.end)
        return self.said

    def _cross(self, at: int, count: int) -> None:
        if not self.on:
            self.on = True
            self.said.append(Said(at, "raised", self.keys["level"], count=count))

    def _terms(self, until: int) -> None:
        """Terms that end by `until`; those that were over when the work was told, at once."""
        while self.keys.get("after") and max(end := self._term(self.terms + 1), self.floor) <= until:
            over = 1
            while end <= self.floor and self._term(self.terms + over + 1) <= self.floor:
                over += 1
            self.terms += over
            self._cross(max(end, self.floor), over)

    def _term(self, terms: int) -> int:
        """The same time of day, so many spans after the work."""
        begin = local(self.device, self.since)
        day = after(begin.date(), self.keys["after"], terms)
        at = wall(self.device.zone, day.year, day.month, day.day, begin.hour, begin.minute)
        return at - self.device.start + (self.device.start + self.since) % MINUTE


def _line(device: Device, rows: list[tuple[int, float]]) -> list[float]:
    """The counter as a line that only rises, as it was known at each reading."""
    point = device.rule.points[device.rule.keys["counter"]]
    return [rows[0][1] + sum(step.amount for step in steps(point, rows[: k + 1])) for k in range(len(rows))]
