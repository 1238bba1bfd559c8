"""History through the engine: batches in order of time, engine time right behind them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gateway.domain.device import Customer, Device, Point, Site
from gateway.domain.duration import SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import Body, CustomerSet, DeviceSet, PointDefined, Record, RuleSet, SiteSet, Tick
from gateway.domain.regroup import reframed
from rules.backtest.episodes import Episodes
from rules.compiled import MemberStat, PeerStat, Rule
from rules.engine import Engine
from rules.engine.windows.counter_glitches import Glitches
from rules.format import compile_source

ROWS = 32_768
"""Readings judged at once where no rule looks at several devices."""
FEW = 8_192
"""The same where one does: then timers cut it further."""
SOON = SECOND // 10
CRAWL = 100
"""Timers that are due `SOON` one after another: something waits for more than time, and is not asked again."""


@dataclass(frozen=True, slots=True)
class PlayedRegistry:
    """What the rules know of the field: the registry as it is now."""

    sites: Sequence[Site] = ()
    customers: Sequence[Customer] = ()
    devices: Sequence[Device] = ()
    points: Sequence[Point] = ()


class Player:
    """An engine of its own with some rules, whatever their `mode`. `start` µs is where history begins.

    Episodes that begin at or after `count_from` µs are counted. `known`: the glitches of counters that another player
    found in the same history.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        field: PlayedRegistry,
        zone: str,
        start: int,
        count_from: int,
        known: Glitches | None = None,
    ) -> None:
        rules = list(rules)
        self.glitches = Glitches(keep=True)
        if known is not None:
            self.glitches.know(known)
        self.engine = Engine(0, _judged_always, "backtest", accept_late=0, glitches=self.glitches)
        self.episodes = Episodes(count_from)
        self.rows = 0
        self._seq = 0
        self.joined = any(joined(rule) for rule in rules)
        """Some rule looks at several devices: what happens to them has to come in order."""
        facts: list[Body] = [SiteSet(site) for site in field.sites]
        facts += [CustomerSet(customer) for customer in field.customers]
        facts += [PointDefined("backtest", point) for point in field.points]
        facts += [DeviceSet(device) for device in field.devices]
        facts += [RuleSet(rule.id, rule.revision, rule.source, zone) for rule in rules]
        for fact in facts:
            self._step(start, fact)

    def feed(self, batch: Batch) -> None:
        """Judge readings that are later than those before. Of whole moments; `joined`: sorted by time."""
        if not len(batch):
            return
        self.rows += len(batch)
        if not self.joined:
            self._step(int(batch.at.min()), batch)
            last = int(batch.at.max())
            self._step(last, Tick(last))
            return
        for begin, end in self._cuts(batch):
            self._step(int(batch.at[begin]), batch.select(np.arange(begin, end)))

    def until(self, moment: int) -> None:
        """Nothing more comes before `moment` µs: fire what is due up to it, each timer at its time."""
        crawling = 0
        while crawling < CRAWL and (due := self.engine.next_due()) is not None and due <= moment:
            crawling = crawling + 1 if due <= self.engine.now + SOON else 0
            self._step(due, Tick(due))
        if moment > self.engine.now:
            self._step(moment, Tick(moment))

    @property
    def misled(self) -> set[int]:
        """Devices with a glitch in which something was booked: windows may have closed with it."""
        return {one.device for one in self.glitches.fresh if one.booked}

    def _cuts(self, batch: Batch) -> Iterator[tuple[int, int]]:
        """(first row, after the last) of what is judged at once: timers fire in between, at their time."""
        begin = 0
        while begin < len(batch):
            first = int(batch.at[begin])
            self.until(first - 1)
            due = self.engine.next_due()
            end = min(begin + FEW, len(batch))
            if due is not None:
                end = min(end, int(np.searchsorted(batch.at, max(due, first), "right")))
            if end < len(batch):  # the whole moment
                end = max(int(np.searchsorted(batch.at, batch.at[end - 1], "right")), begin + 1)
            yield begin, end
            begin = end

    def _step(self, at: int, body: Body) -> None:
        self._seq += 1
        for transition in self.engine.step(Record(self._seq, at, body)):
            self.episodes.hear(transition)


def by_device(batch: Batch) -> Iterator[Batch]:
    """A batch sorted by time in parts of whole moments, each sorted by device and time: how columns like it best."""
    begin = 0
    while begin < len(batch):
        end = min(begin + ROWS, len(batch))
        if end < len(batch):
            end = int(np.searchsorted(batch.at, batch.at[end - 1], "right"))
        rows = begin + np.argsort(batch.device[begin:end], kind="stable")
        yield reframed(batch.select(rows))
        begin = end


def _judged_always(source: bytes) -> Rule:
    """A rule in shadow, or switched off, is judged as if it were live."""
    rule = compile_source(source)
    return rule if rule.mode == "live" else replace(rule, mode="live")


def joined(rule: Rule) -> bool:
    """Does it hang on the order of what happens to different devices?"""
    members = any(isinstance(signal, MemberStat | PeerStat) for signal in rule.signals)
    return bool(rule.watch.group or rule.inhibit is not None or members)
