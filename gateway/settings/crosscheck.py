"""What only several files together can get wrong: names that must exist elsewhere, secrets that must be readable."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from gateway.api.config import ApiConfig
from gateway.api.tls import server_context
from gateway.desk.notice_templates import NoticeTemplate
from gateway.domain.duration import format_duration, parse_duration
from gateway.domain.error_reasons import reason
from gateway.domain.errors import Problem
from gateway.settings.inventory import Inventory
from gateway.settings.model import Settings, sections
from gateway.settings.profiles import LoadedProfile
from gateway.settings.read_file import Unfit, read_file
from gateway.settings.rulebook import Rulebook, RuleFile
from gateway.settings.validation_messages import located, nearest
from gateway.settings.yaml_document import Document, Place
from protocols.modbus.config import ModbusConfig
from protocols.mqtt.check import Coverage, DeviceProfiles
from protocols.mqtt.check import check as check_routes
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.subscriptions import overlapping
from rules.compiled import Rule
from rules.compiled.reads import signal_points
from rules.engine.late.lookback import horizon
from rules.format import references
from sinks.http.config import HttpEndpoint
from sinks.http.signing import SecretUnusable, weakness
from sinks.notice.sms.config import SmsConfig
from sinks.oa.webhook.config import WebhookConfig

EVENTS = ("workorder", "alarm")
"""The families of events a webhook can hear."""
MOST_SECRET = 1 << 20  # bytes: of a key or a bundle of certificates
_LARGEST_UNIT = 255
AUDIENCES = ("customer", "site", "area")
"""What an audience can be besides a list of customers."""


@dataclass(slots=True)
class ProjectFindings:
    """Problems and warnings of one look, and what the routes can fill."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)


def is_duration(text: str) -> bool:
    """`10s`, more than nothing."""
    try:
        return parse_duration(text) > 0
    except ValueError:
        return False


def check_settings(document: Document, settings: Settings) -> ProjectFindings:
    """Secrets, brokers, events: what `gateway.yaml` says about the world outside its own shape."""
    found = ProjectFindings()
    for place, section in sections(settings):
        _secrets(document, place, section, found)
        if isinstance(section, HttpEndpoint):
            _keys(document, place, section, found)
        if isinstance(section, WebhookConfig):
            for index, pattern in enumerate(section.events):
                if not any(fnmatchcase(family, pattern.split(".", 1)[0]) for family in EVENTS):
                    fields = {"value": pattern, "known": ", ".join(f"{family}.*" for family in EVENTS)}
                    found.problems.append(document.problem((*place, "events", index), "config.events", **fields))
    for name in ("ahead_limit", "patience"):
        if ("intake", name) in document.lines:
            found.problems.append(document.problem(("intake", name), "config.intake_clock", name=name))
    _brokers(document, settings, found)
    _api(document, settings.api, found)
    for key, owner in (("config.warn.no_source", settings.sources), ("config.warn.no_endpoint", settings.endpoints)):
        if not owner:
            found.warnings.append(document.problem((), key))
    return found


def _secrets(document: Document, place: Place, section: BaseModel, found: ProjectFindings) -> None:
    for name in type(section).model_fields:
        value = getattr(section, name)
        here = (*place, name)
        if isinstance(value, SecretStr) and _stands_in_file(document, here, value):
            found.warnings.append(document.problem(here, "config.inline_secret", name=name))
        if isinstance(value, Path) and name.endswith("_file") and here in document.lines:
            try:
                read_file(value, MOST_SECRET)
            except OSError as error:
                found.problems.append(
                    document.problem(here, "config.file.unreadable", value=str(value), reason=reason(error))
                )
            except Unfit as unfit:
                found.problems.append(document.problem(here, unfit.key, **unfit.fields))


def _stands_in_file(document: Document, place: Place, secret: SecretStr) -> bool:
    """Written out, or as the default of a variable that is not set."""
    value = secret.get_secret_value()
    return place not in document.written or (value in document.written[place] and not value.startswith("${"))


def _keys(document: Document, place: Place, endpoint: HttpEndpoint, found: ProjectFindings) -> None:
    """Whether the endpoint could sign: a broken secret is found now, not with the first work order."""
    try:
        keys = endpoint.keys()
        weak = next((word for key in keys if (word := weakness(key))), None)
        if weak is not None:
            found.problems.append(document.problem((*place, "secret"), f"delivery.reason.secret_{weak}"))
    except OSError:
        return  # the unreadable file is reported by its own key
    except SecretUnusable as error:
        key = "config.secret_empty" if error.reason == "empty" else "config.secret_base64"
        found.problems.append(document.problem((*place, "secret"), key))


def _api(document: Document, api: ApiConfig, found: ProjectFindings) -> None:
    if api.plain:
        found.problems.append(document.problem(("api", "host"), "api.plain", host=api.host))
    if api.tls is not None:
        try:
            server_context(api.tls)
        except OSError as error:
            fields = {"cert": api.tls.cert, "key": api.tls.key, "reason": reason(error)}
            found.problems.append(document.problem(("api", "tls"), "api.tls", **fields))


def _brokers(document: Document, settings: Settings, found: ProjectFindings) -> None:
    sessions: dict[tuple[tuple[str, int], str], str] = {}
    for name, source in settings.sources.items():
        if not isinstance(source, MqttConfig):
            continue
        place = ("sources", name)
        found.warnings.append(document.problem((*place, "url"), "config.warn.mosquitto", url=source.url))
        if not source.encrypted and not _local(source.address[0]):
            found.warnings.append(document.problem((*place, "url"), "config.warn.plain", url=source.url))
        first = sessions.setdefault((source.address, source.client_id), name)
        if first != name:  # the broker would throw out one of the two, for ever in turn
            fields = {"value": source.client_id, "first": first}
            found.problems.append(document.problem((*place, "client_id"), "config.source.client_twice", **fields))
    brokers = [(name, one) for name, one in settings.sources.items() if isinstance(one, MqttConfig)]
    for (first, one), (name, other) in combinations(brokers, 2):
        if one.address == other.address and (twice := overlapping(one, other)):
            fields = {"first": first, "one": twice[0], "other": twice[1]}
            found.warnings.append(document.problem(("sources", name, "routes"), "config.warn.overlap", **fields))


def _local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or urlsplit(f"//{host}").hostname == "localhost"


def check_together(
    found: ProjectFindings,
    document: Document,
    settings: Settings,
    profiles: Mapping[str, LoadedProfile],
    inventory: Inventory,
    rulebook: Rulebook,
    templates: Mapping[str, NoticeTemplate],
    template_file: Path | None,
) -> None:
    """Sources against profiles and devices, rules against templates and kinds."""
    fleet = _fleet(profiles, inventory)
    for name, source in settings.sources.items():
        place: Place = ("sources", name)
        if isinstance(source, MqttConfig):
            routes = check_routes(source, fleet, document.file, f"sources.{name}")
            found.problems += [located(problem, document) for problem in routes.problems]
            found.warnings += [located(problem, document) for problem in routes.warnings]
            found.coverage += routes.coverage
        if isinstance(source, ModbusConfig):
            _modbus(found, document, place, source, profiles, inventory)
    _kept(found, settings, profiles)
    _addresses(found, settings, profiles, inventory)
    _audiences(found, document, settings, inventory)
    check_rules(found, document, settings, rulebook, templates, template_file)
    _look_back(found, profiles, rulebook)
    _usage(found, document, profiles, inventory, rulebook)


def _fleet(profiles: Mapping[str, LoadedProfile], inventory: Inventory) -> DeviceProfiles:
    connectors: dict[str, int] = {}
    for device in inventory.devices.values():
        connectors[device.profile] = max(connectors.get(device.profile, 0), device.components)
    of = {code: device.profile for code, device in inventory.devices.items()}
    return DeviceProfiles({name: one.profile for name, one in profiles.items()}, of, connectors)


def _look_back(found: ProjectFindings, profiles: Mapping[str, LoadedProfile], rulebook: Rulebook) -> None:
    """Rules with signals of a point that is kept for a shorter time than they look back."""
    short = [(one.profile, spec) for one in profiles.values() for spec in one.profile.points if spec.retain]
    for name, rule in rulebook.rules.items():
        read = {point for signal in rule.signals for point in signal_points(signal)}
        for profile, spec in short:
            if profile.kind in rule.watch.kinds and spec.name in read and horizon(rule, spec.every) > spec.retain:
                file = rulebook.files[name]
                fields = {"value": spec.name, "kept": format_duration(spec.retain), "profile": profile.id}
                found.warnings.append(file.document.problem(file.place(name, "let"), "config.warn.look_back", **fields))


def _kept(found: ProjectFindings, settings: Settings, profiles: Mapping[str, LoadedProfile]) -> None:
    """A point can be kept for a shorter time than the rest, not for a longer one."""
    limit = settings.series.retention
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


def _modbus(
    found: ProjectFindings,
    document: Document,
    place: Place,
    source: ModbusConfig,
    profiles: Mapping[str, LoadedProfile],
    inventory: Inventory,
) -> None:
    for index, entry in enumerate(source.devices):
        here = (*place, "devices", index, "device")
        device = inventory.devices.get(entry.device)
        if device is None:
            near = nearest(entry.device, list(inventory.devices))
            key = "config.source.device_near" if near else "config.source.device"
            found.problems.append(document.problem(here, key, value=entry.device, near=near))
        elif (profile := profiles.get(device.profile)) is not None and profile.modbus is None:
            fields = {"value": entry.device, "profile": device.profile, "file": profile.file}
            found.problems.append(document.problem(here, "config.source.no_map", **fields))


def _addresses(
    found: ProjectFindings, settings: Settings, profiles: Mapping[str, LoadedProfile], inventory: Inventory
) -> None:
    """Devices whose Modbus address stands in the list: the columns modbus_link, modbus_unit and modbus_every."""
    sources = [one for one in settings.sources.values() if isinstance(one, ModbusConfig) and one.devices_from]
    links = [link for source in sources for link in source.links]
    for code, device in inventory.devices.items():
        link, unit = device.attrs.get("modbus_link"), device.attrs.get("modbus_unit")
        if not sources or (link is None and unit is None):
            continue
        table, row = inventory.rows[code]
        wrong: list[tuple[str, str, dict[str, object]]] = []
        if link not in links:
            fields: dict[str, object] = {"value": str(link or ""), "known": ", ".join(links)}
            wrong.append(("modbus_link", "config.source.link", fields))
        if not (isinstance(unit, str) and unit.isascii() and unit.isdigit() and int(unit) <= _LARGEST_UNIT):
            wrong.append(("modbus_unit", "config.source.modbus_unit", {"value": str(unit or "")}))
        every = device.attrs.get("modbus_every")
        if every is not None and not is_duration(str(every)):
            wrong.append(("modbus_every", "config.type.duration", {"written": str(every)}))
        if (profile := profiles.get(device.profile)) is not None and profile.modbus is None:
            fields = {"value": code, "profile": device.profile, "file": profile.file}
            wrong.append(("profile", "config.source.no_map", fields))
        found.problems += [table.problem(row, column, key, **fields) for column, key, fields in wrong]


def check_rules(
    found: ProjectFindings,
    document: Document,
    settings: Settings,
    rulebook: Rulebook,
    templates: Mapping[str, NoticeTemplate],
    template_file: Path | None,
) -> None:
    """Every name a rule uses exists, with the name that was probably meant."""
    desk, asks = settings.desk, False
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
        asks = True
        notice: Place = ("then", "notice")
        _named(found, file, (name, *notice, "audience"), "config.rule.audience", [used.audience], desk.audiences)
        where = str(template_file or "templates.yaml")
        _named(found, file, (name, *notice, "template"), "config.rule.template", [used.template], templates, where)
        _providers(found, document, settings, templates.get(used.template))
    if asks and not any(isinstance(endpoint, SmsConfig) for endpoint in settings.endpoints.values()):
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
    """`place`: the rule, and the keys below it. `words` that are "" name nothing."""
    rule, *below = (str(part) for part in place)
    options = list(known)
    for word in words:
        if word and word not in options:
            near = nearest(word, options)
            key = f"{text}_near" if near else text
            fields = {"value": word, "near": near, "known": ", ".join(options) or "-", "file": where}
            found.problems.append(file.document.problem(file.place(rule, *below), key, **fields))


def _circle(found: ProjectFindings, file: RuleFile, rule: Rule, rulebook: Rulebook) -> None:
    """A rule inhibited by itself over others would wait for ever."""
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
    """An endpoint that lists provider codes needs the one of this template."""
    for endpoint, config in settings.endpoints.items():
        if template is None or not isinstance(config, SmsConfig) or not config.templates:
            continue
        if template.code not in {key.split(".", 1)[0] for key in config.templates} | set(config.templates):
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
    """What is there and has no use: worth a word, never an obstacle."""
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
    for one in profiles.values():
        if one.profile.id not in used:
            found.warnings.append(Problem(one.file, "", "config.warn.unused_profile", {"value": one.profile.id}))
