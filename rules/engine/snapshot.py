"""Snapshots: an evaluator as a value and back, and the whole engine as bytes, encoded once."""

from collections.abc import Callable

import msgspec

from gateway.domain.engine_status import ReadingCounts
from rules.compiled import Rule
from rules.engine.evaluator import Evaluator
from rules.engine.late.history_requests import RequestsState
from rules.engine.late.replaced_values import ReplacedState
from rules.engine.rule_state import load_states, states_of
from rules.engine.snapshot_image import DowntimeImage, EngineImage, EvaluatorImage
from rules.engine.state.fleet import Fleet, ThingRows
from rules.engine.state.older_snapshots import engine_of
from rules.engine.state.snapshot_codec import array, image_of_space, opened, seal

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(EngineImage)

CompileRule = Callable[[bytes], Rule]
"""Source of a RuleSet fact -> rule; raises ConfigError, ValueError."""


def encode(image: EngineImage) -> bytes:
    """MessagePack, sealed."""
    return seal(_encoder.encode(image))


def decode(blob: bytes) -> EngineImage:
    """The inverse of `encode`; snapshots of older versions are converted. Raises SnapshotError."""
    return opened(blob, _decoder, engine_of)


def image_of(core: Evaluator) -> EvaluatorImage:
    """The whole state of an evaluator; nothing in it is shared with it."""
    core.admit()
    world = core.context.world
    downs = core.context.downs
    return EvaluatorImage(
        seq=core.seq,
        now=core.now,
        sites=list(world.sites.values()),
        customers=list(world.customers.values()),
        devices=list(world.devices.values()),
        points=list(world.points.values()),
        profiles=dict(world.profiles),
        spaces=[image_of_space(space) for space in world.space_list],
        rules=[fact for fact, _ in core.installed.rules.values()],
        rule_states=states_of(core.installed, core.installed.evaluators),
        downtime=DowntimeImage(list(downs.spans), sorted(downs.kept), downs.settled, list(downs.steps)),
        counts=core.counts.with_reruns(()),
        waiting=dict(core.installed.waiting),
        requests=core.requests.state(),
        buffered=core.interim.state(),
        replaced=core.replaced.state(),
        overtaken=core.overtaken.state(),
        glitches=core.context.glitches.state(),
        standing={
            rule: [(thing, identity, level) for (thing, identity), level in alarms.items()]
            for rule, alarms in core.installed.standing.items()
        },
    )


def without_rules(image: EvaluatorImage, now: int) -> EvaluatorImage:
    """The field alone, as of engine time `now` µs."""
    return msgspec.structs.replace(
        image,
        rules=[],
        rule_states=[],
        waiting={},
        requests=RequestsState(),
        buffered=[],
        replaced=ReplacedState(),
        overtaken=ReplacedState(),
        counts=ReadingCounts(),
        now=now,
        standing={},
    )


def load_core(image: EvaluatorImage, core: Evaluator, compile_rule: CompileRule) -> None:
    """The inverse of `image_of`, into an empty core. Raises ConfigError when a rule no longer compiles."""
    core.seq, core.now, core.counts = image.seq, image.now, image.counts
    load_world(image, core.context.world)
    downs, held_downs = core.context.downs, image.downtime
    for last, start in held_downs.spans:
        downs.add(last, start)
    downs.kept, downs.settled, downs.steps = set(held_downs.kept), held_downs.settled, list(held_downs.steps)
    for fact in image.rules:
        core.installed.place(fact, compile_rule(fact.source), waiting=image.waiting.get(fact.id))
    load_states(core.installed, image.rule_states, image.now)
    core.installed.standing = {
        rule: {(thing, identity): level for thing, identity, level in alarms} for rule, alarms in image.standing.items()
    }
    core.requests.load(image.requests)
    core.interim.load(image.buffered)
    core.replaced.load(image.replaced)
    core.overtaken.load(image.overtaken)
    core.context.glitches.load(image.glitches)


def load_world(image: EvaluatorImage, world: Fleet) -> None:
    """Devices, points and their newest values into an empty world, every row where it was."""
    world.sites = {site.code: site for site in image.sites}
    world.customers = {customer.code: customer for customer in image.customers}
    world.profiles = dict(image.profiles)
    for point in image.points:
        world.set_point(point)
    for held in image.spaces:
        space = world.space(held.kind)
        space.load(held.things, held.names, {name: array(one) for name, one in held.tables.items()})
    for device in image.devices:
        world.rows[device.id] = ThingRows(world.spaces[device.kind], [])
        world.devices[device.id] = device
    for space in world.space_list:
        for index, thing in enumerate(space.things):
            row = world.rows[thing.device]
            if row.space is space:
                row.things.append(index)
    for device in image.devices:
        world.set_device(device)
