"""`series` and `readings` of a case: values with event and receive times, for the journal."""

from gateway.domain.device import PointKind
from gateway.domain.units import parse_unit
from rules.casetest.case_input import CaseInput, CaseReading
from rules.casetest.series import LIMIT, Item, StateText, parse_item, parse_series
from rules.casetest.things import find
from rules.engine.state.fleet import quantity

_NOT_POINTS = frozenset({"at", "received", "device"})


def add(
    inputs: CaseInput, name: str, item: Item, at: int, received: int, frame: int, where: str, default: str = ""
) -> None:
    """Add one value of a named point."""
    found = find(inputs, name, where, default)
    if item is None or found is None:
        return
    device, spec, component = found
    point = inputs.points[device.profile, spec.name, component]
    if isinstance(item, StateText):
        value = inputs.text_code(point, item.text) if spec.kind is PointKind.STATE else quantity(item.text, spec.unit)
        if value != value:
            inputs.wrong(where, "number", value=item.text, point=name, unit=spec.unit or "1")
            return
    elif spec.kind is PointKind.STATE and item == item:
        inputs.wrong(where, "state", value=item, point=name, example=spec.values[0] if spec.values else "idle")
        return
    else:
        value = parse_unit(inputs.unit(device, spec)).canonical(item)
    inputs.values.append(CaseReading(received, frame, at, device.id, point.id, value))


def series(inputs: CaseInput) -> None:
    """Add one value for each step of time."""
    data = inputs.case.data
    every: int | None = None
    if data.get("every") is not None:
        every = inputs.moment(data["every"], "every") - inputs.start
    frames: dict[tuple[int, str], int] = {}
    for name, text in inputs.table(data.get("series"), "series", "series: {gun_temp: 84 86*14}").items():
        where = f"series.{name}"
        found = find(inputs, str(name), where)
        if found is None:
            continue
        step = every if every is not None else found[1].every
        if step <= 0:
            inputs.wrong(where, "every", point=name)
            continue
        try:
            items = parse_series(text if isinstance(text, str) else f"{text}")
        except ValueError as flaw:
            inputs.wrong(where, "series", value=flaw)
            continue
        except OverflowError:
            inputs.wrong(where, "many", limit=LIMIT)
            continue
        for k, item in enumerate(items):
            at = inputs.start + k * step
            frame = frames.setdefault((at, found[0].code), len(frames))
            add(inputs, str(name), item, at, at, frame, where)


def readings(inputs: CaseInput) -> None:
    """Add values with explicit times."""
    frame = LIMIT  # after the series at the same instant
    for where, table in inputs.items(
        inputs.case.data.get("readings"), "readings", "readings: [{at: 0s, gun_temp: 86}]"
    ):
        frame += 1
        if "at" not in table:
            inputs.wrong(where, "missing", key="at", write="at: 60s")
            continue
        at = inputs.moment(table["at"], f"{where}.at")
        received = inputs.moment(table["received"], f"{where}.received") if "received" in table else at
        device = str(table.get("device") or "")
        if not table.keys() - _NOT_POINTS:
            inputs.wrong(where, "no_value")
        for name, value in table.items():
            if name in _NOT_POINTS:
                continue
            item: Item
            if isinstance(value, int | float) and not isinstance(value, bool):
                item = float(value)
            elif value in {"bad", "_"}:
                item = parse_item(str(value))
            else:
                item = StateText(str(value).strip("'"))
            add(inputs, name, item, at, received, frame, f"{where}.{name}", device)
