"""Who stands behind the name of an audience (port Audience), from the registry's rows."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, select

from gateway.domain.notice import Recipient
from gateway.store import tables as t
from gateway.store.database import Database


class CustomerAudience:
    """An audience is `customer` (of the device), `site` (everybody whose sites include the device's; of a group: the
    site of that code), or a list of customer codes."""

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
        rows = select(p.code, p.phone, p.language, p.sites).where(p.tenant == self._tenant).order_by(p.code)
        place = c.execute(select(d.site, d.customer).where(d.id == device, d.tenant == self._tenant)).one_or_none()
        if who == "customer":
            rows = rows.where(p.code == (place.customer if place else ""))
        elif who == "site":
            site = group or (place.site if place else "")
            # the text narrows, the parsed list decides
            found = c.execute(rows.where(p.sites.contains(site, autoescape=True))) if site else ()
            return [Recipient(r.code, r.phone, r.language) for r in found if site in msgspec.json.decode(r.sites)]
        else:
            rows = rows.where(p.code.in_(list(who)))
        return [Recipient(r.code, r.phone, r.language) for r in c.execute(rows)]
