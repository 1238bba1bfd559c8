"""A small field for the checks of rule files: one charger, one meter, two sensors of a site."""

from datetime import date
from typing import Any

from gateway.domain.device import CounterModel, Customer, Device, Plausible, Point, PointKind, PointSpec, Site
from gateway.domain.duration import DAY, HOUR, SECOND
from gateway.domain.workdays import WorkCalendar
from rules.compiled import Names
from rules.format import load_text
from rules.lint import CheckedFile, Lint, LintContext, LintFinding, RuleInventory, inventory_of, is_alone, lint

S = SECOND
POINTS = {
    "charger": {
        "temp": PointSpec("temp", PointKind.GAUGE, "degC", 10 * S, plausible=Plausible(-40, 200)),
        "mode": PointSpec("mode", PointKind.STATE, "", 10 * S, values=("idle", "charging", "fault")),
        "code": PointSpec("code", PointKind.STATE, "", 10 * S, values=("none",)),
        "jolt": PointSpec("jolt", PointKind.GAUGE, "", 0),
        "door": PointSpec("door", PointKind.STATE, "", 0, values=("shut", "open")),
        "energy": PointSpec("energy", PointKind.COUNTER, "kWh", 10 * S, counter=CounterModel()),
    },
    "meter": {
        "volume": PointSpec("volume", PointKind.COUNTER, "m3", HOUR),
        "flow": PointSpec("flow", PointKind.GAUGE, "m3/h", HOUR),
    },
    "pump": {"run_hours": PointSpec("run_hours", PointKind.COUNTER, "h", HOUR)},
    "sensor": {"pressure": PointSpec("pressure", PointKind.GAUGE, "kPa", 10 * S)},
}
NAMES = Names(POINTS, calendar=WorkCalendar("cn", (2026, 2027), provisional=(2027,)))
DEFINED = [
    Point(number, kind, spec.name, kind=spec.kind, unit=spec.unit, every=spec.every, values=spec.values)
    for number, (kind, spec) in enumerate(((k, s) for k, specs in POINTS.items() for s in specs.values()), 1)
]
TEST = "  test: [{say: it raises, series: {temp: '20 90*9'}, expect: [{at: 10s, is: raised}]}]\n"


def lists(*devices: Device) -> RuleInventory:
    """An installation: by default a charger, a meter, and two sensors at one site."""
    mine = devices or (
        Device(1, "C1", "charger", "charger", site="s1", attrs={"trip": 90.0}),
        Device(2, "M1", "meter", "meter", site="s1"),
        Device(3, "P1", "sensor", "sensor", site="s1"),
        Device(4, "P2", "sensor", "sensor", site="s1"),
    )
    return inventory_of([Site("s1")], [Customer("c1")], mine, DEFINED)


NOW = 1_790_000_000 * SECOND
ALL = {(number, name): NOW for number in range(9) for specs in POINTS.values() for name in specs}
"""Of every device every point was heard a moment ago."""


def heard(device: int, point: str, ago: int | None) -> dict[tuple[int, str], int]:
    """All, but one point of one device so long ago (µs), or never."""
    others = {key: at for key, at in ALL.items() if key != (device, point)}
    return others if ago is None else others | {(device, point): NOW - ago}


def around(**more: Any) -> LintContext:
    """Everything is known and in order."""
    known: dict[str, Any] = {"inventory": lists(), "retention": 365 * DAY, "seen": ALL, "today": date(2026, 5, 1)}
    return LintContext(**(known | more))


def rule(body: str, watch: str = "{kind: charger}", rule_id: str = "r", test: str = TEST, order: str = "") -> str:
    """One rule as text: its keys below `watch`, indented by two spaces."""
    then = order or "  then: {order: {type: repair, sla: s}}"
    return f"- id: {rule_id}\n  title: {{en: t, zh: 题}}\n  why: w\n  watch: {watch}\n{body.rstrip()}\n{then}\n{test}"


def checked(*rules: str, head: str = "", file: str = "lab.yaml") -> CheckedFile:
    """A file of these rules, which loads."""
    text = f"format: 1\n{head}rules:\n" + "".join(rules)
    loaded = load_text(text, file, NAMES)
    assert not loaded.problems, [problem.render() for problem in loaded.problems]
    return CheckedFile(loaded, text, is_alone(text))


def look(*rules: str, head: str = "", **more: Any) -> Lint:
    """What the checks say of a file of these rules."""
    return lint([checked(*rules, head=head)], around(**more))


def codes(found: Lint) -> list[str]:
    """The codes of the findings."""
    return [one.code for one in found.findings]


def only(found: Lint, code: str) -> LintFinding:
    """The one finding of this code."""
    [one] = [one for one in found.findings if one.code == code]
    return one
