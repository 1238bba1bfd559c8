"""`plans/*.yaml`: maintenance plans by id.

charger_quarterly:
  title: {en: Quarterly service, zh: 季度保养}
  for: {kinds: [charger]}
  repeat: {rrule: FREQ=MONTHLY;INTERVAL=3, from: 2026-01-05, basis: completed}
  order: {type: maintenance, skill: electrician}
filter_500h:
  title: {en: Filter change, zh: 更换滤芯}
  rule: filter_500h                   # `every: 500 h` is counted by the rule
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from gateway.desk.keys import digest
from gateway.desk.order_config import Code, TextConfig
from gateway.desk.plans import Basis, MaintenancePlan, PlanDates, PlannedOrder, Plans
from gateway.desk.plans.dates import NotARule, checked_rule
from gateway.domain.alarm import Level
from gateway.domain.duration import DAY
from gateway.domain.errors import Problem
from gateway.domain.maintenance import PlanScope
from gateway.domain.nearest import nearest
from gateway.section import Duration, Section, wrong
from gateway.settings.inventory import Inventory
from gateway.settings.model import Settings
from gateway.settings.rulebook import Rulebook
from gateway.settings.validation_messages import problems_of
from gateway.settings.yaml_document import Document, Place, read_document, yaml_files

Word = Annotated[str, Field(min_length=1, max_length=120)]
Words = Annotated[tuple[Word, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
_LONGEST_LEAD = 365 * DAY


def _start(value: Any) -> Any:
    """`2026-01-05`, or `attr installed_on`."""
    if isinstance(value, str) and value.startswith("attr "):
        return value.removeprefix("attr ").strip()
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise wrong("plans.start", written=value) from None


class ScopeConfig(Section):
    """`for`: devices in service that fit every list that is written; `by: route` makes one order of all devices of a
    route."""

    kinds: Words = ()
    profiles: Words = ()
    tags: Words = ()
    sites: Words = ()
    areas: Words = ()
    routes: Words = ()
    by: Literal["device", "route"] = "device"


class RepeatConfig(Section):
    """`repeat`: dates by a rule of RFC 5545."""

    rrule: Annotated[str, Field(min_length=1, max_length=200, examples=["FREQ=MONTHLY;INTERVAL=3"])]
    start: Annotated[date | str, BeforeValidator(_start)] = Field(
        validation_alias=AliasChoices("from"), examples=["2026-01-05"]
    )
    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:00"
    basis: Basis = Basis.SCHEDULED

    def build(self) -> PlanDates:
        """Dates for the desk."""
        hour, minute = map(int, self.at.split(":"))
        return PlanDates(self.rrule.upper().removeprefix("RRULE:"), self.start, time(hour, minute), self.basis)


class PlannedOrderConfig(Section):
    """`order`: fields of the order that each date opens."""

    type: Word
    level: Literal["notice", "minor", "major", "critical"] = "minor"
    fault: Annotated[str, Field(max_length=120)] = ""
    skill: Annotated[str, Field(max_length=120)] = ""
    sla: Annotated[str, Field(max_length=120)] = ""
    assign: Annotated[str, Field(max_length=120)] = ""

    def build(self) -> PlannedOrder:
        """Fields for the desk."""
        return PlannedOrder(self.type, Level[self.level.upper()], self.fault, self.skill, self.sla, self.assign)


class PlanConfig(Section):
    """One plan: `repeat` with `for` and `order`, or a `rule`."""

    title: TextConfig
    why: TextConfig | None = None
    scope: ScopeConfig | None = Field(None, validation_alias=AliasChoices("for"))
    repeat: RepeatConfig | None = None
    rule: Annotated[str, Field(max_length=120)] = ""
    lead: Annotated[Duration, Field(ge=0, le=_LONGEST_LEAD)] = 0
    order: PlannedOrderConfig | None = None
    checklist: Annotated[str, Field(max_length=120)] = ""
    parts: dict[Word, Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]] = Field(default={})

    @model_validator(mode="after")
    def _one_clock(self) -> "PlanConfig":
        if (self.repeat is None) == (not self.rule):
            raise wrong("plans.repeat_or_rule")
        if self.repeat is not None and self.order is None:
            raise wrong("plans.no_order")
        if self.rule and (self.order is not None or self.scope is not None or self.lead):
            raise wrong("plans.rule_decides")
        return self

    def build(self, name: str) -> MaintenancePlan:
        """The plan for the desk."""
        scope = self.scope or ScopeConfig()
        dates = None if self.repeat is None else self.repeat.build()
        decides = [scope.model_dump(mode="json"), self.lead, None if dates is None else [*map(str, _fields(dates))]]
        return MaintenancePlan(
            name,
            self.title.en,
            self.title.zh,
            self.order.build() if self.order else PlannedOrder(""),
            PlanScope(
                scope.kinds, scope.profiles, scope.tags, scope.sites, scope.areas, scope.routes, scope.by == "route"
            ),
            dates,
            self.rule,
            self.why.en if self.why else "",
            self.why.zh if self.why else "",
            self.lead,
            self.checklist,
            tuple(self.parts.items()),
            digest("plan", *decides),
        )


def _fields(dates: PlanDates) -> tuple[object, ...]:
    return dates.rule, dates.start, dates.at, dates.basis


@dataclass(slots=True)
class PlanFiles:
    """Plans, and what is wrong with them; `documents` has the file of each."""

    plans: Plans = field(default_factory=Plans)
    documents: dict[str, Document] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def load_plans(folder: Path) -> PlanFiles:
    """All plans of a folder, which is optional. References to other files are checked by `check_plans`."""
    found, built = PlanFiles(), list[MaintenancePlan]()
    for path in yaml_files(folder) if folder.is_dir() else ():
        document = read_document(path)
        found.problems += document.problems
        if document.value is None or document.problems:
            continue
        try:
            models = TypeAdapter(dict[Code, PlanConfig]).validate_python(document.value)
        except ValidationError as error:
            found.problems += problems_of(error, document, dict[Code, PlanConfig])
            continue
        for name, model in models.items():
            if name in found.documents:
                fields = {"name": name, "file": found.documents[name].file}
                found.problems.append(document.problem((name,), "plans.twice", **fields))
                continue
            found.documents[name] = document
            found.problems += _rrule(document, name, model)
            built.append(model.build(name))
    found.plans = Plans.of(built)
    return found


def _rrule(document: Document, name: str, model: PlanConfig) -> Iterable[Problem]:
    if model.repeat is None:
        return
    dates = model.repeat.build()
    try:
        checked_rule(dates.rule, dates.start if isinstance(dates.start, date) else date(2024, 1, 1), dates.basis)
    except NotARule as refused:
        yield document.problem((name, "repeat", "rrule"), str(refused), value=model.repeat.rrule)


def check_plans(
    found: PlanFiles, settings: Settings, inventory: Inventory, kinds: Iterable[str], rulebook: Rulebook
) -> list[Problem]:
    """Names in plans that do not exist."""
    desk, problems, sites = settings.desk, list[Problem](), inventory.sites.values()
    devices = inventory.devices.values()
    routes = {str(one.attrs.get("route", "")) for one in sites} | {str(one.attrs.get("route", "")) for one in devices}
    known: Mapping[str, Iterable[str]] = {
        "kinds": kinds,
        "profiles": {device.profile for device in devices},
        "sites": inventory.sites,
        "areas": {site.area for site in sites if site.area},
        "tags": {tag for one in sites for tag in one.tags} | {tag for one in devices for tag in one.tags},
        "routes": routes - {""},
    }
    for name, plan in found.plans.by_id.items():
        document = found.documents[name]

        def named(place: Place, text: str, word: str, options: Iterable[str], at: Place = (name,)) -> None:
            listed = sorted(options)
            if word and word not in listed:
                near = nearest(word, listed)
                fields = {"value": word, "near": near, "known": ", ".join(listed[:20]) or "-"}
                problems.append(document.problem((*at, *place), f"{text}_near" if near else text, **fields))  # noqa: B023

        for key, options in known.items():
            for index, word in enumerate(getattr(plan.scope, key)):
                named(("for", key, index), "plans.unknown", word, options)
        if plan.rule:
            named(("rule",), "plans.unknown", plan.rule, rulebook.written)
            others = [one.id for one in found.plans.by_id.values() if one.rule == plan.rule and one.id < name]
            if others:
                problems.append(document.problem((name, "rule"), "plans.rule_twice", value=plan.rule, other=others[0]))
            continue
        named(("order", "type"), "config.rule.order_type", plan.order.type, desk.order_types)
        named(("order", "skill"), "config.rule.skill", plan.order.skill, desk.skills)
        named(("order", "sla"), "config.rule.sla", plan.order.sla, desk.sla)
    return problems
