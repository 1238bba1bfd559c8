"""What was said of an alarm against what a second look at the past saw: the late transitions between the two."""

from collections.abc import Callable, Iterable
from functools import partial

from msgspec.structs import replace
from msgspec.structs import replace as changed

from gateway.domain.alarm import Change, Level
from rules.engine.core import Core
from rules.engine.emit import Made
from rules.engine.past.ledger import Episode, Key, Ledger, Owner, note
from rules.engine.space import LONG_AGO, NEVER

Withdraw = Callable[[Key, int, int], Made]
"""(alarm, µs, level) -> the transition that takes an alarm back."""


def by_alarm(made: Iterable[Made]) -> dict[Key, list[Made]]:
    """The changes of every alarm, in their order."""
    found: dict[Key, list[Made]] = {}
    for one in made:
        found.setdefault((one.rule.id, one.thing.component, one.identity), []).append(one)
    return found


class Comparison:
    """One thing of one rule: said in the ledger of `owner`, `made` by the scratch engine; in doubt from `since` µs."""

    def __init__(
        self, ledger: Ledger, owner: Owner, rule: str, component: int, made: dict[Key, list[Made]], since: int
    ) -> None:  # fmt: skip
        self.ledger, self.owner, self.since, self.made = ledger, owner, since, made
        said = ledger.of(owner)
        self.keys = sorted({key for key in (*said, *made) if key[:2] == (rule, component)})
        self.again = {key: _episodes(made.get(key, [])) for key in self.keys}
        self.proven = all(_on(said.get(key, []), since) == _on(self.again[key], since) for key in self.keys)

    def settle(self, core: Core, withdraw: Withdraw) -> None:
        """Emit what differs; the second look holds from now on."""
        for key in self.keys:
            made, said = self.made.get(key, []), self.ledger.of(self.owner).get(key, [])
            changes, standing = _Difference(made, said, self.again[key], self.since).changes(partial(withdraw, key))
            core.counts.corrected += bool(changes)
            core.field.emitter.made += changes
            self.ledger.put(self.owner, key, standing)


class _Difference:
    """One alarm: `said` in the ledger, `again` by the second look, whose changes are `made`; from `since` µs on."""

    def __init__(self, made: list[Made], said: list[Episode], again: list[Episode], since: int) -> None:
        self.made, self.since = made, since
        self.before = [one for one in said if one.cleared < since]
        self.said = [one for one in said if one.cleared >= since]
        self.again = [one for one in again if one.cleared >= since]
        self.live = self.said[-1] if self.said and self.said[-1].cleared == NEVER else None
        self.true = self.again[-1] if self.again and self.again[-1].cleared == NEVER else None

    def changes(self, withdraw: Callable[[int, int], Made]) -> tuple[list[Made], list[Episode]]:
        """Late transitions that lead from what was said to what is true, and the episodes that stand then."""
        now, standing = self._now(withdraw)
        past = self._past(standing)
        over = [one for one in self.said if one is not self.live and not any(a.meets(one) for a in self.again)]
        past += [replace(withdraw(one.raised, one.level), episode=one.told) for one in over]
        stands = sorted(standing.values(), key=lambda one: one.raised)
        return [*now, *past] if self.live is not None else [*past, *now], [*self.before, *stands]

    def _now(self, withdraw: Callable[[int, int], Made]) -> tuple[list[Made], dict[int, Episode]]:
        """What becomes of the alarm that is on, by what was said or in truth; the episodes that this is about."""
        live, true = self.live, self.true
        if live is not None and true is not None:
            change = Change.LEVEL_UP if live.level < true.level else Change.LEVEL_DOWN
            moved = [] if live.level == true.level else [
                _late(self.made, max(live.moved, true.moved), true.level, change)
            ]  # fmt: skip
            return moved, {id(true): _told(true, live.told)}
        if live is not None:
            ended = [one for one in self.again if one.cleared > live.raised]
            if ended:
                end = ended[-1]
                return [_late(self.made, end.cleared, end.level, Change.CLEARED)], {id(end): _told(end, live.told)}
            return [withdraw(max(self.since, 0), live.level)], {}
        if true is None:
            return [], {}
        before = max((one.cleared for one in self.said if one.meets(true)), default=LONG_AGO)
        return _whole(self.made, true, before), {id(true): _told(true, max(true.raised, before))}

    def _past(self, standing: dict[int, Episode]) -> list[Made]:
        """Episodes that are over: those nobody knew of, and those whose end was another one."""
        found: list[Made] = []
        beside = self.live is not None or self.true is not None
        for one in self.again:
            if id(one) in standing:
                continue
            mates = [other for other in self.said if other.meets(one)]
            mate = mates[-1] if mates else None
            standing[id(one)] = _told(one, one.raised if mate is None else mate.told)
            if mate is None:
                episode = one.raised if beside else 0
                found += [replace(change, episode=episode) for change in _whole(self.made, one, LONG_AGO)]
            elif mate.cleared not in (NEVER, one.cleared):
                found.append(
                    replace(_late(self.made, one.cleared, one.level, Change.CLEARED), episode=mate.told)
                )  # fmt: skip
        return found


def _episodes(made: list[Made]) -> list[Episode]:
    found: list[Episode] = []
    for one in made:
        note(found, one)
    return found


def _told(episode: Episode, at: int) -> Episode:
    """The episode as it stands: people know it by its raise at `at` µs."""
    return changed(episode, told=at)


def _on(episodes: list[Episode], moment: int) -> bool:
    return any(one.on(moment) for one in episodes)


def _late(made: list[Made], at: int, level: int, change: Change) -> Made:
    """The change at `at` as the second look saw it."""
    near = min(made, key=lambda one: (abs(one.at - at), one.change is not change))
    return replace(near, at=at, level=Level(level), change=change, late=True)


def _whole(made: list[Made], episode: Episode, before: int) -> list[Made]:
    """An episode nobody knew of: raised, and cleared when it is over; not before `before` µs (it was on till then)."""
    inside = [one for one in made if episode.raised <= one.at <= episode.cleared and one.change is not Change.WITHDRAWN]
    return [replace(one, at=max(one.at, before), late=True) for one in inside]
