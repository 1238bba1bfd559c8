"""Engine -> snapshot image, and the world back from it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from gateway.domain.record import RuleSet
from rules.engine.frames import Counts
from rules.engine.runner import Field, Runner
from rules.engine.snapshot import Image, RunnerImage, SpaceImage, array, table
from rules.engine.world import Row


class Numbers(Protocol):
    """What the image needs of the engine itself."""

    partition: int
    tenant: str
    seq: int
    now: int
    counts: Counts


def image_of(
    engine: Numbers, common: Field, facts: Sequence[RuleSet], runners: Mapping[str, Sequence[Runner]]
) -> Image:  # fmt: skip
    """Everything the engine knows."""
    world = common.world
    return Image(
        partition=engine.partition,
        tenant=engine.tenant,
        seq=engine.seq,
        now=engine.now,
        sites=list(world.sites.values()),
        customers=list(world.customers.values()),
        devices=list(world.devices.values()),
        points=list(world.points.values()),
        profiles=dict(world.profiles),
        spaces=[
            SpaceImage(s.kind, s.things, s.names, {name: table(a) for name, a in s.tables().items()})
            for s in world.space_list
        ],
        rules=list(facts),
        runners=[
            RunnerImage(
                rule,
                runner.space.kind,
                {name: table(a) for name, a in runner.state().items()},
                runner.extra(),
            )
            for rule, several in runners.items()
            for runner in several
        ],
        downs=list(common.downs.spans),
        counts=asdict(engine.counts),
        after=common.after.state(),
    )


def load_world(image: Image, common: Field) -> None:
    """Devices, points and their newest values into an empty world, every row where it was."""
    world = common.world
    world.sites = {site.code: site for site in image.sites}
    world.customers = {customer.code: customer for customer in image.customers}
    world.profiles = dict(image.profiles)
    for point in image.points:
        world.set_point(point)
    for held in image.spaces:
        space = world.space(held.kind)
        space.load(held.things, held.names, {name: array(one) for name, one in held.tables.items()})
    for device in image.devices:
        world.rows[device.id] = Row(world.spaces[device.kind], [])
        world.devices[device.id] = device
    for space in world.space_list:
        for index, thing in enumerate(space.things):
            row = world.rows[thing.device]
            if row.space is space:
                row.things.append(index)
    for device in image.devices:
        world.set_device(device)
    for last, start in image.downs:
        common.downs.add(last, start)
