"""What another version of the rules would have changed: episodes side by side."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rules.backtest.episodes import Episode, Key

FOREVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Moved:
    """One episode in both, not alike: raised or cleared at another time, or at another level."""

    old: Episode
    new: Episode


@dataclass(slots=True)
class Difference:
    """Episodes only the old rules have, only the new ones have, that moved, and how many are the same."""

    only_old: list[Episode] = field(default_factory=list)
    only_new: list[Episode] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    same: int = 0


def compared(old: Iterable[Episode], new: Iterable[Episode]) -> Difference:
    """Episodes of one alarm that have time in common are the same one; each is matched once, in order of time."""
    found = Difference()
    before, after = _by_alarm(old), _by_alarm(new)
    for key in sorted({*before, *after}):
        _match(before.get(key, []), after.get(key, []), found)
    found.only_old.sort(key=_when)
    found.only_new.sort(key=_when)
    found.moved.sort(key=lambda one: _when(one.new))
    return found


def _by_alarm(episodes: Iterable[Episode]) -> dict[Key, list[Episode]]:
    found: defaultdict[Key, list[Episode]] = defaultdict(list)
    for one in sorted(episodes, key=_when):
        found[one.key].append(one)
    return found


def _match(old: Sequence[Episode], new: Sequence[Episode], found: Difference) -> None:
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
                found.moved.append(Moved(a, b))
            i, j = i + 1, j + 1
    found.only_old += old[i:]
    found.only_new += new[j:]


def _end(episode: Episode) -> int:
    return FOREVER if episode.cleared is None else episode.cleared


def _when(episode: Episode) -> tuple[int, str]:
    return episode.raised, episode.rule
