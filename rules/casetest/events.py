"""`events` of a case: what happens between readings."""

from collections.abc import Mapping

from rules.casetest.scene import Happening, Scene
from rules.casetest.things import CUSTOMER, SITE
from rules.compiled import Every
from rules.engine.world import quantity

KINDS = ("restart", "set", "edit", "unlatch", "exchange", "closed", "cycle", "site", "customer")
_EVENT = ("at", *KINDS, "device", "component", "group", "identity")
_TABLES = ("set", "edit", "exchange", "site", "customer")
_WRITE = "{at: 90s, restart: 30s}, " + ", ".join(KINDS[1:-1]) + f" or {KINDS[-1]}"


def events(scene: Scene) -> None:
    """All of them, in µs and canonical units."""
    for where, table in scene.items(scene.case.data.get("events"), "events", "events: [{at: 90s, restart: 30s}]"):
        scene.known(table, _EVENT, where)
        kinds = [key for key in KINDS if key in table]
        if "at" not in table or len(kinds) != 1:
            scene.wrong(where, "shape", value=dict(table), write=_WRITE)
            continue
        at, what = scene.moment(table["at"], f"{where}.at"), kinds[0]
        code = str(table.get("device") or next(iter(scene.devices)))
        if code not in scene.devices:
            scene.wrong(f"{where}.device", "device", name=code, known=", ".join(scene.devices))
            continue
        value = _value(scene, what, table[what], f"{where}.{what}")
        device = scene.devices[code]
        home = scene.home[device.id] if scene.rule.watch.each else 0
        component = scene.whole(table, "component", home, where)
        identity = table.get("identity") or []
        texts = tuple(map(str, identity)) if isinstance(identity, list) else (str(identity),)
        group = str(table.get("group") or "")
        if scene.rule.watch.group and what in {"unlatch", "closed"} and not group:
            scene.wrong(where, "missing", key="group", write="group: s1")
        scene.happenings.append(Happening(at, what, value, device.id, component, f"{where}.{what}", group, texts))


def _value(scene: Scene, what: str, value: object, where: str) -> object:
    """What an event carries, checked."""
    if what == "restart":
        return scene.moment(value, where) - scene.start
    if what in _TABLES:
        found = scene.table(value, where, f"{what}: {{attrs: {{temp_trip: 90 degC}}}}")
        if what in {"site", "customer"}:
            return _named(scene, what, found, where)
        return found
    if what == "cycle":
        return _reading(scene, value, where)
    if value is not True:
        scene.wrong(where, "shape", value=value, write=f"{what}: true")
    return value


def _named(scene: Scene, what: str, table: Mapping[str, object], where: str) -> Mapping[str, object]:
    """`site: {s1: {attrs: {..}}}`: each must exist."""
    known = scene.sites if what == "site" else scene.customers
    for code, changes in table.items():
        if code not in known:
            scene.wrong(f"{where}.{code}", what, name=code, known=", ".join(known))
        inside = scene.table(changes, f"{where}.{code}", "{attrs: {p_min: 1.6 kPa}}")
        scene.known(inside, SITE if what == "site" else CUSTOMER, f"{where}.{code}")
    return table


def _reading(scene: Scene, value: object, where: str) -> float:
    """The counter at which a cycle was completed, canonical."""
    condition = scene.rule.condition
    spec = None
    if isinstance(condition, Every):
        kinds = (scene.tests.vocabulary.get(kind, {}) for kind in scene.rule.watch.kinds)
        spec = next((points[condition.point] for points in kinds if condition.point in points), None)
    if spec is None:
        scene.wrong(where, "cycle", value=value)
        return 0.0
    text = str(value) if isinstance(value, str) else f"{value} {spec.unit}".strip()
    number = quantity(text, spec.unit)
    if isinstance(value, bool) or number != number:
        scene.wrong(where, "number", value=value, point=spec.name, unit=spec.unit or "1")
        return 0.0
    return number
