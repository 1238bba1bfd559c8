"""Checks of a rule's watch against the lists of the installation and the points received so far."""

from collections import Counter
from collections.abc import Iterator, Sequence

from gateway.domain.device import Device, Life
from rules.compiled import PeerStat, SlotKind
from rules.compiled.reads import expressions, points
from rules.engine.state.fleet import name_of
from rules.lint.finding import LintFinding, Severity
from rules.lint.inventory import RuleInventory
from rules.lint.subject import LintContext, Subject

SHOWN = 3


def watching(subject: Subject, context: LintContext) -> Iterator[LintFinding]:
    """Check devices, points, attributes, groups."""
    rule, inventory = subject.rule, context.inventory
    if inventory is None or subject.stand_alone or rule.mode == "off":
        return
    devices = inventory.watched(rule)
    if not devices:
        kinds, where = ", ".join(rule.watch.kinds), rule.watch.where_text or "-"
        every = inventory.fleet.devices.values()
        others = sorted({device.kind for device in every if device.life is Life.IN_SERVICE})
        same = [device for device in every if device.kind in rule.watch.kinds]
        planned = any(device.life is Life.PLANNED for device in same)  # the rule waits for devices
        yield subject.find(
            "no-device",
            "watch",
            kinds=kinds,
            where=where,
            known=", ".join(others) or "-",
            count=len(same),
            write="" if planned else "mode: off",
            severity=Severity.INFO if planned else None,
        )
        return
    yield from _points(subject, inventory, devices, context)
    yield from _attributes(subject, inventory, devices)
    yield from _quorum(subject, inventory)
    yield from _peers(subject, inventory)


def _points(
    subject: Subject, inventory: RuleInventory, devices: Sequence[Device], context: LintContext
) -> Iterator[LintFinding]:
    world, lacking = inventory.fleet, list[str]()
    profiles = {device.profile for device in devices}
    for point in sorted(points(subject.rule)):
        with_it = {name for name in profiles if any(world.spec(name, point, component) for component in (0, 1))}
        without = sorted(profiles - with_it)
        if with_it and without:
            lacking.append(f"{point}: {', '.join(without[:SHOWN])}")
        if context.seen is None or any((d.id, point) in context.seen for d in devices if d.profile in with_it):
            continue
        if having := [device for device in devices if device.profile in with_it]:
            shown = ", ".join(device.code for device in having[:SHOWN])
            yield subject.find("point-never-seen", "watch", name=point, count=len(having), devices=shown)
    if lacking:
        yield subject.find("point-not-everywhere", "watch", points="; ".join(lacking))


def _attributes(subject: Subject, inventory: RuleInventory, devices: Sequence[Device]) -> Iterator[LintFinding]:
    """Check for attributes without a default that no device has: the condition is unknown for ever."""
    required = dict(subject.rule.condition.attributes())
    for expression in expressions(subject.rule):
        for slot in expression.slots:
            nothing = slot.kind is SlotKind.ATTR and slot.default != slot.default
            if nothing or slot.kind in {SlotKind.ATTR_TEXT, SlotKind.ATTR_PART}:
                required.setdefault(slot.name, "when")
    for name, place in required.items():
        if not any(name in attrs for device in devices for _, attrs in inventory.fleet.owners(device)):
            yield subject.find("attribute-nowhere", place, name=name, count=len(devices))


def _quorum(subject: Subject, inventory: RuleInventory) -> Iterator[LintFinding]:
    if not subject.rule.watch.group:
        return
    for quorum in subject.rule.quorums:
        components = quorum.components and (quorum.each or subject.rule.watch.each)
        largest = max(inventory.groups(subject.rule, components=components).values(), default=0)
        if quorum.at_least is not None and largest and quorum.at_least > largest:
            yield subject.find(
                "quorum-unreachable",
                "when",
                need=quorum.at_least,
                most=largest,
                group=subject.rule.watch.group,
                write=f"at_least: {largest}",
            )


def _peers(subject: Subject, inventory: RuleInventory) -> Iterator[LintFinding]:
    """Check for devices without peers: the value is unknown for ever."""
    rule, world = subject.rule, inventory.fleet
    for signal in rule.signals:
        if not isinstance(signal, PeerStat):
            continue
        beside = Counter(
            (kind, name)
            for kind in rule.watch.kinds
            for row in inventory.rows(rule, kind)
            if (device := world.devices[world.space(kind).things[row].device]).life is Life.IN_SERVICE
            and (name := name_of(world.facts(device).get(signal.by)))
        )
        if max(beside.values(), default=0) < 2:
            yield subject.find("peers-alone", f"let.{signal.name}", name=signal.name, by=signal.by)
