"""A second look at the past of one device, and what it changes."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import Change, Level
from gateway.domain.duration import DAY
from gateway.domain.reading import Batch, concat
from gateway.domain.record import Down
from rules.compiled import Rule
from rules.compiled.reads import expressions_of
from rules.engine.core import Core
from rules.engine.emit import Made
from rules.engine.past.horizon import horizon
from rules.engine.past.ledger import Episode, Key, Ledger, note
from rules.engine.past.requests import Pending
from rules.engine.past.scratch import Scratch
from rules.engine.past.wanted import in_order
from rules.engine.runner import Runner
from rules.engine.space import LONG_AGO, NEVER, Space

REACH = 31 * DAY  # history is asked for this much longer, so that an alarm which was on before shows in it


def reach_back(core: Core, ledger: Ledger, device: int) -> None:
    """An alarm that was on when the doubt begins is looked at from before its raise."""
    pending, row = core.requests.open.get(device), core.field.world.rows[device]
    if pending is None or not ledger.of(device):
        return
    rules = {runner.rule.id: runner for runner in core.book.of(row.space.kind)}
    for (rule, _, _), episodes in ledger.of(device).items():
        for one in episodes:
            if one.on(pending.since) and rule in rules and one.raised > pending.since - REACH:
                runner = rules[rule]
                span = horizon(runner.rule, runner.every(row.things[0], runner.columns))
                core.requests.widen(device, one.raised - min(span, one.raised), core.seq)


class Judged:
    """Judges `device` of `core` again with `history`; `run` emits what differs and takes the state over."""

    def __init__(self, core: Core, ledger: Ledger, device: int) -> None:
        self.core, self.ledger, self.device = core, ledger, device
        self.row = core.field.world.rows[device]
        self.runners = [
            runner for runner in core.book.of(self.row.space.kind)
            if not runner.rule.watch.group and runner.watched[self.row.things].any()
        ]  # fmt: skip

    def run(self, pending: Pending, history: Batch, kept: list[Batch]) -> None:
        """Everything at or after `pending.since` is decided once more."""
        core, counts = self.core, self.core.counts
        counts.reruns += 1
        rows = in_order(concat([history, *kept]))
        rows = rows.select((rows.device == self.device) & (rows.at <= core.newest(self.device)))
        rows = rows.select(~expired(rows, core.accept_late))
        if not len(rows) or not self.runners:
            return
        facts = [core.book.rules[runner.rule.id] for runner in self.runners]
        scratch = Scratch(core, [self.device], facts)
        moments = [(start, Down(last, start)) for last, start in core.field.downs.spans]
        moments += core.requests.facts.get(self.device, [])  # type: ignore[arg-type] # facts are bodies
        scratch.live_through(rows, [one for one in moments if one[0] >= int(rows.at[0])], core.now)
        made: dict[Key, list[Made]] = {}
        for one in scratch.made:
            made.setdefault((one.rule.id, one.thing.component, one.identity), []).append(one)
        self._columns(scratch.core.field.world.rows[self.device].space)
        for runner in self.runners:
            self._compare(runner, scratch, made, pending.since)

    def _columns(self, space: Space) -> None:
        """Newest values that are older than the newest reading of the device."""
        mine, theirs = self.row.space, {thing: k for k, thing in enumerate(space.things)}
        for thing in self.row.things:
            other = theirs.get(mine.things[thing])
            if other is None:
                continue
            for name, column in space.columns.items():
                own = mine.column(name)
                if space.at[column, other] >= mine.at[own, thing]:
                    for table in ("value", "at", "received", "quality"):
                        getattr(mine, table)[own, thing] = getattr(space, table)[column, other]
                if space.good_at[column, other] >= mine.good_at[own, thing]:
                    mine.good[own, thing] = space.good[column, other]
                    mine.good_at[own, thing] = space.good_at[column, other]

    def _compare(self, runner: Runner, scratch: Scratch, made: dict[Key, list[Made]], since: int) -> None:
        twin = next(r for r in scratch.core.book.runners[runner.rule.id] if r.space.kind == runner.space.kind)
        rows = {thing: k for k, thing in enumerate(twin.space.things)}
        for thing in self.row.things:
            place = runner.space.things[thing]
            if not runner.watched[thing] or place not in rows:
                continue
            own = self.ledger.of(self.device)
            keys = {k for k in (*own, *made) if k[:2] == (runner.rule.id, place.component)}
            again = {key: _episodes(made.get(key, [])) for key in keys}
            if any(_on(own.get(key, []), since) != _on(again[key], since) for key in keys):
                self.core.counts.unproven += 1  # the history does not explain what was decided before: leave it
                continue
            runner.take_row(thing, twin, rows[place])
            for key in sorted(keys):
                changes = self._changes(runner, thing, key, again[key], made.get(key, []), since)
                self.core.counts.corrected += bool(changes)
                self.core.field.emitter.made += changes
                earlier = [one for one in own.get(key, []) if one.cleared < since]
                self.ledger.put(self.device, key, earlier + [one for one in again[key] if one.cleared >= since])

    def _changes(
        self, runner: Runner, thing: int, key: Key, again: list[Episode], made: list[Made], since: int
    ) -> list[Made]:
        """Late transitions that lead from what was said to what is true."""
        said = self.ledger.of(self.device).get(key, [])
        live = said[-1] if said and said[-1].cleared == NEVER else None
        true = again[-1] if again and again[-1].cleared == NEVER else None
        if live is not None and true is not None:
            return [_late(made, true.moved, true.level, Change.LEVEL_UP)] if live.level < true.level else (
                [_late(made, true.moved, true.level, Change.LEVEL_DOWN)] if live.level > true.level else []
            )  # fmt: skip
        if live is not None:
            ended = [one for one in again if one.meets(live) and one.cleared >= since]
            if ended:
                return [_late(made, ended[-1].cleared, ended[-1].level, Change.CLEARED)]
            return [self._withdrawn(runner, thing, key, max(since, 0), live.level)]
        found: list[Made] = []
        for one in again:
            if one.cleared < since or (one is not true and any(one.meets(other) for other in said)):
                continue
            before = max((other.cleared for other in said if other.meets(one)), default=LONG_AGO)
            found += _whole(made, one, before)
        return found

    def _withdrawn(self, runner: Runner, thing: int, key: Key, at: int, level: int) -> Made:
        emitter = self.core.field.emitter
        runner.emit(thing, at, Change.WITHDRAWN, level, None, None, -1, text=condition_text(runner.rule))
        return replace(emitter.made.pop(), identity=key[2], late=True)


def expired(rows: Batch, accept_late: int) -> NDArray[np.bool_]:
    """Which readings, sorted by time, were late by more than `accept_late` µs when they came: never to be judged."""
    received = rows.received[rows.frame]
    order = np.argsort(received, kind="stable")
    newest = np.maximum.accumulate(rows.at[order])
    found = np.zeros(len(rows), np.bool_)
    found[order] = rows.at[order] < newest
    return found & (received - rows.at > accept_late)


def condition_text(rule: Rule) -> str:
    """What the rule waits for, for evidence."""
    return next((one.text for one in expressions_of(rule.condition)), "")


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
