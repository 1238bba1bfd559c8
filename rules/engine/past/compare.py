"""What was said of an alarm against what a second look at the past saw: the late transitions between the two."""

from collections.abc import Callable, Iterable
from dataclasses import replace

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
            changes = self._changes(key, withdraw)
            core.counts.corrected += bool(changes)
            core.field.emitter.made += changes
            earlier = [one for one in self.ledger.of(self.owner).get(key, []) if one.cleared < self.since]
            again = [one for one in self.again[key] if one.cleared >= self.since]
            self.ledger.put(self.owner, key, earlier + again)

    def _changes(self, key: Key, withdraw: Withdraw) -> list[Made]:
        """Late transitions that lead from what was said to what is true."""
        made, again, said = self.made.get(key, []), self.again[key], self.ledger.of(self.owner).get(key, [])
        live = said[-1] if said and said[-1].cleared == NEVER else None
        true = again[-1] if again and again[-1].cleared == NEVER else None
        if live is not None and true is not None:
            return [_late(made, true.moved, true.level, Change.LEVEL_UP)] if live.level < true.level else (
                [_late(made, true.moved, true.level, Change.LEVEL_DOWN)] if live.level > true.level else []
            )  # fmt: skip
        if live is not None:
            ended = [one for one in again if one.meets(live) and one.cleared >= self.since]
            if ended:
                return [_late(made, ended[-1].cleared, ended[-1].level, Change.CLEARED)]
            return [withdraw(key, max(self.since, 0), live.level)]
        found: list[Made] = []
        for one in again:
            if one.cleared < self.since or (one is not true and any(one.meets(other) for other in said)):
                continue
            before = max((other.cleared for other in said if other.meets(one)), default=LONG_AGO)
            found += _whole(made, one, before)
        return found


def _episodes(made: list[Made]) -> list[Episode]:
    found: list[Episode] = []
    for one in made:
        note(found, one)
    return found


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
