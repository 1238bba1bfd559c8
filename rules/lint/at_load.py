"""What raises the moment the rule is in force, of things that were so all along."""

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
    """`at` (device, point) -> newest time µs; `newest` of all of them: what is older fell silent while others spoke."""

    at: Mapping[tuple[int, str], int]
    newest: int

    def older(self, at: int, limit: int | None) -> bool:
        """Was it never heard, or longer than `limit` µs before the newest of all?"""
        return at == NEVER or (limit is not None and self.newest - at > limit)


@dataclass(frozen=True, slots=True)
class RuleAtLoad:
    """A rule as it comes into force: the lists, the devices in service that it watches, what was heard so far (None =
    not known)."""

    lists: RuleInventory
    devices: Sequence[Device]
    newest: NewestReadings | None


def rule_at_load(subject: Subject, context: LintContext) -> RuleAtLoad | None:
    """None: without lists, or of a rule that is never in force there."""
    lists = context.fleet
    if lists is None or subject.stand_alone or subject.rule.mode == "off":
        return None
    newest = None if context.seen is None else NewestReadings(context.seen, max(context.seen.values(), default=NEVER))
    return RuleAtLoad(lists, lists.watched(subject.rule), newest)


def at_load(subject: Subject, around: LintContext) -> Iterator[LintFinding]:
    """`age(x) > c` alone, of devices whose x is that old already. One that never came has no age."""
    now = rule_at_load(subject, around)
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
                    "age-at-load", one.path, points=match["point"], count=len(old), devices=shown(old),
                    longer=format_duration(limit),
                )  # fmt: skip


def shown(devices: Sequence[Device]) -> str:
    """The codes of a few of them."""
    return ", ".join(device.code for device in devices[:SHOWN])
