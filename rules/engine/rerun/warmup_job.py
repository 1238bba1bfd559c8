"""A warm-up job: one rule through stored history beside the engine. Its input and its result are bytes.

What takes long, the judging of the history, shares nothing with the engine: another thread or process may do it.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np
from msgspec import Struct

from gateway.domain.device import Customer, Device, Point, Site
from gateway.domain.reading import Batch, concat, empty_batch
from gateway.domain.record import RuleSet
from gateway.domain.regroup import in_order
from rules.compiled import Rule
from rules.engine.alarms.state import KeptTransition, kept_transition, pending_transition
from rules.engine.conditions.base import EngineContext
from rules.engine.evaluator import Evaluator
from rules.engine.late.history_answers import expired
from rules.engine.late.history_requests import FactOf
from rules.engine.rerun.scratch_engine import ScratchEngine, replayed_with_glitches
from rules.engine.rule_state import RuleStateImage, load_states, states_of
from rules.engine.state.completions import CompletionsState
from rules.engine.state.older_snapshots import warmup_of
from rules.engine.state.snapshot_codec import SnapshotError, SpaceImage, array, image_of_space, opened, seal
from rules.engine.state.thing_table import NEVER
from rules.engine.transitions import Emitter
from rules.engine.windows.counter_glitches import Glitch
from rules.replay import TimedFact

LONG_PAST = -NEVER


class WarmupInput(Struct, frozen=True):
    """What the engine has at engine time `now` µs of a rule and its devices. `group`: the job is about a group,
    whose changes are wanted too; readings that came later than `accept_late` µs are left out then.
    """

    now: int
    rule: RuleSet
    group: bool
    accept_late: int
    sites: list[Site]
    customers: list[Customer]
    devices: list[Device]
    points: list[Point]
    profiles: dict[str, int]
    downs: list[tuple[int, int]]
    facts: list[tuple[int, FactOf]]
    completions: CompletionsState = CompletionsState()
    steps: list[tuple[int, int]] = []


class WarmupResult(Struct, frozen=True):
    """State of one rule after history up to `now` µs, the changes on the way (of a group), and the facts in it."""

    rule: str
    revision: str
    now: int
    spaces: list[SpaceImage]
    rule_states: list[RuleStateImage]
    made: list[KeptTransition] = []
    facts: list[tuple[int, FactOf]] = []
    glitches: list[Glitch] = []


_inputs = msgspec.msgpack.Decoder(WarmupInput)
_images = msgspec.msgpack.Decoder(WarmupResult)
_encoder = msgspec.msgpack.Encoder()


def warmup_input(
    core: Evaluator, rule: str, devices: Iterable[int], facts: Sequence[tuple[int, FactOf]] = (), *, group: bool = False
) -> bytes:
    """The input of a warm-up, encoded. Raises KeyError when the rule is gone."""
    world = core.context.world
    return _encoder.encode(
        WarmupInput(
            core.now,
            core.installed.rules[rule][0],
            group,
            core.accept_late,
            list(world.sites.values()),
            list(world.customers.values()),
            [world.devices[one] for one in devices],
            list(world.points.values()),
            world.profiles,
            core.context.downs.spans,
            list(facts),
            core.context.completions.state(),
            core.context.downs.steps,
        )
    )


class WarmupReplay:
    """The rule of an input through its history. `compile_rule`: source of a rule -> the rule."""

    def __init__(self, encoded: bytes, compile_rule: Callable[[bytes], Rule]) -> None:
        self._input = known = _inputs.decode(encoded)
        rule = compile_rule(known.rule.source)
        like = Evaluator(EngineContext(Emitter(0, "")), known.accept_late)
        like.now, world = known.now, like.context.world
        like.context.completions.load(known.completions)
        for last, start in known.downs:
            like.context.downs.add(last, start)
        like.context.downs.steps = list(known.steps)
        for point in known.points:
            world.set_point(point)
        world.profiles = dict(known.profiles)
        world.sites = {site.code: site for site in known.sites}
        world.customers = {customer.code: customer for customer in known.customers}
        for device in known.devices:
            world.set_device(device)
        self._devices = np.array([device.id for device in known.devices], np.int32)
        self._like, self._rule = like, rule
        self._scratch = self._begin()
        self._moments: list[TimedFact] = list(known.facts)
        self._gathered: list[Batch] = []

    def _begin(self) -> ScratchEngine:
        return ScratchEngine(self._like, self._devices.tolist(), [(self._input.rule, self._rule)])

    def feed(self, history: Batch) -> None:
        """Readings, sorted by time over all calls."""
        mine = history.select(np.isin(history.device, self._devices))
        if not len(mine):
            return
        if self._input.group:  # which came too late is seen only when all is there
            self._gathered.append(mine)
            return
        last = int(mine.at[-1])
        passed = [one for one in self._moments if one[0] <= last]
        self._moments = [one for one in self._moments if one[0] > last]
        self._scratch.replay(mine, passed, LONG_PAST)
        self._scratch.made.clear()

    def image(self) -> bytes:
        """The state after the replay, encoded for a Rerun fact; empty when a group has no history."""
        rows = empty_batch()
        if self._input.group:
            rows = in_order(concat(self._gathered)) if self._gathered else rows
            rows = rows.select(~expired(rows, self._input.accept_late)) if len(rows) else rows
            if not len(rows):
                return b""
            self._moments = [one for one in self._moments if one[0] >= int(rows.at[0])]
            downs = self._like.context.downs
            downs.hindsight = self._input.now
            downs.returned = frozenset(rows.device[rows.at > downs.latest].tolist())
            self._scratch, glitches = replayed_with_glitches(self._begin, rows, self._moments, self._input.now)
        else:
            self._scratch.replay(rows, self._moments, self._input.now)
            glitches = self._scratch.core.context.glitches.fresh
        core, rule = self._scratch.core, self._input.rule
        spaces = [image_of_space(space) for space in core.context.world.space_list]
        states = states_of(core.installed, [rule.id])
        made = [kept_transition(one) for one in self._scratch.made] if self._input.group else []
        return seal(
            _encoder.encode(
                WarmupResult(rule.id, rule.revision, core.now, spaces, states, made, self._input.facts, glitches)
            )
        )


class WarmupJob:
    """A job to be done here, by `feed`, or elsewhere: `input` is all it needs of the engine."""

    def __init__(self, devices: Sequence[int], encoded: bytes, compile_rule: Callable[[bytes], Rule]) -> None:
        self.devices, self.input, self._compile = devices, encoded, compile_rule
        self._replay: WarmupReplay | None = None

    def _begun(self) -> WarmupReplay:
        if self._replay is None:
            self._replay = WarmupReplay(self.input, self._compile)
        return self._replay

    def feed(self, history: Batch) -> None:
        """Readings, sorted by time over all calls."""
        self._begun().feed(history)

    def image(self) -> bytes:
        """The state after the replay, encoded for a Rerun fact."""
        return self._begun().image()


def decoded_result(image: bytes) -> WarmupResult | None:
    """An image, decoded; None when it is none of this build."""
    try:
        return opened(image, _images, lambda _, body: warmup_of(body))
    except SnapshotError:
        return None


def restored_engine(core: Evaluator, found: WarmupResult) -> ScratchEngine | None:
    """The scratch engine of an image, under the facts of now; None when it does not fit the rule or devices of now."""
    if found.rule not in core.installed.rules or found.revision != core.installed.rules[found.rule][0].revision:
        return None
    devices = list(
        dict.fromkeys(
            thing.device
            for space in found.spaces
            for thing in space.things
            if thing.device in core.context.world.devices
        )
    )
    scratch = ScratchEngine(core, devices, [core.installed.rules[found.rule]])
    world = scratch.core.context.world
    if any(world.space(space.kind).things != space.things for space in found.spaces):
        return None
    for space in found.spaces:
        world.space(space.kind).load([], space.names, {name: array(one) for name, one in space.tables.items()})
    load_states(scratch.core.installed, found.rule_states, found.now)
    scratch.core.now = found.now
    rule = core.installed.rules[found.rule][1]
    scratch.core.context.emitter.made = [pending_transition(one, rule) for one in found.made]
    return scratch
