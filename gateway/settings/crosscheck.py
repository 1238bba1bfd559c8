"""Checks across files: names that must exist elsewhere, secrets that must be readable."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from pydantic import BaseModel, SecretStr

from gateway.adapter_ports import CheckedProject, ConfigFindings, ProfileMap
from gateway.adapters import ENDPOINTS, SOURCES
from gateway.api.config import ApiConfig
from gateway.api.tls import server_context
from gateway.desk.config import hold_reasons_of
from gateway.desk.notice_templates import NoticeTemplate
from gateway.domain.duration import format_duration
from gateway.domain.error_reasons import reason
from gateway.domain.errors import Problem
from gateway.domain.language_values import Phrase
from gateway.domain.nearest import nearest
from gateway.section import AdapterSection, ListeningSection
from gateway.settings.check_stores import check_stores, written_place
from gateway.settings.inventory import Inventory
from gateway.settings.model import Settings, sections
from gateway.settings.profiles import LoadedProfile
from gateway.settings.read_file import UnreadableFile, read_file
from gateway.settings.rulebook import Rulebook, RuleFile
from gateway.settings.validation_messages import located
from gateway.settings.yaml_document import Document, Place
from rules.compiled import Rule
from rules.compiled.reads import signal_points
from rules.engine.lookback import horizon
from rules.format import references

MOST_SECRET = 1 << 20  # bytes of a key or a bundle of certificates
AUDIENCES = ("customer", "site", "area")
"""Audiences besides lists of customers."""


@dataclass(slots=True)
class ProjectFindings:
    """Problems and warnings of one check, and placeholders that the sources can fill."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    notes: list[Phrase] = field(default_factory=list)

    def add(self, document: Document, more: ConfigFindings) -> None:
        """Add findings of an adapter, with the lines of the main file."""
        self.problems += [located(problem, document) for problem in more.problems]
        self.warnings += [located(problem, document) for problem in more.warnings]
        self.notes += more.notes


def check_settings(document: Document, settings: Settings) -> ProjectFindings:
    """Check secrets, brokers and events: references of `gateway.yaml` to the world outside it."""
    found = ProjectFindings()
    for place, section in sections(settings):
        _secrets(document, written_place(document, place), section, found)
    found.add(document, check_stores(document, settings))
    for name in ("ahead_limit", "patience"):
        if ("intake", name) in document.lines:
            found.problems.append(document.problem(("intake", name), "config.intake_clock", name=name))
    for endpoint, config in settings.endpoints.items():
        found.add(document, ENDPOINTS[config.type].check(endpoint, config, document.file))
    for kind, adapter in SOURCES.items():
        found.add(document, adapter.check(_of_type(settings, kind), document.file))
    _api(document, settings.api, found)
    _addresses(document, settings, found)
    for key, owner in (("config.warn.no_source", settings.sources), ("config.warn.no_endpoint", settings.endpoints)):
        if not owner:
            found.warnings.append(document.problem((), key))
    return found


def _secrets(document: Document, place: Place, section: BaseModel, found: ProjectFindings) -> None:
    for name in type(section).model_fields:
        value = getattr(section, name)
        here = (*place, name)
        if isinstance(value, SecretStr) and _is_in_file(document, here, value):
            found.warnings.append(document.problem(here, "config.inline_secret", name=name))
        if isinstance(value, Path) and name.endswith("_file") and here in document.lines:
            try:
                read_file(value, MOST_SECRET)
            except OSError as error:
                found.problems.append(
                    document.problem(here, "config.file.unreadable", value=str(value), reason=reason(error))
                )
            except UnreadableFile as unfit:
                found.problems.append(document.problem(here, unfit.key, **unfit.fields))


def _is_in_file(document: Document, place: Place, secret: SecretStr) -> bool:
    """True if a secret is written in the file, or is the default of a variable that is not set."""
    value = secret.get_secret_value()
    return place not in document.written or (value in document.written[place] and not value.startswith("${"))


def _api(document: Document, api: ApiConfig, found: ProjectFindings) -> None:
    if api.plain:
        found.problems.append(document.problem(("api", "host"), "api.plain", host=api.host))
    if api.tls is not None:
        try:
            server_context(api.tls)
        except OSError as error:
            fields = {"cert": api.tls.cert, "key": api.tls.key, "reason": reason(error)}
            found.problems.append(document.problem(("api", "tls"), "api.tls", **fields))


def _addresses(document: Document, settings: Settings, found: ProjectFindings) -> None:
    """Two listeners of this gateway on one port of one address. Sources that share an address have one listener."""
    api, health = settings.api, settings.health
    port = (api.port and api.port + 1) if health.port is None else health.port
    own: list[tuple[Place, str, int]] = [(("api", "port"), api.host, api.port), (("health", "port"), health.host, port)]
    others: dict[tuple[str, int], Place] = {}
    for name, source in settings.sources.items():
        if isinstance(source, ListeningSection):
            others.setdefault(source.address, ("sources", name, "listen"))
    found_before: list[tuple[Place, str, int]] = []
    for place, host, number in [*own, *((place, *address) for address, place in others.items())]:
        clash = next((one for one in found_before if number and one[2] == number and _meet(one[1], host)), None)
        if clash is not None:
            fields = {"port": number, "other": ".".join(map(str, clash[0]))}
            found.problems.append(document.problem(place, "config.port_taken", **fields))
        found_before.append((place, host, number))


def _meet(one: str, other: str) -> bool:
    """True if a listener on one address takes the port of the other: the same, or one is all addresses."""
    return one == other or any(ip_address(host).is_unspecified for host in (one, other))


def check_references(
    found: ProjectFindings,
    document: Document,
    settings: Settings,
    profiles: Mapping[str, LoadedProfile],
    inventory: Inventory,
    rulebook: Rulebook,
    templates: Mapping[str, NoticeTemplate],
    template_file: Path | None,
) -> None:
    """Check sources against profiles and devices, rules against templates and kinds."""
    for kind, adapter in SOURCES.items():
        checked = _checked(document, profiles, inventory, adapter.profile_map)
        found.add(document, adapter.check_with(_of_type(settings, kind), checked))
    _kept(found, settings, profiles)
    _audiences(found, document, settings, inventory)
    _priorities(found, document, settings)
    _hold_mappings(found, document, settings)
    check_rules(found, document, settings, rulebook, templates, template_file)
    _look_back(found, profiles, rulebook)
    _usage(found, document, profiles, inventory, rulebook)


def _of_type(settings: Settings, kind: str) -> dict[str, AdapterSection]:
    return {name: source for name, source in settings.sources.items() if source.type == kind}


def _checked(
    document: Document, profiles: Mapping[str, LoadedProfile], inventory: Inventory, owned: ProfileMap | None
) -> CheckedProject:
    """Project data for the adapter that owns this section of profiles."""

    def cell(device: str, column: str, key: str, fields: Mapping[str, object]) -> Problem:
        table, row = inventory.rows[device]
        return table.problem(row, column, key, **fields)

    section = "" if owned is None else owned.section
    mapped = {name: one.sections[section] for name, one in profiles.items() if section in one.sections}
    return CheckedProject(
        document.file,
        {name: one.profile for name, one in profiles.items()},
        inventory.devices,
        {name: one.file for name, one in profiles.items()},
        mapped,
        cell,
    )


def _look_back(found: ProjectFindings, profiles: Mapping[str, LoadedProfile], rulebook: Rulebook) -> None:
    """Warn about signals that look back further than their point is stored."""
    short = [(one.profile, spec) for one in profiles.values() for spec in one.profile.points if spec.retain]
    for name, rule in rulebook.rules.items():
        read = {point for signal in rule.signals for point in signal_points(signal)}
        for profile, spec in short:
            if profile.kind in rule.watch.kinds and spec.name in read and horizon(rule, spec.every) > spec.retain:
                file = rulebook.files[name]
                fields = {"value": spec.name, "kept": format_duration(spec.retain), "profile": profile.id}
                found.warnings.append(file.document.problem(file.place(name, "let"), "config.warn.look_back", **fields))


def _kept(found: ProjectFindings, settings: Settings, profiles: Mapping[str, LoadedProfile]) -> None:
    """Check that no point is stored for longer than the others: only a shorter time is possible."""
    limit = settings.history.retention
    for one in profiles.values():
        for spec in one.profile.points:
            if spec.retain > limit and one.document is not None:
                fields = {"value": format_duration(spec.retain), "limit": format_duration(limit)}
                place = ("points", spec.name, "retain")
                found.problems.append(one.document.problem(place, "config.profile.retain", **fields))


def _audiences(found: ProjectFindings, document: Document, settings: Settings, inventory: Inventory) -> None:
    for name, who in settings.desk.audiences.items():
        here = ("desk", "audiences", name)
        if isinstance(who, str):
            if who not in AUDIENCES:
                found.problems.append(document.problem(here, "config.audience.word", value=who))
            continue
        for index, code in enumerate(who):
            if code not in inventory.customers:
                found.problems.append(document.problem((*here, index), "config.audience.customer", value=code))


def _hold_mappings(found: ProjectFindings, document: Document, settings: Settings) -> None:
    """Check that every reason which a receiver's words stand for is in the list."""
    reasons = hold_reasons_of(settings.desk)
    for endpoint, config in settings.endpoints.items():
        for written, code in getattr(config, "hold_reasons", {}).items():
            if code not in reasons.choices():
                near = reasons.code_of(code) or reasons.nearest(code)
                fields = {"value": code, "near": near, "known": ", ".join(reasons.choices())}
                here = ("endpoints", endpoint, "hold_reasons", written)
                found.problems.append(document.problem(here, "orders.hold_mapping", **fields))


def _priorities(found: ProjectFindings, document: Document, settings: Settings) -> None:
    """Types of orders in the lines of the priority matrix."""
    types = settings.desk.order_types
    for number, row in enumerate(settings.desk.priority.rows):
        for index, kind in enumerate(row.type):
            if kind not in types:
                fields = {"value": kind, "known": ", ".join(types) or "-"}
                place: Place = ("desk", "priority", "rows", number, "type", index)
                found.problems.append(document.problem(place, "sla.type", **fields))


def check_rules(
    found: ProjectFindings,
    document: Document,
    settings: Settings,
    rulebook: Rulebook,
    templates: Mapping[str, NoticeTemplate],
    template_file: Path | None,
) -> None:
    """Check that every name in a rule exists; a problem includes the closest name."""
    desk, sends_notices = settings.desk, False
    for name, rule in rulebook.rules.items():
        file, used = rulebook.files[name], references(rule)
        order: Place = ("then", "order")
        _named(found, file, (name, *order, "type"), "config.rule.order_type", [used.order_type], desk.order_types)
        _named(found, file, (name, *order, "skill"), "config.rule.skill", used.skills, desk.skills)
        _named(found, file, (name, *order, "sla"), "config.rule.sla", [used.sla], desk.sla)
        if rule.inhibit is not None:
            _named(found, file, (name, "inhibit", "by"), "config.rule.inhibit", [rule.inhibit.by], rulebook.written)
            _circle(found, file, rule, rulebook)
        if rule.notice is None:
            continue
        sends_notices = True
        notice: Place = ("then", "notice")
        _named(found, file, (name, *notice, "audience"), "config.rule.audience", [used.audience], desk.audiences)
        where = str(template_file or "templates.yaml")
        _named(found, file, (name, *notice, "template"), "config.rule.template", [used.template], templates, where)
        _providers(found, document, settings, templates.get(used.template))
    if sends_notices and not any(
        ENDPOINTS[endpoint.type].payload == "notice" for endpoint in settings.endpoints.values()
    ):
        found.warnings.append(document.problem(("endpoints",), "config.warn.no_sms"))


def _named(
    found: ProjectFindings,
    file: RuleFile,
    place: Place,
    text: str,
    words: Iterable[str],
    known: Iterable[str],
    where: str = "",
) -> None:
    """Check names of a rule. `place`: the rule, and the keys below it. Empty `words` are skipped."""
    rule, *below = (str(part) for part in place)
    options = list(known)
    for word in words:
        if word and word not in options:
            near = nearest(word, options)
            key = f"{text}_near" if near else text
            fields = {"value": word, "near": near, "known": ", ".join(options) or "-", "file": where}
            found.problems.append(file.document.problem(file.place(rule, *below), key, **fields))


def _circle(found: ProjectFindings, file: RuleFile, rule: Rule, rulebook: Rulebook) -> None:
    """Find rules that inhibit themselves through others: such a rule would wait for ever."""
    path, here = [rule.id], rule
    while here.inhibit is not None and (parent := rulebook.rules.get(here.inhibit.by)) is not None:
        path.append(parent.id)
        if parent.id == rule.id and rule.id == min(path):
            fields = {"value": path[1], "path": " > ".join(path)}
            place = file.place(rule.id, "inhibit", "by")
            found.problems.append(file.document.problem(place, "rules.inhibit.cycle", **fields))
        if parent.id in path[:-1]:
            return
        here = parent


def _providers(found: ProjectFindings, document: Document, settings: Settings, template: NoticeTemplate | None) -> None:
    """Check that an endpoint with a list of provider codes has the one of this template."""
    for endpoint, config in settings.endpoints.items():
        if template is not None and not ENDPOINTS[config.type].takes_template(config, template.code):
            here = ("endpoints", endpoint, "templates")
            fields = {"endpoint": endpoint, "value": template.code}
            found.problems.append(document.problem(here, "config.rule.sms_code", **fields))


def _usage(
    found: ProjectFindings,
    document: Document,
    profiles: Mapping[str, LoadedProfile],
    inventory: Inventory,
    rulebook: Rulebook,
) -> None:
    """Warn about unused items; they are no problems."""
    if not inventory.devices:
        found.warnings.append(document.problem(("registry",), "config.warn.no_device"))
        return
    kinds = {device.kind for device in inventory.devices.values()}
    for name, rule in rulebook.rules.items():
        if rule.mode != "off" and not kinds & set(rule.watch.kinds):
            file = rulebook.files[name]
            fields = {"value": ", ".join(rule.watch.kinds), "rule": name}
            found.warnings.append(file.document.problem(file.place(name, "watch"), "config.warn.uncovered", **fields))
    used = {device.profile for device in inventory.devices.values()}
    top = min((len(Path(one.file).parts) for one in profiles.values()), default=0)
    for one in profiles.values():
        if one.profile.id not in used and len(Path(one.file).parts) == top:  # sub-folders are a library to choose from
            found.warnings.append(Problem(one.file, "", "config.warn.unused_profile", {"value": one.profile.id}))
