"""Comparison of two versions of the rules: episodes side by side."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rules.backtest.episodes import FOREVER, BacktestEpisode, Key


@dataclass(frozen=True, slots=True)
class ChangedEpisode:
    """Episode of both versions with a difference: raised or cleared at another time, or at another level."""

    old: BacktestEpisode
    new: BacktestEpisode


@dataclass(slots=True)
class Difference:
    """Episodes of the old rules only, of the new rules only, changed ones, and the number of equal ones."""

    only_old: list[BacktestEpisode] = field(default_factory=list)
    only_new: list[BacktestEpisode] = field(default_factory=list)
    moved: list[ChangedEpisode] = field(default_factory=list)
    same: int = 0


def compared(old: Iterable[BacktestEpisode], new: Iterable[BacktestEpisode]) -> Difference:
    """Compare episodes. Those of one alarm that overlap in time match; each is matched once, in order of time."""
    found = Difference()
    before, after = _by_alarm(old), _by_alarm(new)
    for key in sorted({*before, *after}):
        _match(before.get(key, []), after.get(key, []), found)
    found.only_old.sort(key=_when)
    found.only_new.sort(key=_when)
    found.moved.sort(key=lambda one: _when(one.new))
    return found


def _by_alarm(episodes: Iterable[BacktestEpisode]) -> dict[Key, list[BacktestEpisode]]:
    found: defaultdict[Key, list[BacktestEpisode]] = defaultdict(list)
    for one in sorted(episodes, key=_when):
        found[one.key].append(one)
    return found


def _match(old: Sequence[BacktestEpisode], new: Sequence[BacktestEpisode], found: Difference) -> None:
    i = j = 0
    while i < len(old) and j < len(new):
        a, b = old[i], new[j]
        if _end(a) < b.raised:
            found.only_old.append(a)
            i += 1
        elif _end(b) < a.raised:
            found.only_new.append(b)
            j += 1
        else:
            if (a.raised, a.cleared, a.level) == (b.raised, b.cleared, b.level):
                found.same += 1
            else:
                found.moved.append(ChangedEpisode(a, b))
            i, j = i + 1, j + 1
    found.only_old += old[i:]
    found.only_new += new[j:]


def _end(episode: BacktestEpisode) -> int:
    return FOREVER if episode.cleared is None else episode.cleared


def _when(episode: BacktestEpisode) -> tuple[int, str]:
    return episode.raised, episode.rule
