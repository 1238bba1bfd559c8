"""Replay of history through the engine: batches in order of time, engine time right behind them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gateway.domain.device import Customer, Device, Point, Site
from gateway.domain.duration import SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import (
    Body,
    CustomerSet,
    DeviceSet,
    MeterExchanged,
    PointDefined,
    Record,
    RuleSet,
    SiteSet,
    Tick,
)
from gateway.domain.regroup import reframed
from rules.backtest.episodes import Episodes
from rules.compiled import MemberStat, PeerStat, Rule
from rules.engine import Engine
from rules.engine.state.thing_table import NEVER
from rules.engine.windows.counter_glitches import Glitches
from rules.format import compile_source
from rules.replay import Replay

ROWS = 32_768
"""Readings judged at once if no rule uses several devices."""
FEW = 8_192
"""The same if a rule does; timers divide it further."""
SOON = SECOND // 10
CRAWL = 100
"""A timer due again within `SOON` µs, `CRAWL` times in a row, waits for readings: it is skipped (`rules.replay`)."""


@dataclass(frozen=True, slots=True)
class PlayedRegistry:
    """Registry for rules: its present state."""

    sites: Sequence[Site] = ()
    customers: Sequence[Customer] = ()
    devices: Sequence[Device] = ()
    points: Sequence[Point] = ()
    exchanges: Sequence[MeterExchanged] = ()
    """Exchanges of meters, each applied at its time."""


class Player:
    """Separate engine with some rules, whatever their `mode`. `start` µs is the begin of the history.

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
        self._history = Replay(self, FEW, patience=CRAWL, soon=SOON)
        self.joined = any(joined(rule) for rule in rules)
        """Some rule looks at several devices: what happens to them has to come in order."""
        facts: list[Body] = [SiteSet(site) for site in field.sites]
        facts += [CustomerSet(customer) for customer in field.customers]
        facts += [PointDefined("backtest", point) for point in field.points]
        facts += [DeviceSet(device) for device in field.devices]
        facts += [RuleSet(rule.id, rule.revision, rule.source, zone) for rule in rules]
        for fact in facts:
            self.moment(fact, start)
        self._exchanges = sorted((one for one in field.exchanges if one.at >= start), key=lambda one: one.at)

    def feed(self, batch: Batch) -> None:
        """Judge readings that are later than all before, in whole moments. `joined`: they must be sorted by time."""
        self.rows += len(batch)
        while len(batch) and self._exchanges and self._exchanges[0].at < int(batch.at.max()):
            early = batch.at <= self._exchanges[0].at
            self._feed(batch.select(early))
            batch = batch.select(~early)
            self._exchange(self._exchanges.pop(0))
        self._feed(batch)

    def _exchange(self, fact: MeterExchanged) -> None:
        self._history.until(fact.at)
        self.moment(fact, fact.at)

    def _feed(self, batch: Batch) -> None:
        if not len(batch):
            return
        if not self.joined:
            self._step(int(batch.at.min()), batch)
            last = int(batch.at.max())
            self._step(last, Tick(last))
            return
        self._history.feed(batch)

    def until(self, moment: int) -> None:
        """Fire all timers due up to `moment` µs, each at its time; no earlier reading follows."""
        while self._exchanges and self._exchanges[0].at <= moment:
            self._exchange(self._exchanges.pop(0))
        self._history.until(moment)

    @property
    def glitched_devices(self) -> set[int]:
        """Devices with a counter glitch in which something was booked: windows may have closed with the wrong sum."""
        return {one.device for one in self.glitches.fresh if one.booked}

    # --- `ReplayEngine`
    @property
    def now(self) -> int:
        """Engine time, µs."""
        return self.engine.now

    def due(self) -> int:
        """Time of the next timer, µs; NEVER when there is none."""
        due = self.engine.next_due()
        return NEVER if due is None else due

    def tick(self, now: int) -> None:
        """Set engine time to `now` µs."""
        self._step(now, Tick(now))

    def batch(self, batch: Batch) -> None:
        """Judge readings sorted by time."""
        self._step(int(batch.at[0]), batch)

    def moment(self, body: Body, at: int) -> None:
        """Apply a fact at `at` µs."""
        self._step(at, body)

    def _step(self, at: int, body: Body) -> None:
        self._seq += 1
        for transition in self.engine.step(Record(self._seq, at, body)):
            self.episodes.add(transition)


def by_device(batch: Batch) -> Iterator[Batch]:
    """Divide a batch sorted by time into parts of whole moments, each sorted by device and time: the fastest order for
    the engine."""
    begin = 0
    while begin < len(batch):
        end = min(begin + ROWS, len(batch))
        if end < len(batch):
            end = int(np.searchsorted(batch.at, batch.at[end - 1], "right"))
        rows = begin + np.argsort(batch.device[begin:end], kind="stable")
        yield reframed(batch.select(rows))
        begin = end


def _judged_always(source: bytes) -> Rule:
    """The compiled rule with mode live, also if it is in shadow or off."""
    rule = compile_source(source)
    return rule if rule.mode == "live" else replace(rule, mode="live")


def joined(rule: Rule) -> bool:
    """True if the result depends on the order of events of different devices."""
    members = any(isinstance(signal, MemberStat | PeerStat) for signal in rule.signals)
    return bool(rule.watch.group or rule.inhibit is not None or members)
