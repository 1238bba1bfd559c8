"""Devices, sites and customers of a case, and the points its devices have."""

import re
from collections.abc import Mapping

from msgspec.structs import replace

from gateway.domain.device import Attr, Customer, Device, Life, PointSpec, Site
from rules.casetest.case_input import CaseInput
from rules.format.profiles import point_of

DEVICE = (
    "attrs",
    "site",
    "component",
    "components",
    "life",
    "tags",
    "name",
    "customer",
    "registered",
    "kind",
    "profile",
)
SITE = ("timezone", "name", "area", "region", "attrs", "tags")
CUSTOMER = ("name", "attrs")
HOME = "site"
"""Site, area and region of devices without them."""
_COMPONENT = re.compile(r"(?P<device>.*)#(?P<component>[0-9]{1,9})")
_FORMER = re.compile(r"(?P<device>.+\.)?(?P<point>[^.\[\]]+)\[(?P<component>[0-9]+)\]")


def surroundings(inputs: CaseInput) -> None:
    """Sites and customers of the file, and those of the case itself."""
    data = inputs.case.data
    inputs.sites = {site.code: site for site in inputs.tests.sites}
    inputs.customers = {customer.code: customer for customer in inputs.tests.customers}
    for code, table in inputs.table(data.get("sites"), "sites", "sites: {s1: {timezone: Asia/Shanghai}}").items():
        here = f"sites.{code}"
        changes = inputs.table(table, here, "{timezone: Asia/Shanghai}")
        inputs.sites[str(code)] = site_with(inputs, inputs.sites.get(str(code), Site(str(code))), changes, here)
    for code, table in inputs.table(data.get("customers"), "customers", "customers: {c1: {attrs: {..}}}").items():
        here = f"customers.{code}"
        changes = inputs.table(table, here, "{attrs: {class: household}}")
        before = inputs.customers.get(str(code), Customer(str(code)))
        inputs.customers[str(code)] = customer_with(inputs, before, changes, here)


def site_with(inputs: CaseInput, site: Site, table: Mapping[str, object], where: str) -> Site:
    """The site with some fields changed; attributes are merged."""
    inputs.known(table, SITE, where)
    found = {key: str(table[key]) for key in ("timezone", "name", "area", "region") if key in table}
    tags = tuple(map(str, tags)) if isinstance(tags := table.get("tags"), list) else site.tags
    merged = {**site.attrs, **attrs_of(inputs, table, where)}
    return replace(site, attrs=merged, tags=tags, **found)


def customer_with(inputs: CaseInput, customer: Customer, table: Mapping[str, object], where: str) -> Customer:
    """The customer with some fields changed; attributes are merged."""
    inputs.known(table, CUSTOMER, where)
    merged = {**customer.attrs, **attrs_of(inputs, table, where)}
    return replace(customer, name=str(table.get("name", customer.name)), attrs=merged)


def attrs_of(inputs: CaseInput, table: Mapping[str, object], where: str) -> dict[str, Attr]:
    """The `attrs` of a thing, checked."""
    found = inputs.table(table.get("attrs"), f"{where}.attrs", "attrs: {temp_trip: 95 degC}")
    return {str(key): _attr(value) for key, value in found.items()}


def devices(inputs: CaseInput) -> None:
    """`devices`, or the one `device`, with the points of their kinds."""
    data = inputs.case.data
    written: dict[str, tuple[str, object]] = {}
    if data.get("devices") is not None:
        named = inputs.table(data["devices"], "devices", "devices: {p1: {}, p2: {}}")
        written = {str(code): (f"devices.{code}", value) for code, value in named.items()}
    if not written:
        written = {"device": ("device", data.get("device"))}
    for number, (code, (where, value)) in enumerate(written.items(), 1):
        table = inputs.table(value, where, "device: {attrs: {temp_trip: 95 degC}}")
        inputs.known(table, DEVICE, where)
        inputs.devices[code] = _device(inputs, number, code, table, where)
        inputs.home[number] = inputs.whole(table, "component", 1, where)
        if "component" in table and "components" not in table:
            inputs.only[number] = inputs.home[number]
    _together(inputs)
    for profile, device in {device.profile: device for device in inputs.devices.values()}.items():
        _points(inputs, device, max(d.components for d in inputs.devices.values() if d.profile == profile))


def _together(inputs: CaseInput) -> None:
    """If the place matters and no device of the case has one, all are at one site, in UTC."""
    rule = inputs.rule
    shared = {rule.watch.group, *(rule.inhibit.same if rule.inhibit is not None else ())}
    if any(device.site for device in inputs.devices.values()) or not shared & {"site", "area", "region"}:
        return
    inputs.sites[HOME] = Site(HOME, timezone="UTC", area=HOME, region=HOME)
    inputs.devices = {code: replace(device, site=HOME) for code, device in inputs.devices.items()}


def _device(inputs: CaseInput, number: int, code: str, table: Mapping[str, object], where: str) -> Device:
    site = str(table.get("site") or "")
    if site and site not in inputs.sites:
        inputs.wrong(f"{where}.site", "site", name=site)
    customer = str(table.get("customer") or "")
    if customer and inputs.customers and customer not in inputs.customers:
        inputs.wrong(f"{where}.customer", "customer", name=customer, known=", ".join(inputs.customers))
    kind, profile = _kind(inputs, table, where)
    life = str(table.get("life") or "in_service")
    if life not in {item.value for item in Life}:
        inputs.wrong(f"{where}.life", "life", value=life)
        life = "in_service"
    tags = table.get("tags") or []
    usual = inputs.tests.components.get(kind, 1)
    count = max(inputs.whole(table, "components", usual, where), inputs.whole(table, "component", 1, where))
    registered = table.get("registered")
    return Device(
        number,
        code,
        profile=profile,
        kind=kind,
        name=str(table.get("name") or ""),
        site=site,
        customer=customer,
        components=count,
        life=Life(life),
        registered=inputs.start if registered is None else inputs.moment(registered, f"{where}.registered"),
        attrs=attrs_of(inputs, table, where),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
    )


def _kind(inputs: CaseInput, table: Mapping[str, object], where: str) -> tuple[str, str]:
    """Kind and profile of a device. Without a profile it has the points of its kind, as in the first profile that has
    them."""
    profile = str(table.get("profile") or "")
    model = inputs.tests.models.get(profile)
    kind = str(table.get("kind") or (model.kind if model is not None else inputs.rule.watch.kinds[0]))
    if kind not in inputs.tests.vocabulary:
        inputs.wrong(f"{where}.kind", "kind", name=kind, known=", ".join(inputs.tests.vocabulary) or "-")
    elif profile and (model is None or model.kind != kind):
        known = ", ".join(name for name, one in inputs.tests.models.items() if one.kind == kind) or "-"
        inputs.wrong(f"{where}.profile", "profile", kind=kind, name=profile, known=known)
    if model is None:
        return kind, kind
    inputs.models[profile] = model
    return kind, profile


def _attr(value: object) -> str | float | bool:
    return value if isinstance(value, bool | str) else float(value) if isinstance(value, int | float) else str(value)


def _points(inputs: CaseInput, device: Device, components: int) -> None:
    for spec in inputs.specs(device).values():
        for component in range(1, components + 1) if spec.each else (0,):
            made = point_of(len(inputs.points) + 1, device.profile, spec, component)
            inputs.points[device.profile, spec.name, component] = made


def component_of(inputs: CaseInput, name: str, where: str) -> tuple[Device, int | None] | None:
    """`p1`, `p1#2`, `#2` (of the first device), "" -> device, component (None = not given); None and a problem."""
    match = None if name in inputs.devices else _COMPONENT.fullmatch(name)
    code = match["device"] if match else name
    device = inputs.devices.get(code) if code else next(iter(inputs.devices.values()))
    if device is None:
        inputs.wrong(where, "device", name=code, known=", ".join(inputs.devices))
        return None
    if match is None:
        return device, None
    component = int(match["component"])
    if not 0 < component <= device.components:
        inputs.wrong(where, "component", name=device.code, count=device.components)
        return None
    return device, component


def find(inputs: CaseInput, name: str, where: str, default: str = "") -> tuple[Device, PointSpec, int] | None:
    """`pressure`, `p1.pressure`, `p1#2.status`, `#2.status` -> device, declaration, component (0 = the device).

    `default` is the device of names without one. None and a problem if there is no such point.
    """
    if former := _FORMER.fullmatch(name):
        write = f"{(former['device'] or '').rstrip('.')}#{former['component']}.{former['point']}"
        inputs.wrong(where, "bracket", name=name, write=write)
        return None
    before, _, point = name.rpartition(".")
    thing = component_of(inputs, _joined(before, default), where)
    if thing is None:
        return None
    device, component = thing
    specs = inputs.specs(device)
    spec = specs.get(point)
    if spec is None:
        inputs.wrong(where, "point", kind=device.profile, name=point, known=", ".join(specs))
        return None
    if component is not None and not spec.each:
        inputs.wrong(where, "whole", name=point, kind=device.kind)
        return None
    if component is None:
        component = inputs.home[device.id] if spec.each else 0
    if spec.each and not 0 < component <= device.components:
        inputs.wrong(where, "component", name=device.code, count=device.components)
        return None
    return device, spec, component


def _joined(before: str, default: str) -> str:
    """The device of a name; a component alone belongs to the device of the reading."""
    if not before.startswith("#"):
        return before or default
    return default.partition("#")[0] + before
