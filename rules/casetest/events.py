"""`events` of a case: changes between readings."""

from collections.abc import Mapping

from gateway.domain.device import Device, PointKind
from gateway.domain.record import MeterExchanged
from gateway.domain.units import parse_unit
from rules.casetest.case_input import CaseEvent, CaseInput, CycleWork
from rules.casetest.things import CUSTOMER, SITE, component_of, find
from rules.engine.state.fleet import quantity

KINDS = ("restart", "set", "edit", "unlatch", "exchange", "closed", "cycle", "site", "customer")
_EVENT = ("at", *KINDS, "done", "device", "component", "group", "identity")
_OF_COMPONENTS = ("unlatch", "closed", "cycle")
_TABLES = ("set", "edit", "exchange", "site", "customer")
_EXCHANGE = frozenset({"start", "final", "at", "undone"})
_WRITE = "{at: 90s, restart: 30s}, " + ", ".join(KINDS[1:-1]) + f" or {KINDS[-1]}"


def events(inputs: CaseInput) -> None:
    """All of them, in µs and canonical units."""
    for where, table in inputs.items(inputs.case.data.get("events"), "events", "events: [{at: 90s, restart: 30s}]"):
        inputs.known(table, _EVENT, where)
        kinds = [key for key in KINDS if key in table]
        if "at" not in table or len(kinds) != 1:
            inputs.wrong(where, "shape", value=dict(table), write=_WRITE)
            continue
        at, what = inputs.moment(table["at"], f"{where}.at"), kinds[0]
        thing = component_of(inputs, str(table.get("device") or ""), f"{where}.device")
        if thing is None:
            continue
        device, named = thing
        if named is not None and (what not in _OF_COMPONENTS or "component" in table):
            inputs.wrong(f"{where}.device", "shape", value=table["device"], write=f"device: {device.code}")
        value = _value(inputs, device, what, table[what], at, f"{where}.{what}")
        if "done" in table:
            if what != "cycle":
                inputs.wrong(f"{where}.done", "done", what=what)
            value = CycleWork(
                value.reading if isinstance(value, CycleWork) else None, inputs.moment(table["done"], f"{where}.done")
            )
        home = inputs.home[device.id] if inputs.rule.watch.each else 0
        component = inputs.whole(table, "component", home, where) if named is None else named
        identity = table.get("identity") or []
        texts = tuple(map(str, identity)) if isinstance(identity, list) else (str(identity),)
        group = str(table.get("group") or "")
        if inputs.rule.watch.group and what in {"unlatch", "closed"} and not group:
            inputs.wrong(where, "missing", key="group", write="group: s1")
        inputs.events.append(CaseEvent(at, what, value, device.id, component, f"{where}.{what}", group, texts))


def _value(inputs: CaseInput, device: Device, what: str, value: object, at: int, where: str) -> object:
    """Value of an event, checked."""
    if what == "restart":
        return inputs.moment(value, where) - inputs.start
    if what in _TABLES:
        found = inputs.table(value, where, f"{what}: {{attrs: {{temp_trip: 90 degC}}}}")
        if what in {"site", "customer"}:
            return _named(inputs, what, found, where)
        if what == "exchange":
            return _exchanges(inputs, device, found, at, where)
        return found
    if what == "cycle":
        return CycleWork(_reading(inputs, value, where))
    if value is not True:
        inputs.wrong(where, "shape", value=value, write=f"{what}: true")
    return value


def _named(inputs: CaseInput, what: str, table: Mapping[str, object], where: str) -> Mapping[str, object]:
    """`site: {s1: {attrs: {..}}}`; each name must exist."""
    known = inputs.sites if what == "site" else inputs.customers
    for code, changes in table.items():
        if code not in known:
            inputs.wrong(f"{where}.{code}", what, name=code, known=", ".join(known))
        inside = inputs.table(changes, f"{where}.{code}", "{attrs: {p_min: 1.6 kPa}}")
        inputs.known(inside, SITE if what == "site" else CUSTOMER, f"{where}.{code}")
    return table


def _exchanges(
    inputs: CaseInput, device: Device, table: Mapping[str, object], at: int, where: str
) -> tuple[MeterExchanged, ...]:
    """`exchange: {volume_total: 0}`: the first reading of the new meter; or `{start: 0, final: 12, at: 1h}` with the
    last one of the old meter, and when it was; `undone: true`: there was none."""
    out: list[MeterExchanged] = []
    for name, value in table.items():
        found = find(inputs, name, f"{where}.{name}", device.code)
        if found is None:
            continue
        owner, spec, component = found
        fields: Mapping[str, object] = value if isinstance(value, Mapping) else {"start": value}
        numbers = [fields.get("start", 0), fields.get("final", 0)]
        wrong = owner is not device or spec.kind is not PointKind.COUNTER or not {*fields} <= _EXCHANGE
        if wrong or not all(map(_is_number, numbers)) or fields.get("undone", False) not in (True, False):
            inputs.wrong(f"{where}.{name}", "shape", value=value, write="exchange: {volume_total: 0}")
            continue
        unit, point = parse_unit(inputs.unit(device, spec)), inputs.points[device.profile, spec.name, component].id
        start, final = (unit.canonical(float(str(one))) for one in numbers)
        when = inputs.moment(fields["at"], f"{where}.{name}.at") if "at" in fields else at
        out.append(
            MeterExchanged(
                device.id,
                point,
                when,
                start,
                final=final if "final" in fields else None,
                undone=fields.get("undone") is True,
            )
        )
    return tuple(out)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _reading(inputs: CaseInput, value: object, where: str) -> float | None:
    """Counter at which a cycle was completed, canonical; None for `true`: its present value."""
    condition = inputs.rule.condition
    if value is True and condition.plan:
        return None
    spec = None
    if point := condition.cycle_point():
        kinds = (inputs.tests.vocabulary.get(kind, {}) for kind in inputs.rule.watch.kinds)
        spec = next((points[point] for points in kinds if point in points), None)
    if spec is None:
        inputs.wrong(where, "cycle", value=value)
        return 0.0
    text = str(value) if isinstance(value, str) else f"{value} {spec.unit}".strip()
    number = quantity(text, spec.unit)
    if isinstance(value, bool) or number != number:
        inputs.wrong(where, "number", value=value, point=spec.name, unit=spec.unit or "1")
        return 0.0
    return number
