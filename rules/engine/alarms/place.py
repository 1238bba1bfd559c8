"""What a thing shares with others: the attributes that `same` compares and that a `where` of `quiet` asks about."""

from gateway.domain.alarm import Thing
from gateway.domain.device import Attr, Site
from rules.compiled import Rule
from rules.engine.state.fleet import Fleet


def site_of(world: Fleet, rule: Rule, thing: Thing) -> str:
    """The site of a device, or the group when the rule groups by site; "" = none."""
    device = world.devices.get(thing.device)
    if device is not None and not thing.group:
        return device.site
    return thing.group if rule.watch.group == "site" else ""


def facts_of(world: Fleet, rule: Rule, thing: Thing) -> dict[str, object]:
    """The flat mapping of a thing: that of its device, or what its group is known by."""
    device = world.devices.get(thing.device)
    if device is not None and not thing.group:
        return world.facts(device) | {"customer": device.customer}
    by = rule.watch.group
    known: dict[str, object] = {}
    if by == "site" and (site := world.sites.get(thing.group)) is not None:
        known = {**site.attrs, "name": site.name, "area": site.area, "region": site.region, "tags": site.tags}
    elif by == "customer" and (customer := world.customers.get(thing.group)) is not None:
        known = {**customer.attrs, "name": customer.name}
    return known | {by: thing.group}


def place_of(world: Fleet, rule: Rule, thing: Thing, same: tuple[str, ...]) -> tuple[str, ...] | None:
    """The texts of the attributes `same`; None when one of them is not known, then nothing is the same."""
    found = []
    for name in same:
        value = _text(world, rule, thing, name)
        if not value:
            return None
        found.append(value)
    return tuple(found)


def _text(world: Fleet, rule: Rule, thing: Thing, name: str) -> str:
    device = world.devices.get(thing.device)
    if device is None or thing.group:
        value = facts_of(world, rule, thing).get(name)
        return value if isinstance(value, str) else "" if value is None else str(value)
    site: Site | None = world.sites.get(device.site)
    match name:
        case "site":
            return device.site
        case "area" | "region":
            return "" if site is None else site.area if name == "area" else site.region
        case "customer":
            return device.customer
        case "device" | "code":
            return device.code
        case "name" | "kind" | "profile":
            return str(getattr(device, name))
        case _:
            own: Attr | None = next((attrs[name] for _, attrs in world.owners(device) if name in attrs), None)
            return "" if own is None else str(own)
