"""Where a late reading goes, and with it every decision that has to be made again (RULES section 5).

1. `frames/frames.py` leaves a reading that is older than the newest of its device out of the views and notes it in
`Late.found`, a value that replaced another one of its moment in `Late.replaced`. A reading that is no older, but comes
after a tick has decided without it, is noted by the evaluator of the rule in `Reevaluations`. 2. At the end of the
record `Evaluator` calls `HistoryRequester`, below: for every device or group it opens a request in `HistoryRequests`,
with the moment from which stored history is needed (`lookback.py`). 3. `Engine.wanted` shows open requests; who
runs the engine reads the history and journals a `Rerun` fact with it. 4. `rerun/reevaluate.py` replays the history
beside the engine, `rerun/episode_diff.py` compares the episodes with those that were reported (`late/episode_log.py`),
and the engine emits what differs.

Rules with `lateness` have no late readings within it: `rerun/lateness_buffer.py` waits and judges in order.
"""

from collections.abc import Iterable, Mapping, Sequence

from rules.compiled import Rule
from rules.engine.conditions.base import EngineContext
from rules.engine.frames.batch_view import Bools
from rules.engine.installed_rules import InstalledRules
from rules.engine.late.history_requests import HistoryRequests
from rules.engine.late.replaced_values import PacedReevaluations
from rules.engine.lookback import horizon
from rules.engine.state.fleet import Fleet
from rules.engine.state.reevaluations import MOST_BESIDE, Subject


class HistoryRequester:
    """Opens requests for the history of devices and groups, for one evaluator. Times are µs."""

    def __init__(
        self,
        installed: InstalledRules,
        context: EngineContext,
        requests: HistoryRequests,
        replaced: PacedReevaluations,
        overtaken: PacedReevaluations,
    ) -> None:
        self.installed, self.world, self.requests = installed, context.world, requests
        self.replaced, self.overtaken = replaced, overtaken
        self._begin = context.glitches.begin  # a reading in a glitch may make it none, or another one
        self._reaches: dict[str, tuple[tuple[int, int], dict[int, int]]] = {}

    def late(self, seq: int, found: Mapping[int, int]) -> None:
        """Late readings: device -> the oldest one. Whatever was decided from then on is judged again."""
        watched: dict[str, list[Bools]] = {}
        found = {device: self._begin(device, since) for device, since in found.items()}
        for device, since in found.items():
            row = self.world.rows.get(device)
            if row is None or self.requests.covers(device, since):
                continue
            kind = row.space.kind
            if kind not in watched:  # rules that watch the same share one mask
                masks = {id(r.watched): r.watched for r in self.installed.of(kind) if not r.rule.watch.group}
                watched[kind] = list(masks.values())
            if any(mask[thing] for mask in watched[kind] for thing in row.things):
                everything = tuple(one.rule.id for one in self.installed.of(kind))
                self._ask_device(seq, device, since, self._reach(kind, row.things[0]), everything)
        for rule in self.installed.groups:
            self._ask_groups(seq, rule, found)

    def reevaluate(self, seq: int, found: Mapping[Subject, Mapping[str, int]]) -> None:
        """Some rules are judged again: subject -> rule -> since when. Only their state is replayed."""
        for subject, rules in found.items():
            if isinstance(subject, tuple):
                self._ask_group(seq, subject, rules[subject[0]])
                continue
            rules = {rule: self._begin(subject, since) for rule, since in rules.items()}
            for rule in rules.keys() & self.installed.groups.keys():
                self._ask_groups(seq, rule, {subject: rules[rule]})
            own = {rule: since for rule, since in rules.items() if rule not in self.installed.groups}
            row = self.world.rows.get(subject)
            if row is None or not own:
                continue
            since, names = min(own.values()), tuple(sorted(own))
            if not self.requests.covers(subject, since, names):
                self._ask_device(seq, subject, since, self.reach_of(subject, names), names, names)

    def _ask_device(
        self,
        seq: int,
        device: int,
        since: int,
        reach: int,
        judged: Sequence[str],
        rules: tuple[str, ...] = (),
        *,
        alone: bool = False,
    ) -> None:
        """With the history of the others where a rule that is `judged` compares with them. They are judged again, too,
        unless it is `alone`.
        """
        row = self.world.rows[device]
        beside: dict[str, set[int]] = {}
        for evaluator in self.installed.of(row.space.kind):
            if evaluator.context.peers is not None and evaluator.rule.id in judged:
                beside[evaluator.rule.id] = evaluator.context.peers.devices_beside(row.things)
        devices = set[int]().union(*beside.values())
        self.requests.ask(seq, device, since, reach, tuple(sorted(devices)), rules)
        for rule, found in beside.items():
            for other in sorted(found - {device}) if len(found) <= MOST_BESIDE and not alone else ():
                if not self.requests.covers(other, since, (rule,)):
                    self.requests.ask(seq, other, since, reach, tuple(sorted(found)), (rule,))

    def replace(self, seq: int, now: int, found: Mapping[Subject, Mapping[str, int]]) -> None:
        """Values were replaced at their moment: asked at once, or when the pause of the device is over."""
        if found or self.replaced.due() <= now:
            self.reevaluate(seq, self.replaced.take(found, now))

    def overtake(self, seq: int, now: int, found: Mapping[Subject, Mapping[str, int]]) -> None:
        """Devices that are compared with others were judged with later readings of these: asked at once, or when their
        pause is over.
        """
        if not found and self.overtaken.due() > now:
            return
        for device, rules in self.overtaken.take(found, now).items():
            if not isinstance(device, int) or device not in self.world.rows:
                continue
            since, names = min(self._begin(device, one) for one in rules.values()), tuple(sorted(rules))
            if not self.requests.covers(device, since, names):
                self._ask_device(seq, device, since, self.reach_of(device, names), names, names, alone=True)

    def reach_of(self, device: int, rules: Iterable[str]) -> int:
        """How far back these rules look for a device, µs."""
        row, wanted = self.world.rows[device], set(rules)
        contexts = [one.context for one in self.installed.of(row.space.kind) if one.rule.id in wanted]
        return max((horizon(one.rule, one.every(row.things[0], one.columns)) for one in contexts), default=0)

    def _ask_groups(self, seq: int, rule: str, found: Mapping[int, int]) -> None:
        """The groups of a rule that these devices are in."""
        groups, affected = self.installed.groups[rule], dict[int, int]()
        for device, since in found.items():
            for row in groups.table.of_device(device):
                affected[row] = min(since, affected.get(row, since))
        for row, since in sorted(affected.items()):
            self._ask_group(seq, (rule, groups.table.space.things[row].group), since)

    def _ask_group(self, seq: int, subject: tuple[str, str], since: int) -> None:
        groups = self.installed.groups.get(subject[0])
        if groups is not None and not self.requests.covers(subject, since):
            devices = groups.table.devices(groups.table.rows[subject[1]])
            self.requests.ask(seq, subject, since, span(self.world, groups.table.rule), devices)

    def _reach(self, kind: str, thing: int) -> int:
        """How far back the rules on this kind look for devices of the thing's profile, µs."""
        mark = (self.installed.version(kind), self.world.version)
        if kind not in self._reaches or self._reaches[kind][0] != mark:
            self._reaches[kind] = (mark, {})
        found = self._reaches[kind][1]
        profile = int(self.world.space(kind).profile[thing])
        if profile not in found:
            evaluators = [evaluator for evaluator in self.installed.of(kind) if not evaluator.rule.watch.group]
            found[profile] = max(horizon(r.rule, r.context.every(thing, r.context.columns)) for r in evaluators)
        return found[profile]


def span(world: Fleet, rule: Rule) -> int:
    """How far back the rule looks from a moment, µs; NEVER = to the beginning."""
    every = max((point.every for point in world.points.values() if point.name in rule.points), default=0)
    return horizon(rule, every)
