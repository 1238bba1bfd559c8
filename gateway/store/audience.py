"""The customers of an audience (port Audience), from the registry's rows."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, or_, select

from gateway.domain.notice import Recipient
from gateway.store import tables as t
from gateway.store.database import Database

_FEW = 8


class CustomerAudience:
    """An audience is `customer` (of the device, or the one a group is), `site` (everybody whose sites include the
    device's, or a site of the group), `area` (the same for all sites of that area), or a list of customer codes.

    A group is a site, an area, a region or a customer by its name.
    """

    def __init__(
        self, database: Database, audiences: Mapping[str, str | Sequence[str]], tenant: str = "default"
    ) -> None:
        self._database = database
        self._audiences = dict(audiences)
        self._tenant = tenant

    def resolve(self, audience: str, device: int, group: str = "") -> Sequence[Recipient]:
        """Ordered by customer code; empty for an unknown name."""
        who = self._audiences.get(audience, ())
        return self._database.query(lambda c: self._find(c, who, device, group))

    def _find(self, c: Connection, who: str | Sequence[str], device: int, group: str) -> list[Recipient]:
        p, d = t.customer.c, t.device.c
        rows = select(p.code, p.phone, p.language, p.sites).where(p.tenant == self._tenant, p.gone.is_(False))
        rows = rows.order_by(p.code)
        place = c.execute(select(d.site, d.customer).where(d.id == device, d.tenant == self._tenant)).one_or_none()
        if who == "customer":
            rows = rows.where(p.code == (place.customer if place else group))
        elif who in ("site", "area"):
            sites = self._sites(c, place.site if place else "", group, whole_area=who == "area")
            if 0 < len(sites) <= _FEW:  # the text narrows, the parsed list decides
                rows = rows.where(or_(*(p.sites.contains(site, autoescape=True) for site in sorted(sites))))
            return [
                Recipient(r.code, r.phone, r.language)
                for r in (c.execute(rows) if sites else ())
                if not sites.isdisjoint(msgspec.json.decode(r.sites))
            ]
        else:
            rows = rows.where(p.code.in_(list(who)))
        return [Recipient(r.code, r.phone, r.language) for r in c.execute(rows)]

    def _sites(self, c: Connection, site: str, group: str, *, whole_area: bool) -> set[str]:
        """The codes of the sites meant: that of the device, or those of the group; with `whole_area` their neighbours
        too."""
        s = t.site.c
        codes = select(s.code).where(s.tenant == self._tenant)
        if not group:
            found = {site} - {""}
        else:
            known = c.execute(codes.where(s.code == group)).first()
            inside = codes.where((s.area == group) | (s.region == group))
            found = {group} if known else {group, *c.scalars(inside)}
        if not whole_area:
            return found
        areas = select(s.area).where(s.tenant == self._tenant, s.code.in_(found), s.area != "")
        return found | set(c.scalars(codes.where(s.area.in_(areas))))
