"""Names of devices and sites for the desk."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, func, select

from gateway.domain.attribute_mask import AttributeMask
from gateway.domain.workorder import Place
from gateway.store import tables as t
from gateway.store.key_lists import among
from gateway.store.row_mapping import chunks, route_of

_IN = 500  # keys per IN list
HIGHEST_CUSTOMER = 5


class PlaceReads:
    """The port of gateway/desk/ports.py."""

    def __init__(self, connection: Connection, mask: AttributeMask) -> None:
        self._c, self._mask = connection, mask

    def of_devices(self, devices: Sequence[int]) -> Mapping[int, Place]:
        """Device id -> its names, masked for the outside; unknown devices are missing."""
        d, s, k = t.device.c, t.site.c, t.customer.c
        found: dict[int, Place] = {}
        for chunk in chunks(devices, _IN):
            rows = (
                select(
                    d.id,
                    d.code,
                    d.name,
                    d.kind,
                    d.site,
                    func.coalesce(s.name, ""),
                    d.customer,
                    func.coalesce(s.area, ""),
                    d.attrs,
                    func.coalesce(s.attrs, "{}"),
                    func.coalesce(k.attrs, "{}"),
                )
                .outerjoin(t.site, (s.tenant == d.tenant) & (s.code == d.site))
                .outerjoin(t.customer, (k.tenant == d.tenant) & (k.code == d.customer))
                .where(among(d.id, chunk))
            )
            for row in self._c.execute(rows):
                place = Place(*row[:8], route_of(row[8], row[9]), _level(row[10]))
                shown = self._mask.text(place.name, msgspec.json.decode(row[8]))
                found[row[0]] = msgspec.structs.replace(place, name=shown)
        return found

    def of_sites(self, tenant: str, codes: Sequence[str]) -> Mapping[str, Place]:
        """Site code -> its names (device 0); codes that are no site are missing."""
        s = t.site.c
        found = {}
        for chunk in chunks(codes, _IN):
            rows = select(s.code, s.name, s.area, s.attrs).where(s.tenant == tenant, among(s.code, chunk))
            for code, name, area, attrs in self._c.execute(rows):
                found[code] = Place(0, "", site=code, site_name=name, area=area, route=route_of(attrs))
        return found


def _level(attrs: str) -> int:
    """The attribute `level` of a customer, 1 to 5; 0 = none."""
    if '"level"' not in attrs:
        return 0
    found = msgspec.json.decode(attrs).get("level")
    return int(found) if isinstance(found, float | int) and 1 <= found <= HIGHEST_CUSTOMER else 0
