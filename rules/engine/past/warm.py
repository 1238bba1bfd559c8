"""History for a rule that is new, or begins a new generation: it judges the past alone, then joins in."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
from msgspec import Struct

from gateway.domain.alarm import Change
from gateway.domain.reading import Batch, empty_batch
from gateway.domain.record import Down, Rerun
from rules.engine.core import Core
from rules.engine.groups.questions import questions_of
from rules.engine.groups.transfer import Transfer
from rules.engine.past.doubt import span
from rules.engine.past.rerun import condition_text
from rules.engine.past.scratch import Scratch
from rules.engine.runner import Runner
from rules.engine.snapshot import RunnerImage, SnapshotError, SpaceImage, array, seal, table, unseal
from rules.engine.space import NEVER


class Warmed(Struct, frozen=True):
    """State of one rule after `now` µs of history."""

    rule: str
    revision: str
    now: int
    spaces: list[SpaceImage]
    runners: list[RunnerImage]


class Warmer:
    """One rule with the facts of the moment it was made; shares nothing that changes with the engine."""

    def __init__(self, core: Core, rule: str) -> None:
        world = core.field.world
        fact, compiled = core.book.rules[rule]
        asked = [(set(compiled.watch.kinds), compiled.watch.where)]
        asked += [(set(one.kinds), one.where) for one in questions_of(compiled)]
        self.devices: Sequence[int] = [
            number for number, device in world.devices.items()
            if any(device.kind in kinds and (where is None or where(world.facts(device)) is True)
                   for kinds, where in asked)
        ]  # fmt: skip
        self._rule, self._revision, self._now = rule, fact.revision, core.now
        self._scratch = Scratch(core, self.devices, [(fact, compiled)])
        self._downs = [(start, Down(last, start)) for last, start in core.field.downs.spans]

    def feed(self, history: Batch) -> None:
        """Readings, sorted by time over all calls."""
        mine = history.select(np.isin(history.device, np.array(self.devices, np.int32)))
        if not len(mine):
            return
        last = int(mine.at[-1])
        passed = [one for one in self._downs if one[0] <= last]
        self._downs = self._downs[len(passed) :]
        self._scratch.live_through(mine, passed, LONG_PAST)
        self._scratch.made.clear()

    def image(self) -> bytes:
        """What came of it, for `join`."""
        self._scratch.live_through(empty_batch(), self._downs, self._now)
        core = self._scratch.core
        spaces = [
            SpaceImage(s.kind, s.things, s.names, {name: table(a) for name, a in s.tables().items()})
            for s in core.field.world.space_list
        ]  # fmt: skip
        runners = [
            RunnerImage(
                self._rule, r.space.kind, {name: table(a) for name, a in r.state().items()}, r.extra(), r.decided
            )
            for r in core.book.runners[self._rule]
        ]  # fmt: skip
        return seal(_encoder.encode(Warmed(self._rule, self._revision, core.now, spaces, runners)))


LONG_PAST = -NEVER
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Warmed)


def reach(core: Core, rule: str) -> int:
    """From when on the rule wants history, µs."""
    _, compiled = core.book.rules[rule]
    return max(0, core.now - span(core.field.world, compiled))


def join(core: Core, answer: Rerun, at: int) -> None:
    """The answer for a waiting rule: it takes the state over, sees what came meanwhile, raises what is true at `at` µs.

    An image that does not fit the rule or the devices of now is no history: the rule begins with what is there.
    """
    rule, warmed = answer.rule, _decoded(answer.image)
    if warmed is None or warmed.revision != core.book.rules[rule][0].revision:
        core.begin_cold(rule, at)
        return
    devices = list(dict.fromkeys(
        thing.device for space in warmed.spaces for thing in space.things if thing.device in core.field.world.devices
    ))  # fmt: skip
    scratch = Scratch(core, devices, [core.book.rules[rule]])
    world = scratch.core.field.world
    if any(world.space(space.kind).things != space.things for space in warmed.spaces):
        core.begin_cold(rule, at)
        return
    for space in warmed.spaces:
        world.space(space.kind).load([], space.names, {name: array(one) for name, one in space.tables.items()})
    for held in warmed.runners:
        for runner in scratch.core.book.runners[rule]:
            if runner.space.kind == held.kind:
                runner.refresh(range(len(runner.space)), warmed.now, "")
                runner.load({name: array(one) for name, one in held.tables.items()})
                runner.load_extra(held.extra)
                runner.decided.update(held.decided)
    scratch.core.now = warmed.now
    for now, batch in core.interim.since(answer.wanted):
        scratch.until(now)
        scratch.core.batch(batch)
    scratch.until(core.now)
    _take_over(core, scratch, rule, at)


def _decoded(blob: bytes) -> Warmed | None:
    try:
        return _decoder.decode(unseal(blob))
    except (SnapshotError, msgspec.MsgspecError):
        return None


def _take_over(core: Core, scratch: Scratch, rule: str, at: int) -> None:
    theirs = {runner.space.kind: runner for runner in scratch.core.book.runners[rule]}
    runners = core.book.begin(rule)
    for runner in runners:
        runner.refresh(range(len(runner.space)), at, "")
    if rule in core.book.groups:
        _take_groups(core, scratch, rule, at)
        runners = []
    for runner in runners:
        twin = theirs[runner.space.kind]
        rows = {thing: k for k, thing in enumerate(twin.space.things)}
        for thing in np.flatnonzero(runner.watched[: len(runner.space)]).tolist():
            row = rows.get(runner.space.things[thing])
            if row is None or not twin.watched[row]:
                continue
            runner.take_row(thing, twin, row)
            _raise(core, runner, thing, at)
    if not core.book.waiting:
        core.interim.clear()


def _take_groups(core: Core, scratch: Scratch, rule: str, at: int) -> None:
    """Groups with a past go on with it; others begin with what their members say now."""
    groups = core.book.groups[rule]
    transfer = Transfer(groups, scratch.core.book.groups[rule])
    for group, row in groups.rows.items():
        if groups.alive[row] and transfer.take(group):
            _raise(core, groups.runner, row, at)
    groups.flush()


def _raise(core: Core, runner: Runner, thing: int, at: int) -> None:
    """Its alarms that are on become known."""
    for identity, level in runner.on(thing):
        runner.emit(thing, at, Change.RAISED, level, None, None, -1, text=condition_text(runner.rule))
        core.field.emitter.made.append(replace(core.field.emitter.made.pop(), identity=identity))
