"""Checks of a rule that would raise as soon as it is in force, for conditions that have long been true."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.device import Device
from gateway.domain.duration import HOUR, format_duration
from rules.lint.comparisons import UP, alternatives, atom
from rules.lint.finding import LintFinding
from rules.lint.inventory import RuleInventory
from rules.lint.predicates import predicates
from rules.lint.subject import LintContext, Subject

SHOWN = 3
NEVER = -(2**62)
_AGE = re.compile(r"age\((?P<point>\w+)\)")


@dataclass(frozen=True, slots=True)
class NewestReadings:
    """`at` (device, point) -> newest time µs; `newest` of all of them: an older device is silent while others send."""

    at: Mapping[tuple[int, str], int]
    newest: int

    def older(self, at: int, limit: int | None) -> bool:
        """True if there is no reading, or it is more than `limit` µs older than the newest of all."""
        return at == NEVER or (limit is not None and self.newest - at > limit)


@dataclass(frozen=True, slots=True)
class RuleAtLoad:
    """Data for a rule that comes into force: the lists, the devices in service that it watches, the newest readings
    (None = not known)."""

    inventory: RuleInventory
    devices: Sequence[Device]
    newest: NewestReadings | None


def rule_at_load(subject: Subject, context: LintContext) -> RuleAtLoad | None:
    """Data for the check; None without lists, or if the rule is never in force there."""
    inventory = context.inventory
    if inventory is None or subject.stand_alone or subject.rule.mode == "off":
        return None
    newest = None if context.seen is None else NewestReadings(context.seen, max(context.seen.values(), default=NEVER))
    return RuleAtLoad(inventory, inventory.watched(subject.rule), newest)


def at_load(subject: Subject, context: LintContext) -> Iterator[LintFinding]:
    """Check `age(x) > c` alone, for devices whose x is already that old. A device without x has no age."""
    now = rule_at_load(subject, context)
    if now is not None and now.newest is not None:
        yield from _ages(subject, now.devices, now.newest)


def _ages(subject: Subject, devices: Sequence[Device], newest: NewestReadings) -> Iterator[LintFinding]:
    for one in predicates(subject):
        for parts in alternatives(one.written) if one.raises else ():
            found = atom(parts[0]) if len(parts) == 1 else None
            match = _AGE.fullmatch(found.name) if found is not None else None
            if found is None or match is None or found.operator not in UP or found.value is None:
                continue
            limit, known = round(found.value * HOUR), ((device, match["point"]) for device in devices)
            old = [one for one, name in known if newest.older(newest.at.get((one.id, name), newest.newest), limit)]
            if old:
                yield subject.find(
                    "age-at-load",
                    one.path,
                    points=match["point"],
                    count=len(old),
                    devices=shown(old),
                    longer=format_duration(limit),
                )


def shown(devices: Sequence[Device]) -> str:
    """Codes of the first few devices."""
    return ", ".join(device.code for device in devices[:SHOWN])
