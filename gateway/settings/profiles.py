"""`profiles/*.yaml` -> `Profile`: the points of a device model in canonical units, its register map kept raw.

A point may be declared in any unit (`Wh`); it is stored in the canonical one (`kWh`), and the numbers beside the
unit (`plausible`, `counter`) are converted with it. `missing` holds raw values and stays as written.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec.structs import replace
from pydantic import Field, ValidationError, create_model

from gateway.adapters import SOURCES
from gateway.domain.device import AsSent, CounterModel, Plausible, PointKind, PointSpec, Profile
from gateway.domain.device_command.definition import CommandDefinition
from gateway.domain.duration import DAY
from gateway.domain.errors import Problem
from gateway.domain.units import DIMENSIONLESS, Unit, UnitError, canonical_symbol, parse_unit
from gateway.section import Duration, Section
from gateway.settings.profile_commands import CommandModel, PlainCommand, definitions
from gateway.settings.quantity import parse_quantity
from gateway.settings.title import TitleModel
from gateway.settings.validation_messages import problems_of
from gateway.settings.yaml_document import Document, Place, read_document, yaml_files
from rules.expr.tokens import KEYWORDS

_WORD = r"^[A-Za-z][A-Za-z0-9_]*$"
_RESERVED = KEYWORDS | {"unknown"}
Number = float | str
"""A number in the unit of the point, or a text with its own unit: `-40 degF`."""


class PlausibleModel(Section):
    """Limits of plausible readings; a reading outside is marked uncertain, never deleted."""

    min: Number | None = None
    max: Number | None = None
    max_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Largest change per second, in the unit of the point."""
    max_fall: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Largest fall of a gauge per second, if it differs from `max_rate`."""
    max_step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Largest change from the reading before, however long ago."""
    spike: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """A reading that differs by more than this from the ones before and after it, which agree, is marked afterwards."""
    stuck_after: Duration = 0
    falls: Literal["normal", "abnormal"] = "normal"
    """`abnormal`: a counter that falls is doubted until its new level is believed."""
    relearn: int = Field(default=3, ge=1, le=1000)
    """Number of abnormal readings in a row that agree with each other; then their level is believed."""


class CounterSection(Section):
    """Model of a counter's falls (RULES section 4)."""

    rollover: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    reset: Literal["swap", "restart"] = "swap"
    resolution: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class PointModel(Section):
    """One point as declared in the file."""

    title: TitleModel = TitleModel()
    kind: PointKind = PointKind.GAUGE
    unit: str = ""
    every: Duration = Field(default=0, ge=0)
    each: bool = False
    on_device: str = ""
    """Point of the device itself for readings of connector 0, as in OCPP."""
    values: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = Field(default=(), max_length=256)
    texts: dict[Annotated[str, Field(min_length=1, max_length=64)], TitleModel] = Field(default={}, max_length=256)
    """Display names of its values, for sentences about alarms."""
    missing: tuple[float | str, ...] = ()
    plausible: PlausibleModel = PlausibleModel()
    counter: CounterSection | None = None
    retain: Duration | None = Field(default=None, ge=DAY)
    """Age at which readings are deleted, if shorter than `series.retention`: positions of vehicles."""
    revision: int = Field(default=1, ge=1)


class PlainProfile(Section):
    """A profile file without the sections that belong to adapters."""

    id: str = Field(default="", max_length=120, pattern=r"^[A-Za-z0-9_.@-]*$")
    kind: str = Field(pattern=_WORD, max_length=60, examples=["charger"])
    revision: int = Field(default=1, ge=1)
    vendor: str = ""
    model: str = ""
    source: str = ""
    components: int = Field(default=0, ge=0, le=64)
    points: dict[Annotated[str, Field(pattern=_WORD, max_length=60)], PointModel] = Field(
        min_length=1, examples=["{gun_temp: {unit: degC, every: 10s}}"]
    )


SECTIONS = tuple(one.profile_map.section for one in SOURCES.values() if one.profile_map is not None)
"""Keys of a profile file that belong to an adapter, which checks them itself: `modbus`."""
_Commands = dict[Annotated[str, Field(pattern=_WORD, max_length=60)], CommandModel]  # type: ignore[valid-type]
ProfileModel: type[PlainProfile] = create_model(
    "ProfileModel",
    __base__=PlainProfile,
    commands=(_Commands, Field(default={}, max_length=64)),
    **dict.fromkeys(SECTIONS, (dict[str, Any] | None, None)),
)  # type: ignore[call-overload]
"""A whole profile file."""


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A profile with additional data for adapters: `declared` are the units as written, `on_device` the points for
    connector 0, `sections` the raw sections of adapters by name (`modbus`); `commands` by name, and `sending`: name ->
    adapter -> its raw section."""

    profile: Profile
    file: str
    declared: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    document: Document | None = field(default=None, compare=False, repr=False)
    on_device: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, CommandDefinition] = field(default_factory=dict)
    sending: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    def as_sent(self) -> dict[str, AsSent]:
        """Format in which devices send each point, by its name."""
        return {
            spec.name: AsSent(
                self.declared.get(spec.name, ""), spec.missing, spec.values, self.on_device.get(spec.name, "")
            )
            for spec in self.profile.points
        }


def load_profiles(folder: Path) -> tuple[dict[str, LoadedProfile], list[Problem]]:
    """Every profile of a folder and its sub-folders by its id, and every problem of every file."""
    loaded: dict[str, LoadedProfile] = {}
    problems: list[Problem] = []
    if not folder.is_dir():
        return {}, [Problem(str(folder), "", "config.folder.missing", {"value": str(folder)})]
    for path in yaml_files(folder):
        one, wrong = load_profile(path)
        problems += wrong
        if one is None:
            continue
        if (first := loaded.get(one.profile.id)) is not None:
            fields = {"value": one.profile.id, "first": first.file}
            problems.append(Problem(str(path), "id", "config.profile.twice", fields))
            continue
        loaded[one.profile.id] = one
    return loaded, problems


def load_profile(path: Path) -> tuple[LoadedProfile | None, list[Problem]]:
    """One profile file; None when it has problems."""
    document = read_document(path)
    if document.problems:
        return None, document.problems
    try:
        model = ProfileModel.model_validate(document.value)
    except ValidationError as error:
        return None, problems_of(error, document, ProfileModel)
    sendable: dict[str, PlainCommand] = getattr(model, "commands", {})
    specs = [_spec(document, name, point) for name, point in model.points.items()]
    if not document.problems:  # unknown units would differ, too
        _on_device(document, {spec.name: spec for spec in specs}, model)
        commands = definitions(
            document, sendable, {spec.name: spec for spec in specs}, {n: p.unit for n, p in model.points.items()}
        )
    if document.problems:
        return None, document.problems
    profile = Profile(
        id=model.id or path.stem,
        kind=model.kind,
        points=tuple(specs),
        revision=model.revision,
        vendor=model.vendor,
        model=model.model,
        source=model.source,
        components=model.components,
    )
    declared = {name: point.unit for name, point in model.points.items()}
    on_device = {name: point.on_device for name, point in model.points.items() if point.on_device}
    sections = {name: found for name in SECTIONS if (found := getattr(model, name)) is not None}
    sending = {name: one.sections() for name, one in sendable.items()}
    return LoadedProfile(profile, str(path), declared, sections, document, on_device, commands, sending), []


def _spec(document: Document, name: str, point: PointModel) -> PointSpec:
    place: Place = ("points", name)
    if name.lower() in _RESERVED:
        document.add(place, "config.profile.reserved", name=name)
    try:
        unit = parse_unit(point.unit)
    except UnitError as error:
        document.add((*place, "unit"), error.key, **error.fields)
        unit = DIMENSIONLESS
        point = point.model_copy(update={"plausible": PlausibleModel()})  # its bounds are correct
    _kinds(document, place, point)
    title = point.title
    return PointSpec(
        name=name,
        kind=point.kind,
        unit=canonical_symbol(unit),
        every=point.every,
        each=point.each,
        values=point.values,
        missing=point.missing,
        plausible=_plausible(document, place, point.plausible, unit),
        counter=_counter(document, place, point.counter, unit),
        revision=point.revision,
        retain=point.retain or 0,
        title_en=title.en or title.zh,
        title_zh=title.zh or title.en,
        texts=tuple((value, of.en or of.zh, of.zh or of.en) for value, of in point.texts.items()),
    )


def _on_device(document: Document, specs: Mapping[str, PointSpec], model: PlainProfile) -> None:
    """Check that the target of a point's connector 0 is a point of the device itself with the same kind of values."""
    for name, point in model.points.items():
        if not point.on_device:
            continue
        place: Place = ("points", name, "on_device")
        own, other = specs[name], specs.get(point.on_device)
        if other is None or other.each:
            known = ", ".join(spec.name for spec in specs.values() if not spec.each)
            document.add(place, "config.profile.on_device", value=point.on_device, known=known or "-")
        elif not own.each:
            document.add(place, "config.profile.only_each")
        elif (own.kind, own.unit) != (other.kind, other.unit):
            document.add(place, "config.profile.on_device_other", value=point.on_device, name=name)


def _kinds(document: Document, place: Place, point: PointModel) -> None:
    """Check the keys that only one kind of point has."""
    if point.kind == PointKind.STATE:
        for key in ("unit", "plausible"):
            if key in point.model_fields_set:
                document.add((*place, key), "config.profile.not_for_state", name=key)
        twice = sorted({v for v in point.values if point.values.count(v) > 1})
        for value in twice:
            document.add((*place, "values"), "config.profile.value_twice", value=value)
    else:
        for key in ("values", "texts"):
            if getattr(point, key):
                document.add((*place, key), "config.profile.only_state", name=key)
    if point.kind != PointKind.COUNTER and point.counter is not None:
        document.add((*place, "counter"), "config.profile.only_counter", name="counter")
    if point.kind == PointKind.COUNTER and point.plausible.stuck_after:
        document.add((*place, "plausible", "stuck_after"), "config.profile.counter_stands")
    if point.kind != PointKind.COUNTER and point.plausible.falls == "abnormal":
        document.add((*place, "plausible", "falls"), "config.profile.only_counter", name="falls")
    for key in ("max_fall", "spike") if point.kind == PointKind.COUNTER else ():
        if getattr(point.plausible, key) is not None:
            document.add((*place, "plausible", key), "config.profile.only_gauge", name=key)
    compared = (point.plausible.max_rate, point.plausible.max_fall, point.plausible.max_step)
    steady = all(one is None for one in compared) and point.plausible.falls == "normal"
    if "relearn" in point.plausible.model_fields_set and steady:
        document.add((*place, "plausible", "relearn"), "config.profile.only_max_rate")


def _plausible(document: Document, place: Place, written: PlausibleModel, unit: Unit) -> Plausible:
    low, high = (_number(document, (*place, "plausible", key), getattr(written, key), unit) for key in ("min", "max"))
    if low is not None and high is not None and low >= high:
        document.add(
            (*place, "plausible", "min"), "config.profile.min_max", value=str(written.min), max=str(written.max)
        )
    rate, fall, step, spike = (
        None if value is None else value * unit.factor
        for value in (written.max_rate, written.max_fall, written.max_step, written.spike)
    )
    return Plausible(
        low, high, rate, written.stuck_after, written.relearn, fall, step, spike, written.falls == "normal"
    )


def _counter(document: Document, place: Place, written: CounterSection | None, unit: Unit) -> CounterModel:
    if written is None:
        return CounterModel()
    if 0 < written.rollover <= written.resolution:
        fields = {"value": str(written.resolution), "rollover": str(written.rollover)}
        document.add((*place, "counter", "resolution"), "config.profile.resolution", **fields)
    return CounterModel(written.rollover * unit.factor, written.reset, written.resolution * unit.factor)


def _number(document: Document, place: Place, value: Number | None, unit: Unit) -> float | None:
    """A bound in the canonical unit."""
    if value is None:
        return None
    if isinstance(value, str):
        quantity = parse_quantity(value)
        if quantity is None or quantity.unit.dimension not in ((), unit.dimension):
            document.add(place, "config.profile.number", value=value, unit=unit.symbol or "1")
            return None
        value, unit = quantity.number, (unit if quantity.unit == DIMENSIONLESS else quantity.unit)
    if not math.isfinite(value):
        document.add(place, "config.profile.number", value=str(value), unit=unit.symbol or "1")
        return None
    return unit.canonical(value)


def vocabulary(
    profiles: Sequence[Profile], files: Mapping[str, str] | None = None
) -> tuple[dict[str, dict[str, PointSpec]], list[Problem]]:
    """kind -> point name -> declaration, merged over the profiles of a kind: the vocabulary of rules.

    Two profiles of one kind that disagree on kind, unit or `each` of a point are a problem: a rule for that kind would
    be ambiguous. State texts are joined. `files` gives the file of a profile for problems.
    """
    merged: dict[str, dict[str, PointSpec]] = {}
    owner: dict[tuple[str, str], str] = {}
    problems: list[Problem] = []
    for profile in profiles:
        points = merged.setdefault(profile.kind, {})
        for spec in profile.points:
            first = points.get(spec.name)
            if first is None:
                points[spec.name], owner[profile.kind, spec.name] = spec, profile.id
                continue
            for what in ("kind", "unit", "each"):
                own, others = getattr(spec, what), getattr(first, what)
                if own != others:
                    fields = {"value": str(own) or "1", "what": what, "other": str(others) or "1"}
                    fields |= {"profile": owner[profile.kind, spec.name], "kind": profile.kind}
                    file = (files or {}).get(profile.id, profile.id)
                    problems.append(Problem(file, f"points.{spec.name}.{what}", "config.profile.disagree", fields))
            texts = first.values + tuple(v for v in spec.values if v not in first.values)
            named = first if first.title_en else spec
            points[spec.name] = replace(
                first,
                values=texts,
                title_en=named.title_en,
                title_zh=named.title_zh,
                texts=(*first.texts, *(one for one in spec.texts if one not in first.texts)),
            )
    return merged, problems
