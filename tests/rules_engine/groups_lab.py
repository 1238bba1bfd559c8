"""Sites with pressure sensors, areas with gas meters and a supply meter: a field for the tests of group rules."""

from collections.abc import Iterable, Sequence

from engine_lab import T0, Lab, S, bytes_of, run, same_after_restarts

from gateway.domain.alarm import Transition
from gateway.domain.device import Device, Point, PointKind, PointSpec, Site
from gateway.domain.reading import Quality, Reading, batch_of
from gateway.domain.record import DeviceSet, PointDefined, SiteSet, Tick
from rules.compiled import Names, Rule
from rules.format import load_text

SPECS = {
    "sensor": {
        "pressure": PointSpec("pressure", PointKind.GAUGE, "kPa", 60 * S),
        "battery": PointSpec("battery", PointKind.GAUGE, "V", 60 * S),
    },
    "user": {"volume": PointSpec("volume", PointKind.COUNTER, "m3", 3600 * S)},
    "supply": {"delivered": PointSpec("delivered", PointKind.COUNTER, "m3", 3600 * S)},
    "pile": {"gun_temp": PointSpec("gun_temp", PointKind.GAUGE, "degC", 60 * S, each=True)},
}
POINTS: dict[tuple[str, str, int], Point] = {}
for _kind, _specs in SPECS.items():
    for _spec in _specs.values():
        for _component in (1, 2) if _spec.each else (0,):
            POINTS[_kind, _spec.name, _component] = Point(
                100 + len(POINTS), _kind, _spec.name, _component, _spec.kind, _spec.unit, _spec.every
            )
KIND_OF = {name: kind for kind, specs in SPECS.items() for name in specs}


def group_rules(text: str) -> tuple[Rule, ...]:
    """Rules of a YAML list."""
    loaded = load_text(f"format: 1\nrules:\n{text}", "groups.yaml", Names(SPECS))
    assert not loaded.problems, [problem.render() for problem in loaded.problems]
    return loaded.rules


def group_rule(body: str, watch: str = "{kind: sensor, group: site}", rule_id: str = "g") -> Rule:
    """One rule: its keys below `watch`, indented by two spaces."""
    return group_rules(
        f"- id: {rule_id}\n  title: {{en: t, zh: 题}}\n  why: w\n  watch: {watch}\n{body}\n"
        "  then: {order: {type: emergency}}\n"
    )[0]


def sensor(number: int, site: str = "s1", kind: str = "sensor", **more: object) -> Device:
    """Device `number` of a site: `p1` is number 1."""
    return Device(number, f"p{number}", kind, kind, site=site, registered=T0, **more)  # type: ignore[arg-type]


def says(
    device: int, at: float, value: float, name: str = "pressure", *, component: int = 0, received: float | None = None
) -> Reading:
    """A reading `at` seconds after T0."""
    point = POINTS[KIND_OF[name], name, component].id
    quality = Quality.BAD if value != value else Quality.GOOD
    heard = T0 + round((at if received is None else received) * S)
    return Reading(device, point, T0 + round(at * S), value, quality, received=heard)


class GroupLab(Lab):
    """A lab with these points."""

    def __init__(
        self, rules: Iterable[Rule], devices: Iterable[Device], sites: Iterable[Site] = (), *, live: bool = True
    ) -> None:
        super().__init__([], [], [Site("s1"), Site("s2")], live=live)
        for site in sites:
            self.write(SiteSet(site))
        for point in POINTS.values():
            self.write(PointDefined("lab", point))
        for device in devices:
            self.write(DeviceSet(device))
        for one in rules:
            self.install(one)

    def tell(self, *readings: Reading) -> list[Transition]:
        """Each reading a message of its own, all in one batch."""
        at = max((one.received - T0) / S for one in readings)
        return self.write(batch_of([[one] for one in readings]), at)

    def tick(self, at: float) -> list[Transition]:
        """Engine time, seconds after T0."""
        return self.write(Tick(T0 + round(at * S)), at)

    def change(self, device: Device, at: float) -> list[Transition]:
        """The device list changed."""
        return self.write(DeviceSet(device), at)

    def same_everywhere(self, *, restarts: Sequence[int] | None = None) -> None:
        """The journal through columns and scalar, with a restart after every record: byte for byte."""
        live = bytes_of(self.got)
        assert bytes_of(run(self.records, scalar=True)) == live
        same_after_restarts(self.records, live, range(1, len(self.records)) if restarts is None else restarts)


def seen(transitions: Iterable[Transition]) -> list[tuple[str, str, float]]:
    """(change, group, seconds after T0)."""
    return [(one.change.value, one.thing.group, (one.at - T0) / S) for one in transitions]
