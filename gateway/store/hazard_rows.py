"""Rows of hazards."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, or_, select

from gateway.domain.alarm import Level
from gateway.domain.hazard import Hazard, HazardChanges, HazardState
from gateway.store.database import upsert
from gateway.store.hazard_tables import hazard
from gateway.store.row_mapping import columns

_COLUMNS = columns(hazard)


class HazardReads:
    """The part of the desk's transaction that reads hazards (the port of gateway/desk/hazards/rows.py)."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    def of_order(self, order: str) -> list[Hazard]:
        """The hazards that an order (id) found, rectifies or rechecks, by number."""
        c = hazard.c
        found = or_(c.inspection == order, c.rectification == order, c.recheck == order)
        return [hazard_of(row) for row in self._c.execute(select(hazard).where(found).order_by(c.found_at, c.no))]

    def numbered(self, tenant: str, no: str) -> Hazard | None:
        """The hazard with this number, locked."""
        c = hazard.c
        rows = select(hazard).where(c.tenant == tenant, c.no == no).with_for_update()
        row = self._c.execute(rows).one_or_none()
        return hazard_of(row) if row else None


def hazard_of(row: Row[Any] | Sequence[Any]) -> Hazard:
    """A hazard, columns in the order of the table."""
    value = dict(zip(_COLUMNS, row, strict=True))
    return Hazard(**{**value, "level": Level(value["level"]), "state": HazardState(value["state"])})


def write(connection: Connection, changes: HazardChanges) -> None:
    """Write the hazards of a transaction."""
    upsert(connection, hazard, [msgspec.structs.asdict(one) for one in changes.hazards])
