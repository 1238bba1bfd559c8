"""What raises the moment the rule is in force, of things that were so all along."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.domain.device import Device
from gateway.domain.duration import DAY, HOUR, format_duration, from_us
from rules.compiled import Due, Every, Silence
from rules.engine.state.calendar import later
from rules.lint.comparisons import UP, alternatives, atom
from rules.lint.finding import LintFinding
from rules.lint.inventory import RuleInventory
from rules.lint.predicates import predicates
from rules.lint.subject import Around, Subject

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


def at_load(subject: Subject, around: Around) -> Iterator[LintFinding]:
    """Silence of devices that never spoke, points no device has, dates and terms that are past."""
    lists = around.fleet
    if lists is None or subject.alone or subject.rule.mode == "off":
        return
    devices = lists.watched(subject.rule)
    heard = None if around.seen is None else NewestReadings(around.seen, max(around.seen.values(), default=NEVER))
    if isinstance(subject.rule.condition, Silence):
        yield from _silence(subject, subject.rule.condition, lists, devices, heard)
    if heard is not None:
        yield from _ages(subject, devices, heard)
    if isinstance(subject.rule.condition, Due) and around.today is not None:
        yield from _dates(subject, subject.rule.condition, lists, devices, around.today)
    if isinstance(subject.rule.condition, Every) and around.today is not None:
        yield from _terms(subject, subject.rule.condition, devices, around.today)


def _silence(
    subject: Subject, condition: Silence, lists: RuleInventory, devices: Sequence[Device], heard: NewestReadings | None
) -> Iterator[LintFinding]:
    needed, last = (all, min) if condition.all_of else (any, max)
    names = ", ".join(condition.points)
    having = {
        profile
        for profile in {device.profile for device in devices}
        if needed(any(lists.world.spec(profile, name, k) for k in (0, 1)) for name in condition.points)
    }
    if mute := [device for device in devices if device.profile not in having]:
        yield subject.find(
            "silent-without-point", "silent", points=names, count=len(mute), devices=_shown(mute),
            write=f"watch: {{kind: {mute[0].kind}, where: \"profile != '{mute[0].profile}'\"}}",
        )  # fmt: skip
    if heard is None:
        return
    limit = condition.longer_than if isinstance(condition.longer_than, int) else None
    quiet = [
        device for device in devices
        if device.profile in having
        and heard.older(last(heard.at.get((device.id, name), NEVER) for name in condition.points), limit)
    ]  # fmt: skip
    if quiet:
        yield subject.find("silent-at-load", "silent", points=names, count=len(quiet), devices=_shown(quiet))


def _ages(subject: Subject, devices: Sequence[Device], heard: NewestReadings) -> Iterator[LintFinding]:
    """`age(x) > c` alone, of devices whose x is that old already. One that never came has no age."""
    for one in predicates(subject):
        for parts in alternatives(one.written) if one.raises else ():
            found = atom(parts[0]) if len(parts) == 1 else None
            match = _AGE.fullmatch(found.name) if found is not None else None
            if found is None or match is None or found.operator not in UP or found.value is None:
                continue
            limit, known = round(found.value * HOUR), ((device, match["point"]) for device in devices)
            old = [one for one, name in known if heard.older(heard.at.get((one.id, name), heard.newest), limit)]
            if old:
                yield subject.find(
                    "age-at-load", one.path, points=match["point"], count=len(old), devices=_shown(old),
                    longer=format_duration(limit),
                )  # fmt: skip


def _dates(
    subject: Subject, condition: Due, lists: RuleInventory, devices: Sequence[Device], today: date
) -> Iterator[LintFinding]:
    last = timedelta(days=condition.stages[-1][1] // DAY)
    past: list[Device] = []
    for device in devices:
        told = next((attrs[condition.date] for _, attrs in lists.world.owners(device) if condition.date in attrs), "")
        try:
            day = date.fromisoformat(str(told)[:10])
        except ValueError:
            continue
        if day + last < today:
            past.append(device)
    if past:
        yield subject.find("due-at-load", "due.date", date=condition.date, count=len(past), devices=_shown(past))


def _terms(subject: Subject, condition: Every, devices: Sequence[Device], today: date) -> Iterator[LintFinding]:
    """Registered longer ago than the term: what was done before this gateway is not known."""
    after = condition.or_after
    known = [device for device in devices if device.registered]
    past = [one for one in known if after and later(from_us(one.registered).date(), after) < today]
    if past:
        yield subject.find("term-at-load", "every.or_after", count=len(past), devices=_shown(past))


def _shown(devices: Sequence[Device]) -> str:
    return ", ".join(device.code for device in devices[:SHOWN])
