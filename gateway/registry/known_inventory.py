"""The rows of a registry at one moment, indexed by their look-up keys. Immutable: a change creates a new value."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import replace as replace_fields

from msgspec.structs import replace

from gateway.domain.device import Customer, Device, Life, Point, Site
from gateway.domain.errors import StoreError
from gateway.domain.plausible.device_limits import device_limits, widest
from gateway.ports import RegistryContents
from gateway.registry.registry_diff import newest


@dataclass(frozen=True, slots=True)
class KnownInventory:
    """`devices` and `points` by id: every one there ever was. `by_code`: the devices in service; `by_profile`:
    (name, component) -> the point in use, with the widest bounds of its devices; `limits`: device << 32 | point -> the
    point with the limits of this device, where it has its own."""

    sites: Mapping[str, Site]
    customers: Mapping[str, Customer]
    devices: Mapping[int, Device]
    points: Mapping[int, Point]
    by_code: Mapping[str, Device]
    by_profile: Mapping[str, Mapping[tuple[str, int], Point]]
    limits: Mapping[int, Point]

    def contents(self) -> RegistryContents:
        """All rows, as they would be saved."""
        return RegistryContents(
            tuple(self.sites.values()),
            tuple(self.customers.values()),
            tuple(self.devices.values()),
            tuple(self.points.values()),
        )

    def merged(self, rows: RegistryContents) -> "KnownInventory":
        """With these rows besides, or in place of those before."""
        devices = {**self.devices, **{d.id: d for d in rows.devices}}
        points = {**self.points, **{p.id: p for p in rows.points}}
        by_profile: dict[str, dict[tuple[str, int], Point]] = {}
        for (profile, component, name), point in newest(list(points.values())).items():
            by_profile.setdefault(profile, {})[name, component] = point
        limits = device_limits(devices.values(), by_profile)
        return KnownInventory(
            sites={**self.sites, **{s.code: s for s in rows.sites}},
            customers={**self.customers, **{c.code: c for c in rows.customers}},
            devices=devices,
            points=points,
            by_code={d.code: d for d in devices.values() if d.life is Life.IN_SERVICE},
            by_profile=widest(by_profile, limits) if limits else by_profile,
            limits=limits,
        )

    def without_customers(self, codes: Collection[str]) -> "KnownInventory":
        """Erased ones."""
        return replace_fields(self, customers={k: one for k, one in self.customers.items() if k not in codes})

    def with_texts(self, points: Iterable[Point]) -> "KnownInventory":
        """Known points whose texts changed in place of those before."""
        every: dict[int, Point] = dict(self.points)
        profiles = dict(self.by_profile)
        for point in points:
            every[point.id] = point
            in_use = profiles.get(point.profile, {})
            if (old := in_use.get((point.name, point.component))) is not None and old.id == point.id:
                profiles[point.profile] = {**in_use, (point.name, point.component): point}
        return replace_fields(self, points=every, by_profile=profiles)

    def siblings(self, point: Point) -> list[Point]:
        """The same point of the other components."""
        in_use = self.by_profile.get(point.profile, {}).values()
        return [p for p in in_use if p.name == point.name and p.id != point.id]

    def keeping_codes(self, rows: RegistryContents) -> RegistryContents:
        """`rows`, each point with all texts that have codes here: some were learned while the store was writing."""
        return replace_fields(rows, points=[self._with_all_texts(row) for row in rows.points])

    def _with_all_texts(self, row: Point) -> Point:
        old = self.points.get(row.id)
        if old is None or row.values[: len(old.values)] == old.values:
            return row
        more = tuple(text for text in row.values if text not in old.values)
        return replace(row, values=old.values + more, brought=old.brought)

    def changed_by_others(self, stored: RegistryContents, unsaved: Collection[int]) -> RegistryContents:
        """The rows of the store that differ from these; `unsaved`: ids of points whose texts changed here. Raises
        StoreError when another process gave codes of a state point to other texts: neither may move."""
        points = [_with_longer_texts(row, self.points.get(row.id), row.id in unsaved) for row in stored.points]
        return RegistryContents(
            stored.sites,
            stored.customers,
            [row for row in stored.devices if self.devices.get(row.id) != row],
            [row for row in points if self.points.get(row.id) != row],
        )

    def recovered(self, journaled: Iterable[Point]) -> list[Point]:
        """The points whose text table is longer in the journal."""
        grown: dict[int, Point] = {}
        for point in journaled:
            old = grown.get(point.id) or self.points.get(point.id)
            if old is not None and _extends(point.values, old.values):
                for one in (old, *self.siblings(old)):
                    if _extends(point.values, (grown.get(one.id) or one).values):
                        grown[one.id] = replace(one, values=point.values, brought=point.brought)
        return list(grown.values())


NOTHING_KNOWN = KnownInventory({}, {}, {}, {}, {}, {}, {})


def _with_longer_texts(row: Point, ours: Point | None, unsaved: bool) -> Point:
    if ours is None or (row.values == ours.values and not unsaved) or _extends(row.values, ours.values):
        return row
    if row.values == ours.values or _extends(ours.values, row.values):
        return replace(row, values=ours.values, brought=ours.brought)
    raise StoreError.of("registry.texts_apart", point=f"{row.profile}.{row.name}")


def _extends(longer: tuple[str, ...], shorter: tuple[str, ...]) -> bool:
    return len(longer) > len(shorter) and longer[: len(shorter)] == shorter
