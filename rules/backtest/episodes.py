"""Episodes from transitions: from `raised` to `cleared`."""

from collections.abc import Container
from dataclasses import dataclass

from gateway.domain.alarm import Change, Evidence, Level, OrderPlan, Thing, Transition

NOTHING = Evidence()
FOREVER = 1 << 62
Key = tuple[str, Thing, tuple[str, ...]]
"""(rule id, thing, identity) of an alarm."""


@dataclass(slots=True)
class BacktestEpisode:
    """One episode of an alarm, times in µs; `cleared` None = still on at the end. `level` is the highest it had.

    `count`: raises, multiples or matches · `unstable`: a flapping alarm · `stale`: a record only · `order`:
    the plan of its order, None = no order · `evidence` of the raise.
    """

    rule: str
    thing: Thing
    identity: tuple[str, ...]
    raised: int
    cleared: int | None
    level: Level
    count: int = 1
    unstable: bool = False
    stale: bool = False
    order: OrderPlan | None = None
    evidence: Evidence = NOTHING

    @property
    def key(self) -> Key:
        """Key of its alarm."""
        return (self.rule, self.thing, self.identity)


class Episodes:
    """Episodes that begin at or after `since` µs, oldest first. `before`: alarms that were on already; `merged`: alarms
    merged into a parent's episode."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.before = 0
        self.merged = 0
        self._open: dict[Key, BacktestEpisode] = {}
        self._all: list[BacktestEpisode] = []

    def add(self, t: Transition) -> None:
        """Add one transition; call in order."""
        key = (t.rule, t.thing, t.identity)
        episode = self._open.get(key)
        if t.change is Change.MERGED:
            self.merged += t.at >= self.since
        elif t.change is Change.RAISED and episode is None:
            self._begin(key, t)
        elif episode is not None:
            self._go_on(key, episode, t)

    def leave_out(self, devices: Container[int]) -> None:
        """Remove the episodes of these devices: another replay gives them."""
        self._all = [one for one in self._all if one.thing.device not in devices]

    def _begin(self, key: Key, t: Transition) -> None:
        episode = BacktestEpisode(
            t.rule,
            t.thing,
            t.identity,
            t.at,
            None,
            t.level,
            max(1, t.count),
            t.unstable,
            t.stale,
            t.plan.order,
            t.evidence,
        )
        self._open[key] = episode
        self._all.append(episode)

    def _go_on(self, key: Key, episode: BacktestEpisode, t: Transition) -> None:
        episode.unstable |= t.unstable
        if t.change is Change.CLEARED:
            episode.cleared = t.at
            episode.count = max(episode.count, t.count)
            del self._open[key]
        elif t.change is Change.WITHDRAWN:
            del self._open[key]
            self._all.remove(episode)
        else:
            episode.level = max(episode.level, t.level)
            episode.order = t.plan.order or episode.order
            episode.count += max(1, t.count) if t.change is Change.RAISED else 0

    def counted(self, until: int) -> list[BacktestEpisode]:
        """Episodes that began in [since, until), by time."""
        found = [one for one in self._all if self.since <= one.raised < until]
        self.before = sum(one.raised < self.since and (one.cleared or until) > self.since for one in self._all)
        return sorted(found, key=lambda one: (one.raised, one.rule, one.thing, one.identity))
