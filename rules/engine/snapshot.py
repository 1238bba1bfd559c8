"""Core -> snapshot image, and a core back from it."""

from collections.abc import Callable
from dataclasses import asdict

import msgspec

from gateway.domain.engine_status import ReadingCounts
from rules.compiled import Rule
from rules.engine.evaluator import Evaluator
from rules.engine.state.fleet import Fleet, ThingRows
from rules.engine.state.snapshot_codec import Image, RunnerImage, SpaceImage, array, table


def image_of(core: Evaluator, partition: int, tenant: str) -> Image:
    """Everything a core knows."""
    core.admit()
    world = core.field.world
    return Image(
        partition=partition,
        tenant=tenant,
        seq=core.seq,
        now=core.now,
        sites=list(world.sites.values()),
        customers=list(world.customers.values()),
        devices=list(world.devices.values()),
        points=list(world.points.values()),
        profiles=dict(world.profiles),
        spaces=[
            SpaceImage(s.kind, s.things, s.names, {name: table(a) for name, a in s.tables().items()})
            for s in world.space_list
        ],
        rules=[fact for fact, _ in core.book.rules.values()],
        runners=[
            RunnerImage(
                rule,
                runner.space.kind,
                {name: table(a) for name, a in runner.state().items()},
                runner.extra(),
                dict(runner.decided),
            )
            for rule, several in core.book.runners.items()
            for runner in several
        ],
        downs=list(core.field.downs.spans),
        kept=sorted(core.field.downs.kept),
        settled=core.field.downs.settled,
        steps=list(core.field.downs.steps),
        counts=asdict(core.counts),
        waiting=dict(core.book.waiting),
        requests=core.requests.state(),
        interim=core.interim.state(),
        replaced=core.replaced.state(),
        overtaken=core.overtaken.state(),
        glitches=core.field.glitches.state(),
        standing={
            rule: [(thing, identity, level) for (thing, identity), level in alarms.items()]
            for rule, alarms in core.book.standing.items()
        },
    )


def without_rules(image: Image, now: int) -> Image:
    """The field alone, as of engine time `now` µs."""
    return msgspec.structs.replace(
        image,
        rules=[],
        runners=[],
        waiting={},
        requests=b"",
        interim=b"",
        replaced=b"",
        overtaken=b"",
        counts={},
        now=now,
        standing={},
    )


def load_core(image: Image, core: Evaluator, compile_rule: Callable[[bytes], Rule]) -> None:
    """The inverse of `image_of`, into an empty core. Raises ConfigError when a rule no longer compiles."""
    core.seq, core.now, core.counts = image.seq, image.now, ReadingCounts(**image.counts)
    load_world(image, core.field.world)
    for last, start in image.downs:
        core.field.downs.add(last, start)
    core.field.downs.kept, core.field.downs.settled = set(image.kept), image.settled
    core.field.downs.steps = list(image.steps)
    for fact in image.rules:
        core.book.place(fact, compile_rule(fact.source), waiting=image.waiting.get(fact.id))
    for held in image.runners:
        for runner in core.book.runners[held.rule]:
            if runner.space.kind == held.kind:
                runner.refresh(range(len(runner.space)), image.now, "")
                runner.load({name: array(one) for name, one in held.tables.items()})
                runner.load_extra(held.extra)
                runner.decided.update(held.decided)
    core.book.standing = {
        rule: {(thing, identity): level for thing, identity, level in alarms} for rule, alarms in image.standing.items()
    }
    core.requests.load(image.requests)
    core.interim.load(image.interim)
    core.replaced.load(image.replaced)
    core.overtaken.load(image.overtaken)
    core.field.glitches.load(image.glitches)


def load_world(image: Image, world: Fleet) -> None:
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
