"""One backtest: the request (history, devices, rules) and its result."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

from gateway.backtest.installation import Installation
from gateway.backtest.task import LEAST, MOST, RuleSetEpisodes, Task, judge_in_processes
from gateway.domain.alarm import Thing
from gateway.domain.device import Life
from rules.backtest import BacktestEpisode, Difference, compared, joined, orders_per_day
from rules.compiled import MemberStat, Rule
from rules.engine.lookback import horizon
from rules.engine.state.thing_table import NEVER

Total = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """History, devices and rules of a backtest: [start, end) µs; `devices` by code, () = all; `other` is the set of
    rules to compare with, None = no comparison."""

    rules: Sequence[Rule]
    start: int
    end: int
    devices: tuple[str, ...] = ()
    other: Sequence[Rule] | None = None


@dataclass(frozen=True, slots=True)
class RuleSetResult:
    """Result of one set of rules. `before`: alarms that were on before `start`; `merged`: alarms merged into a parent's
    episode."""

    episodes: list[BacktestEpisode]
    orders: dict[str, int]
    by_rule: dict[str, int]  # orders
    before: int
    merged: int


@dataclass(slots=True)
class BacktestResult:
    """`names` of things by device id; `warm` µs: history was read from then on; `seconds` wall time."""

    wanted: BacktestRequest
    zone: ZoneInfo
    devices: int
    warm: int
    now: RuleSetResult
    old: RuleSetResult | None = None
    difference: Difference | None = None
    readings: int = 0
    seconds: float = 0.0
    names: dict[int, str] = field(default_factory=dict)

    def thing(self, thing: Thing) -> str:
        """Name of a thing: `CH-1`, `CH-1/2` for a component, or the name of the group."""
        if thing.group:
            return thing.group
        code = self.names.get(thing.device, str(thing.device))
        return f"{code}/{thing.component}" if thing.component else code

    def local(self, us: int) -> datetime:
        """`us` (µs since 1970) as a datetime in the installation's zone."""
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).astimezone(self.zone)


def run(installation: Installation, wanted: BacktestRequest, total: Total, progress: Total) -> BacktestResult:
    """Run the backtest. Calls `total` once with the expected number of readings and `progress` with the number judged
    since the last call. Raises StoreError."""
    zone = ZoneInfo(installation.settings.timezone)
    begun = perf_counter()
    sets = [wanted.rules] if wanted.other is None else [wanted.rules, wanted.other]
    rules = [rule for one in sets for rule in one]
    known, kinds = installation.known, _kinds(rules)
    devices = [
        one
        for one in known.devices
        if one.kind in kinds and one.life is not Life.RETIRED and (not wanted.devices or one.code in wanted.devices)
    ]
    names = {name for rule in rules for name in rule.points}
    points = [point for point in known.points if point.name in names]
    back = max(horizon(rule, max((p.every for p in points if p.name in rule.points), default=0)) for rule in rules)
    warm = 0 if back >= NEVER else max(0, wanted.start - back)
    with installation.history() as (history, place):
        spans = history.spans(warm, wanted.end)
    rows = sum(count for _, _, count in spans)
    total(rows)
    warm = warm or (spans[0][0] if spans else wanted.start)
    task = Task(
        place,
        [[rule.source for rule in one] for one in sets],
        list(known.sites),
        list(known.customers),
        devices,
        points,
        zone.key,
        warm,
        wanted.start,
        wanted.end,
        spans,
        len(devices) == len(known.devices),
        installation.exchanges(),
    )
    alone = rows < LEAST or any(joined(rule) for rule in rules)
    answer = judge_in_processes(task, progress, 1 if alone else min(MOST, os.cpu_count() or 1, len(devices)))
    readings = answer.readings
    judged = [_judged(found, installation, zone) for found in answer.sets]
    outcome = BacktestResult(
        wanted, zone, len(devices), warm, judged[0], names={one.id: one.code for one in known.devices}
    )
    if len(judged) > 1:
        outcome.old, outcome.difference = judged[1], compared(judged[1].episodes, judged[0].episodes)
    outcome.readings, outcome.seconds = readings, perf_counter() - begun
    return outcome


def _kinds(rules: Sequence[Rule]) -> set[str]:
    return set(_each_kind(rules))


def _each_kind(rules: Sequence[Rule]) -> Iterator[str]:
    for rule in rules:
        yield from rule.watch.kinds
        for signal in rule.signals:
            if isinstance(signal, MemberStat):
                yield from signal.kinds


def _judged(found: RuleSetEpisodes, installation: Installation, zone: ZoneInfo) -> RuleSetResult:
    episodes = found.episodes
    sites = {site.code: site for site in installation.known.sites}
    homes = {device.id: device for device in installation.known.devices}

    def day(us: int) -> str:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
        return moment.astimezone(zone).strftime("%Y-%m-%d")

    def place(thing: Thing, by: str) -> str:
        device = homes.get(thing.device)
        site = sites.get(device.site if device else thing.group)
        if by == "area":
            return site.area if site else thing.group
        own = device.attrs.get(by) if device else None
        return str(own if own is not None else (site.attrs.get(by, "") if site else thing.group))

    by_rule = {
        rule: sum(orders_per_day([one for one in episodes if one.rule == rule], day, place).values())
        for rule in sorted({one.rule for one in episodes})
    }
    orders = orders_per_day(episodes, day, place)
    return RuleSetResult(episodes, orders, by_rule, found.before, found.merged)
