"""The episodes that were reported of an alarm against those of a re-evaluation: the late transitions between them."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import zip_longest

from msgspec.structs import replace
from msgspec.structs import replace as changed

from gateway.domain.alarm import Change, Level
from rules.engine.evaluator import Evaluator
from rules.engine.late.episode_log import EpisodeLog, Key, LoggedEpisode, Owner, note
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.transitions import PendingTransition

Withdraw = Callable[[Key, int, int], PendingTransition]
"""(alarm, µs, level) -> the transition that takes an alarm back."""


def by_alarm(made: Iterable[PendingTransition]) -> dict[Key, list[PendingTransition]]:
    """The changes of every alarm, in their order."""
    found: dict[Key, list[PendingTransition]] = {}
    for one in made:
        found.setdefault((one.rule.id, one.thing.component, one.identity), []).append(one)
    return found


class EpisodeDiff:
    """One thing of one rule: reported in the log of `owner`, `made` by the scratch engine; judged again from `since`
    µs.

    A rule that decides `back` in time reported, or would have reported, something of before: then that counts too.
    """

    def __init__(
        self,
        log: EpisodeLog,
        owner: Owner,
        rule: str,
        component: int,
        made: dict[Key, list[PendingTransition]],
        since: int,
        *,
        back: bool = False,
    ) -> None:
        self.log, self.owner, self.since, self.made = log, owner, since, made
        reported = log.of(owner)
        self.keys = sorted({key for key in (*reported, *made) if key[:2] == (rule, component)})
        self.again = {key: _episodes(made.get(key, [])) for key in self.keys}
        both = [(reported.get(key, []), self.again[key]) for key in self.keys]
        while other := [pair for pair in both if _on(pair[0], self.since) != _on(pair[1], self.since)]:
            if not back:
                break
            self.since = min(one.raised for pair in other for some in pair for one in some if one.on(self.since))
        self.proven = not other

    def settle(self, core: Evaluator, withdraw: Withdraw) -> None:
        """Emit what differs; the log has the episodes of the re-evaluation from now on."""
        for key in self.keys:
            made, reported = self.made.get(key, []), self.log.of(self.owner).get(key, [])
            changes, standing = _Difference(made, reported, self.again[key], self.since).changes(partial(withdraw, key))
            core.counts.corrected += bool(changes)
            core.context.emitter.made += changes
            self.log.put(self.owner, key, standing)


class _Difference:
    """One alarm: `reported` in the log, `again` by the re-evaluation, whose changes are `made`; from `since` µs on.

    What was reported and what was are paired in order of time, one to one. An alarm that is on, then and now, is the
    same.
    """

    def __init__(
        self, made: list[PendingTransition], reported: list[LoggedEpisode], again: list[LoggedEpisode], since: int
    ) -> None:
        self.made, self.since = made, since
        self.before = [one for one in reported if one.cleared < since]
        self.reported = _by_raise(one for one in reported if one.cleared >= since)
        self.again = [one for one in again if one.cleared >= since]
        self.live = self.reported[-1] if self.reported and self.reported[-1].cleared == NEVER else None
        self.true = self.again[-1] if self.again and self.again[-1].cleared == NEVER else None
        self.mates = self._pairs()

    def _pairs(self) -> dict[int, LoggedEpisode]:
        """id of an episode that was -> the reported one."""
        pairs: dict[int, LoggedEpisode] = {}
        free = self.reported
        if self.live is not None and self.true is not None:
            pairs[id(self.true)] = self.live
            free = free[:-1]
        past = [one for one in self.again if one is not self.true]
        for one, following in zip_longest(past, past[1:]):
            mates = [other for other in free if other.shares(one)]
            if len(mates) > 1 and following is not None and mates[-1].shares(following):
                mates.pop()
            if mates:
                pairs[id(one)] = mates[-1]
                free = [other for other in free if other is not mates[-1]]
        return pairs

    def changes(
        self, withdraw: Callable[[int, int], PendingTransition]
    ) -> tuple[list[PendingTransition], list[LoggedEpisode]]:
        """(late transitions from what was reported to what is true, the episodes of the log then)."""
        found: list[PendingTransition] = []
        standing = list(self.before)
        for one in self.again:
            mate = self.mates.get(id(one))
            changes, known = self._unknown(one) if mate is None else (self._moved(one, mate), mate.known_raise)
            found += changes
            standing.append(changed(one, known_raise=known))
        for left in self.reported:
            if any(left is mate for mate in self.mates.values()):
                continue
            if left is not self.live and any(left.shares(one) for one in self.again):
                standing.append(left)  # part of what was: the gap before the next stays as it was reported
            elif left is self.live:
                found.insert(0, self._undone(left, max(self.since, 0), withdraw))
            else:
                found.append(replace(self._undone(left, left.known_raise, withdraw), episode=left.known_raise))
        return found, sorted(standing, key=lambda one: (one.cleared == NEVER, one.raised, one.cleared))

    def _undone(
        self, left: LoggedEpisode, at: int, withdraw: Callable[[int, int], PendingTransition]
    ) -> PendingTransition:
        """Withdraw what was reported of an episode at `at` µs; or end it where another part of it did, before."""
        end = max((one.cleared for one in self.before if one.known_raise == left.known_raise), default=0)
        if not end:
            return withdraw(at, left.level)
        known = [one for one in self.made if one.at == end and one.change is Change.CLEARED]
        return _late(known or [withdraw(end, left.level)], end, left.level, Change.CLEARED)

    def _moved(self, one: LoggedEpisode, mate: LoggedEpisode) -> list[PendingTransition]:
        """What was reported of an episode differs: its level now, or its end."""
        if one is self.true:
            if one.level == mate.level:
                return []
            change = Change.LEVEL_UP if mate.level < one.level else Change.LEVEL_DOWN
            return [_late(self.made, max(mate.moved, one.moved), one.level, change)]
        if one.cleared == mate.cleared:
            return []
        end = _late(self.made, one.cleared, one.level, Change.CLEARED)
        return [end if mate is self.live else replace(end, episode=mate.known_raise)]

    def _unknown(self, one: LoggedEpisode) -> tuple[list[PendingTransition], int]:
        """(transitions of an episode that was not reported, or as part of another; the raise it is known by)."""
        if one is self.true:
            before = max((other.cleared for other in self.reported if other.shares(one)), default=LONG_AGO)
            return _whole(self.made, one, before), max(one.raised, before)
        if self.live is not None and self.true is not None and self.live.shares(one):
            return [], self.live.known_raise  # an alarm that is on stays on
        beside = self.live is not None or self.true is not None or any(other.shares(one) for other in self.reported)
        record = one.raised if beside else 0
        return [replace(change, episode=record) for change in _whole(self.made, one, LONG_AGO)], one.raised


def _by_raise(episodes: Iterable[LoggedEpisode]) -> list[LoggedEpisode]:
    """One for each reported raise: the last, whose end is the end that was reported."""
    newest = {one.known_raise: one for one in episodes}
    return sorted(newest.values(), key=lambda one: one.cleared)


def _episodes(made: list[PendingTransition]) -> list[LoggedEpisode]:
    found: list[LoggedEpisode] = []
    for one in made:
        note(found, one)
    return [one for one in found if one.raised < one.cleared]


def _on(episodes: list[LoggedEpisode], moment: int) -> bool:
    return any(one.on(moment) for one in episodes)


def _late(made: list[PendingTransition], at: int, level: int, change: Change) -> PendingTransition:
    """The change at `at`, with the evidence of the re-evaluation."""
    near = min(made, key=lambda one: (abs(one.at - at), one.change is not change))
    return replace(near, at=at, level=Level(level), change=change, late=True)


def _whole(made: list[PendingTransition], episode: LoggedEpisode, before: int) -> list[PendingTransition]:
    """An episode that was not reported: raised, and cleared when it is over; not before `before` µs (it was on till
    then).
    """
    begin = max(k for k, one in enumerate(made) if one.at == episode.raised and one.change is Change.RAISED)
    end = next((k for k in range(begin, len(made)) if made[k].change is Change.CLEARED), len(made))
    return [replace(one, at=max(one.at, before), late=True) for one in made[begin : end + 1]]
