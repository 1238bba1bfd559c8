"""The recent episodes of every alarm as they were reported, so that a re-evaluation can be compared with them."""

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.alarm import Change, Level
from gateway.domain.duration import HOUR
from rules.engine.state.thing_table import NEVER
from rules.engine.transitions import PendingTransition

KEPT = 32  # closed episodes per alarm

Key = tuple[str, int, tuple[str, ...]]
"""(rule id, component, identity) of an alarm of one device; a group has component 0."""
Owner = int | str
"""A device, or the name of a group."""
_BY_READINGS = frozenset({"", "missing"})
"""Reasons of an end that readings, or their silence, brought: not a person or an edit."""


class LoggedEpisode(Struct):
    """From `raised` to `cleared` µs (NEVER = it is on), at `level`; `moved` µs is when the level last changed.

    `known_raise` µs is the raise that was reported: a re-evaluation may have found an earlier one.
    """

    raised: int
    cleared: int
    level: int
    moved: int = 0
    known_raise: int = 0

    def on(self, moment: int) -> bool:
        """True if it was on just before `moment`."""
        return self.raised < moment <= self.cleared

    def shares(self, other: "LoggedEpisode") -> bool:
        """True if `other` was on at a time for which this one was reported."""
        return self.known_raise < other.cleared and other.raised < self.cleared


class EpisodesState(Struct, frozen=True, array_like=True):
    """`swept`: the hour since 1970 of the last sweep. `episodes`: of each alarm of a device or group, oldest first."""

    swept: int = 0
    episodes: list[tuple[Owner, Key, list[LoggedEpisode]]] = []


class EpisodeLog:
    """Episodes by device or group, and alarm, oldest first: those that are on, and closed ones for `keep` µs."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.owners: dict[Owner, dict[Key, list[LoggedEpisode]]] = {}
        self._swept = 0

    def of(self, owner: Owner) -> dict[Key, list[LoggedEpisode]]:
        """The episodes of a device or group, by alarm."""
        return self.owners.get(owner, {})

    def log(self, made: list[PendingTransition]) -> None:
        """Note the changes of one record, in place; corrections (`late`) are noted by who makes them.

        An alarm whose end lies at or before its raise never was: it is withdrawn, not cleared, and not reported at all
        when this record raised it. One that was raised once more, because its clear was none, ends as the episode it
        was before; one that was reported by a later raise is recorded as it was.
        """
        reported: list[PendingTransition] = []
        for one in made:
            reported.append(one)
            if one.late:
                continue
            alarms = self.owners.setdefault(one.thing.device or one.thing.group, {})
            episodes = alarms.setdefault((one.rule.id, one.thing.component, one.identity), [])
            last = episodes[-1] if episodes else None
            if one.change is Change.WITHDRAWN and (ended := _part_before(episodes)) is not None:
                reported[-1] = replace(one, change=Change.CLEARED, at=ended.cleared, late=True)
                episodes.pop()
                continue
            if (
                last is None
                or one.change is not Change.CLEARED
                or one.reason not in _BY_READINGS
                or one.at > last.known_raise
            ):
                note(episodes, one)
                continue
            reported[-1] = replace(one, change=Change.WITHDRAWN)
            if one.at > last.raised:
                record = replace(one, late=True, episode=last.raised)
                begin = replace(record, at=last.raised, level=Level(last.level), change=Change.RAISED)
                known = any(other.known_raise == last.raised for other in episodes[:-1])
                reported += [record] if known else [begin, record]
                last.cleared, last.known_raise = one.at, last.raised
            else:
                note(episodes, reported[-1])
                _drop_unreported(reported)
        made[:] = reported

    def put(self, owner: Owner, key: Key, episodes: list[LoggedEpisode]) -> None:
        """These are the episodes of an alarm."""
        if episodes:
            self.owners.setdefault(owner, {})[key] = episodes
        else:
            self.owners.get(owner, {}).pop(key, None)

    def forget(self, rule: str) -> None:
        """The rule is gone, or begins anew without transitions."""
        for alarms in self.owners.values():
            for key in [key for key in alarms if key[0] == rule]:
                del alarms[key]

    def sweep(self, now: int) -> None:
        """Once an hour of engine time: drop what is too old to be corrected."""
        if now // HOUR == self._swept:
            return
        self._swept = now // HOUR
        for owner, alarms in list(self.owners.items()):
            for key, episodes in list(alarms.items()):
                kept = [one for one in episodes if one.cleared > now - self.keep]
                self.put(owner, key, kept)
            if not alarms:
                del self.owners[owner]

    def step_back(self, to: int) -> None:
        """The clock was set back to `to` µs: what began or ended later did so then."""
        every = (one for alarms in self.owners.values() for episodes in alarms.values() for one in episodes)
        for one in every:
            one.raised, one.moved, one.known_raise = min(one.raised, to), min(one.moved, to), min(one.known_raise, to)
            one.cleared = one.cleared if one.cleared == NEVER else min(one.cleared, to)

    def state(self) -> EpisodesState:
        """For the snapshot."""
        rows = [(owner, key, episodes) for owner, alarms in self.owners.items() for key, episodes in alarms.items()]
        return EpisodesState(self._swept, rows)

    def load(self, state: EpisodesState) -> None:
        """The inverse of `state`."""
        self._swept = state.swept
        for owner, key, episodes in state.episodes:
            self.put(owner, key, episodes)


def _part_before(episodes: list[LoggedEpisode]) -> LoggedEpisode | None:
    """The part that ended, of an alarm that is known as one: it was, even if the part that is on never was."""
    if not episodes or episodes[-1].cleared != NEVER:
        return None
    known = episodes[-1].known_raise
    return next((one for one in reversed(episodes[:-1]) if one.known_raise == known), None)


def _drop_unreported(reported: list[PendingTransition]) -> None:
    """The last change withdraws an alarm: if this record raised it, neither is reported."""
    mine = [k for k, one in enumerate(reported) if one.key == reported[-1].key and not one.late]
    begin = next((k for k in reversed(mine) if reported[k].change is Change.RAISED), None)
    if begin is not None:
        gone = {k for k in mine if k >= begin}
        reported[:] = [one for k, one in enumerate(reported) if k not in gone]


def note(episodes: list[LoggedEpisode], made: PendingTransition) -> None:
    """Write a change to the end of an alarm's episodes."""
    last = episodes[-1] if episodes and episodes[-1].cleared == NEVER else None
    if made.change is Change.RAISED:
        if last is None:
            episodes.append(LoggedEpisode(made.at, NEVER, int(made.level), made.at, made.at))
            del episodes[:-KEPT]
    elif last is None:
        return
    elif made.change in (Change.LEVEL_UP, Change.LEVEL_DOWN):
        last.level, last.moved = int(made.level), made.at
    elif made.change is Change.CLEARED:
        last.cleared = max(made.at, last.raised)
    elif made.change is Change.WITHDRAWN:
        episodes.pop()
