"""The changes between the registry and the inventory declared in files. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace

from gateway.domain.device import Customer, Device, Life, Point, PointKind, PointSpec, Profile, Site
from gateway.domain.record import CustomerSet, DeviceSet, Fact, SiteSet
from gateway.ports import LastIds, RegistryChange, RegistryContents
from gateway.registry.state_texts import named

T = TypeVar("T")
PointKey = tuple[str, int, str]
"""Profile, component, name."""
Table = tuple[tuple[str, ...], tuple[int, ...]]
"""Texts of a state point, and the devices that brought them."""
NO_TEXTS: Table = ((), ())


@dataclass(frozen=True, slots=True)
class DeclaredInventory:
    """The inventory declared in files. Ids of devices are 0: the registry allots them."""

    sites: Sequence[Site] = ()
    customers: Sequence[Customer] = ()
    devices: Sequence[Device] = ()
    profiles: Sequence[Profile] = ()
    texts: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    """(profile, state point) -> texts that rules, code tables and mappings name, besides those the profile declares."""


def newest(points: Sequence[Point]) -> dict[PointKey, Point]:
    """The point of each key that is in use: the highest id, whatever came before it stays for stored history."""
    out: dict[PointKey, Point] = {}
    for point in sorted(points, key=lambda p: p.id):
        out[point.profile, point.component, point.name] = point
    return out


def difference(known: RegistryContents, declared: DeclaredInventory, now: int, last: LastIds) -> RegistryChange:
    """The difference between `known` and `declared`; `now` µs is when a device without a date was first seen. New
    devices and points get the ids after `last`.

    Nothing is deleted: a device that is declared no more is retired, a customer is gone; sites stay. The facts come in
    an order in which each refers to what is known before it. They hold no names and phone numbers of customers: what is
    in the journal cannot be erased.
    """
    sites = _changed({s.code: s for s in known.sites}, {s.code: s for s in declared.sites})
    customers = _customers({c.code: c for c in known.customers}, {c.code: c for c in declared.customers})
    devices = _devices(known.devices, declared.devices, now, last.device)
    points = _points(known, declared, last.point)
    facts: list[Fact] = [
        *(SiteSet(site) for site in sites),
        *_customer_facts({c.code: c for c in known.customers}, customers),
        *(DeviceSet(device) for device in devices),
    ]
    return RegistryChange(RegistryContents(sites, customers, devices, points), tuple(facts))


def _changed(known: Mapping[str, T], declared: Mapping[str, T]) -> list[T]:
    return [value for code, value in declared.items() if known.get(code) != value]


def _customers(known: Mapping[str, Customer], declared: Mapping[str, Customer]) -> list[Customer]:
    gone = [replace(value, gone=True) for code, value in known.items() if code not in declared and not value.gone]
    return _changed(known, declared) + gone


def _customer_facts(known: Mapping[str, Customer], changed: Sequence[Customer]) -> Iterator[Fact]:
    for customer in changed:
        old = known.get(customer.code)
        if old is None or without_personal_data(old) != without_personal_data(customer):
            yield CustomerSet(without_personal_data(customer))


def without_personal_data(customer: Customer) -> Customer:
    """The customer without personal data, as rules see it."""
    return replace(customer, name="", phone="")


def _devices(known: Sequence[Device], declared: Sequence[Device], now: int, last: int) -> list[Device]:
    before = {device.code: device for device in known}
    changed: list[Device] = []
    seen: set[str] = set()
    for device in declared:
        seen.add(device.code)
        old = before.get(device.code)
        if old is None:
            last += 1
            changed.append(replace(device, id=last, registered=max(device.registered, now)))
        else:
            since = max(device.registered, old.registered)
            if device.life is Life.IN_SERVICE and old.life is not Life.IN_SERVICE:
                since = max(since, now)  # it is taken up now: nobody expected it to speak before
            new = replace(device, id=old.id, registered=since)
            if new != old:
                changed.append(new)
    gone = (d for d in known if d.code not in seen and d.life is not Life.RETIRED)
    return changed + [replace(device, life=Life.RETIRED) for device in gone]


def _points(known: RegistryContents, declared: DeclaredInventory, last: int) -> list[Point]:
    """Points to insert or update. Components only grow: those of a removed connector keep their history."""
    have = newest(known.points)
    tables: dict[tuple[str, str], Table] = {}
    most: dict[str, int] = {}
    for point in have.values():
        most[point.profile] = max(most.get(point.profile, 0), point.component)
        if len(point.values) > len(tables.get((point.profile, point.name), NO_TEXTS)[0]):
            tables[point.profile, point.name] = (point.values, point.brought)
    for device in declared.devices:
        most[device.profile] = max(most.get(device.profile, 0), device.components)
    changed: list[Point] = []
    for profile in declared.profiles:
        count = max(most.get(profile.id, 0), profile.components)
        for spec in profile.points:
            fresh = _starts_anew(have, profile.id, spec)
            table = NO_TEXTS if fresh else tables.get((profile.id, spec.name), NO_TEXTS)
            texts = (*spec.values, *declared.texts.get((profile.id, spec.name), ()))
            for component in range(1, count + 1) if spec.each else (0,):
                old = have.get((profile.id, component, spec.name))
                new = _point(old, profile.id, spec, component, table)
                new = named(new, texts) if spec.kind == PointKind.STATE else new
                if new.id == 0:
                    last += 1
                    new = replace(new, id=last)
                if new != old:
                    changed.append(new)
    return changed


def _meaning_changed(old: Point, spec: PointSpec) -> bool:
    return (old.kind, old.unit) != (spec.kind, spec.unit) or spec.revision > old.revision


def _starts_anew(have: Mapping[PointKey, Point], profile: str, spec: PointSpec) -> bool:
    """True if the point starts anew, so that its old text table must not be carried over."""
    old = have.get((profile, 1 if spec.each else 0, spec.name))
    return old is not None and _meaning_changed(old, spec)


def _point(old: Point | None, profile: str, spec: PointSpec, component: int, table: Table) -> Point:
    """The row of one point; id 0 when it needs a new one. A state starts from `table`, unless its codes went their own
    way: codes already given never move."""
    number, revision = (0, spec.revision) if old is None else (old.id, old.revision)
    if old is not None and _meaning_changed(old, spec):
        number, revision = 0, max(old.revision + 1, spec.revision)
    elif old is not None and table[0][: len(old.values)] != old.values:
        table = (old.values, old.brought)
    values, brought = table if spec.kind == PointKind.STATE else NO_TEXTS
    return Point(
        id=number,
        profile=profile,
        name=spec.name,
        component=component,
        kind=spec.kind,
        unit=spec.unit,
        every=spec.every,
        revision=revision,
        values=values,
        plausible=spec.plausible,
        counter=spec.counter,
        brought=brought,
    )
