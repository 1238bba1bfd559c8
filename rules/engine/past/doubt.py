"""Groups whose past is in doubt: one of their members was late, or a tick decided without it."""

from collections.abc import Mapping, Sequence

from rules.compiled import Rule
from rules.engine.book import RuleBook
from rules.engine.emit import Made
from rules.engine.past.horizon import horizon
from rules.engine.past.requests import Requests
from rules.engine.space import LONG_AGO
from rules.engine.world import World


def span(world: World, rule: Rule) -> int:
    """How far back the rule looks from a moment, µs; NEVER = to the beginning."""
    every = max((point.every for point in world.points.values() if point.name in rule.points), default=0)
    return horizon(rule, every)


def ask_groups(book: RuleBook, world: World, requests: Requests, seq: int, found: Mapping[int, int]) -> None:
    """What was decided about these devices at or after so many µs is in doubt: so are the groups that asked them."""
    for rule, groups in book.groups.items():
        doubts: dict[int, int] = {}
        for device, since in found.items():
            for row in groups.of_device(device):
                doubts[row] = min(since, doubts.get(row, since))
        if not doubts:
            continue
        reach = span(world, groups.rule)
        for row, since in sorted(doubts.items()):
            subject = rule, groups.space.things[row].group
            if not requests.holds(subject, since):
                requests.ask(seq, subject, since, reach, groups.devices(row))


def unheard(book: RuleBook, world: World, made: Made) -> Sequence[int]:
    """The devices whose readings from before this change may still come."""
    if made.thing.device:
        return (made.thing.device,)
    groups = book.groups[made.rule.id]
    return [
        device for device in groups.devices(groups.rows[made.thing.group])
        if LONG_AGO < max(world.rows[device].space.newest[world.rows[device].things].tolist()) <= made.at
    ]  # fmt: skip
