"""The registry: look-ups for sources and intake, and the definitions that must be journaled before a reading.

Look-ups are plain dict reads of a snapshot that is replaced whole, so `apply` may run in the desk's thread while the
event loop reads.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from types import MappingProxyType
from typing import TypeGuard

import numpy as np
import structlog
from msgspec.structs import replace
from numpy.typing import NDArray

from gateway.domain.device import Device, Point, PointKind, Site
from gateway.domain.language_values import Phrase
from gateway.domain.reading import I32, Batch
from gateway.domain.record import Define, DeviceDefined, Fact, PointDefined
from gateway.domain.refused_text import RefusedText
from gateway.ports import Clock, LastIds, RegistryChange, RegistryContents, RegistryStore
from gateway.registry.known_inventory import NOTHING_KNOWN
from gateway.registry.registry_diff import DeclaredInventory, difference
from gateway.registry.state_texts import Allowance, Refusals, cleared

log = structlog.get_logger()
_NO_POINTS: Mapping[tuple[str, int], Point] = MappingProxyType({})


class Registry:
    """Implements `gateway.ports.Directory` for one tenant. Constructing it reads the store (blocking).

    State texts grow while messages come in (`state_code`), in memory and, before first use, in the journal (`pending`).
    `save_texts` brings them to SQL; after a crash in between, `recover` takes them from the journal.
    """

    def __init__(self, store: RegistryStore, tenant: str, clock: Clock, allowance: Allowance | None = None) -> None:
        self._store = store
        self._tenant = tenant
        self._clock = clock
        self._allowance = allowance or Allowance()
        self._saving = Lock()  # one writer of the store at a time
        self._lock = Lock()  # memory only, never held while the store writes: the event loop may wait for it
        self._version = 0
        self._refusals = Refusals()
        self._unsaved: set[int] = set()
        self._codes: dict[int, dict[str, int]] = {}
        self._device_written: NDArray[np.bool_] = np.zeros(1, np.bool_)
        self._point_written: NDArray[np.bool_] = np.zeros(1, np.bool_)
        self._snapshot = NOTHING_KNOWN
        known = store.load()
        self._revision = known.revision
        self._merge(known)

    @property
    def version(self) -> int:
        """Rises with every change; cached look-ups are then invalid."""
        return self._version

    @property
    def refused_texts(self) -> int:
        """Number of state texts refused since the start."""
        return self._refusals.total

    def refused(self) -> Sequence[RefusedText]:
        """State texts refused since the last clear, by device and point."""
        with self._lock:
            return tuple(self._refusals)

    def device(self, code: str) -> Device | None:
        """The device in service called `code`, else None."""
        return self._snapshot.by_code.get(code)

    def points(self, profile: str) -> Mapping[tuple[str, int], Point]:
        """(name, component) -> the point in use; empty for an unknown profile."""
        return self._snapshot.by_profile.get(profile, _NO_POINTS)

    def device_by_id(self, device: int) -> Device | None:
        """Any device ever known, retired ones too."""
        return self._snapshot.devices.get(device)

    def point_by_id(self, point: int) -> Point | None:
        """Any point ever known, former revisions too."""
        return self._snapshot.points.get(point)

    def device_limits(self) -> Mapping[int, Point]:
        """device << 32 | point -> the point with the limits of this device, where they are not the profile's."""
        return self._snapshot.limits

    def site(self, code: str) -> Site | None:
        """The site called `code`."""
        return self._snapshot.sites.get(code)

    def contents(self) -> RegistryContents:
        """All rows, as they would be saved."""
        return self._snapshot.contents()

    def apply(self, declared: DeclaredInventory) -> list[Fact]:
        """Update store and memory to the declared inventory; returns the facts queued for the journal.

        Blocking (the desk's thread). Raises StoreError; then nothing changed.
        """
        with self._saving:
            change = self._change(lambda last: difference(self.contents(), declared, self._clock.now(), last))
            if change:
                with self._lock:
                    self._merge(change.rows)
            return list(change.facts)

    def remove_customer(self, code: str) -> None:
        """Remove a customer that the store has erased."""
        with self._lock:
            self._snapshot = self._snapshot.without_customers({code})

    def state_code(self, point: int, text: str, device: int = 0) -> int | None:
        """Code of a state text. Unknown texts get the next code, in one table for all components of a point, until
        `device` or all devices together have sent too many."""
        codes = self._codes.get(point)
        if codes is not None and (code := codes.get(text)) is not None:
            return code
        with self._lock:
            return self._grow(point, text, device)

    def pending(self, batch: Batch) -> Sequence[Define]:
        """Definitions that must be journaled before `batch`. Normally none: two look-ups in boolean arrays.

        Raises KeyError for an id that this registry did not allot.
        """
        devices = _unwritten(self._device_written, batch.device)
        points = _unwritten(self._point_written, batch.point)
        if not devices and not points:
            return ()
        now = self._snapshot
        defined = [now.devices[i] for i in devices]
        return (
            *(DeviceDefined(d.id, self._tenant, d.code, d.profile) for d in defined),
            *(PointDefined(self._tenant, now.points[i]) for i in points),
        )

    def journaled(self, defines: Sequence[Define]) -> None:
        """Record that these definitions are on disk. One whose table grew meanwhile stays pending."""
        with self._lock:
            now = self._snapshot
            for define in defines:
                if isinstance(define, DeviceDefined):
                    device = now.devices[define.id]
                    self._device_written[define.id] = (device.code, device.profile) == (define.code, define.profile)
                else:
                    self._point_written[define.point.id] = now.points[define.point.id] == define.point

    def redefine(self) -> None:
        """Mark everything as not journaled: a new segment must contain all definitions again."""
        with self._lock:
            self._device_written[:] = False
            self._point_written[:] = False

    def recover(self, defines: Iterable[Define]) -> int:
        """Load state texts that are in the journal and not in SQL (a crash came before `save_texts`).

        `defines` are the journal's definitions in order, at least those since the last save. Returns the number of
        points whose table grew.
        """
        with self._lock:
            grown = self._snapshot.recovered([d.point for d in defines if _of_point(d, self._tenant)])
            self._keep(grown)
        return len(grown)

    def save_texts(self) -> int:
        """Write grown text tables to SQL; returns how many points were written. Blocking (the desk's thread)."""
        with self._saving:
            if not self._unsaved:
                return 0
            rows = self._change(lambda _: self._grown_texts()).rows.points
            with self._lock:
                self._unsaved -= {row.id for row in rows if self._snapshot.points[row.id] == row}
            return len(rows)

    def _grown_texts(self) -> RegistryChange:
        with self._lock:
            rows = [self._snapshot.points[i] for i in sorted(self._unsaved)]
        return RegistryChange(RegistryContents((), (), (), rows), ())

    def _change(self, decide: Callable[[LastIds], RegistryChange]) -> RegistryChange:
        """One transaction. Changes of other processes are loaded before `decide`. `_saving` is held."""

        def work(stored: RegistryContents | None, last: LastIds) -> RegistryChange:
            if stored is not None:
                with self._lock:
                    self._take_over(stored)
            return decide(last)

        change, self._revision = self._store.change(self._revision, work)
        return change

    def _take_over(self, stored: RegistryContents) -> None:
        """Rows of the store that other processes changed. Raises StoreError. The caller holds the lock."""
        rows = self._snapshot.changed_by_others(stored, self._unsaved)
        erased = self._snapshot.customers.keys() - {one.code for one in stored.customers}
        self._snapshot = self._snapshot.without_customers(erased)
        self._merge(rows)

    def _merge(self, rows: RegistryContents) -> None:
        """The caller holds the lock."""
        rows = self._snapshot.keeping_codes(rows)
        now = self._snapshot.merged(rows)
        self._device_written = _resized(self._device_written, now.devices, (d.id for d in rows.devices))
        self._point_written = _resized(self._point_written, now.points, (p.id for p in rows.points))
        for point in rows.points:
            if point.kind is PointKind.STATE:
                self._codes[point.id] = {text: code for code, text in enumerate(point.values)}
        self._snapshot = now  # last: whoever finds an id in it has room for it above
        self._version += 1

    def _grow(self, number: int, text: str, device: int) -> int | None:
        """Append `text` to the table shared by the components of a point, unless there is no room for it."""
        point = self._snapshot.points.get(number)
        if point is None or point.kind is not PointKind.STATE:
            return None
        if text in point.values:  # another thread was faster
            return point.values.index(text)
        grown = self._allowance.grown(point, text, device)
        if isinstance(grown, str):
            self._refuse(point, text, device, grown)
            return None
        alike = (p for p in self._snapshot.siblings(point) if p.values == point.values)
        self._keep([grown, *(replace(p, values=grown.values, brought=grown.brought) for p in alike)])
        return len(grown.values) - 1

    def _refuse(self, point: Point, text: str, device: int, why: str) -> None:
        if self._refusals.add(point, device, text, why, self._clock.now()):
            known = self._snapshot.devices.get(device)
            log.warning(
                "state text refused",
                device=known.code if known else "",
                point=f"{point.profile}.{point.name}",
                text=text[:64],
                why=Phrase(f"registry.refused.{why}"),
            )

    def _keep(self, points: Sequence[Point]) -> None:
        """Rows whose texts changed; the caller holds the lock."""
        self._snapshot = self._snapshot.with_texts(points)
        for point in points:
            self._point_written[point.id] = False
            self._codes[point.id] = {text: code for code, text in enumerate(point.values)}
        self._unsaved |= {point.id for point in points}

    def clear_texts(self, profile: str, name: str, device: int | None = None) -> int:
        """Make room for new texts of all devices or of one; learned texts keep their codes. Returns how many of them
        no longer count. Blocking (the desk's thread). Raises KeyError for an unknown state point, StoreError."""
        with self._lock:
            points = [p for (n, _), p in self._snapshot.by_profile.get(profile, {}).items() if n == name]
            if not points or points[0].kind is not PointKind.STATE:
                raise KeyError(name)
            after = [cleared(point, device) for point in points]
            self._keep([new for new, old in zip(after, points, strict=True) if new != old])
            self._refusals.clear(profile, name, device)
        self.save_texts()
        return max(_count_learned(old) - _count_learned(new) for new, old in zip(after, points, strict=True))


def _of_point(define: Define, tenant: str) -> TypeGuard[PointDefined]:
    return isinstance(define, PointDefined) and define.tenant == tenant


def _count_learned(point: Point) -> int:
    return len(point.brought) - point.brought.count(0)


def _unwritten(written: NDArray[np.bool_], ids: I32) -> list[int]:
    """The ids of a column that are not in the journal, each once, ascending."""
    if not len(ids):
        return []
    if int(ids.max()) >= len(written) or int(ids.min()) < 1:
        raise KeyError(f"a batch names an id that was never given ({int(ids.min())}..{int(ids.max())})")
    mask = written[ids]
    return [] if mask.all() else [int(i) for i in np.unique(ids[~mask])]


def _resized(written: NDArray[np.bool_], rows: Mapping[int, object], changed: Iterable[int]) -> NDArray[np.bool_]:
    """`written` with room for every id; changed ids must be written again."""
    out = np.zeros(max(rows, default=0) + 1, np.bool_)
    out[: len(written)] = written
    for number in changed:
        out[number] = False
    return out
