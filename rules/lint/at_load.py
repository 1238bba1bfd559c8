"""What raises the moment the rule is in force, of things that were so all along."""

from collections.abc import Iterator
from datetime import date, timedelta

from gateway.domain.device import Device
from gateway.domain.duration import DAY
from rules.compiled import Due, Silence
from rules.lint.finding import Finding, Severity
from rules.lint.fleet import Fleet
from rules.lint.subject import Around, Subject

SHOWN = 3


def at_load(subject: Subject, around: Around) -> Iterator[Finding]:
    """Silence of devices that never spoke, points no device has, dates that are past."""
    lists = around.fleet
    if lists is None or subject.alone or subject.rule.mode == "off":
        return
    devices = lists.watched(subject.rule)
    yield from _silence(subject, lists, devices, around)
    yield from _dates(subject, lists, devices, around)


def _silence(subject: Subject, lists: Fleet, devices: tuple[Device, ...], around: Around) -> Iterator[Finding]:
    condition = subject.rule.condition
    if not isinstance(condition, Silence):
        return
    needed = all if condition.all_of else any
    mute = [
        device for device in devices
        if not needed(any(lists.world.spec(device.profile, name, k) for k in (0, 1)) for name in condition.points)
    ]  # fmt: skip
    names = ", ".join(condition.points)
    if mute:
        yield subject.find(
            "silent-without-point", "silent", points=names, count=len(mute), devices=_shown(mute),
            write=f"watch: {{kind: {mute[0].kind}, where: \"profile != '{mute[0].profile}'\"}}",
        )  # fmt: skip
    if around.seen is None:
        return
    seen = around.seen
    never = [
        device for device in devices
        if device not in mute and not needed((device.id, name) in seen for name in condition.points)
    ]  # fmt: skip
    if never:
        yield subject.find(
            "silent-at-load", "silent", points=names, count=len(never), devices=_shown(never), severity=Severity.INFO
        )


def _dates(subject: Subject, lists: Fleet, devices: tuple[Device, ...], around: Around) -> Iterator[Finding]:
    condition = subject.rule.condition
    if not isinstance(condition, Due) or around.today is None:
        return
    last = timedelta(days=condition.stages[-1][1] // DAY)
    past: list[Device] = []
    for device in devices:
        told = next((attrs[condition.date] for _, attrs in lists.world.owners(device) if condition.date in attrs), "")
        try:
            day = date.fromisoformat(str(told)[:10])
        except ValueError:
            continue
        if day + last < around.today:
            past.append(device)
    if past:
        yield subject.find("due-at-load", "due.date", date=condition.date, count=len(past), devices=_shown(past))


def _shown(devices: list[Device]) -> str:
    return ", ".join(device.code for device in devices[:SHOWN])
