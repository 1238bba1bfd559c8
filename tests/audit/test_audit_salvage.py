"""Rows of a damaged database are copied though its audit refuses changes, and the chain shows what was lost."""

from pathlib import Path

import pytest
from desk_kit import World, transition
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import text

from gateway.domain.errors import StoreError
from gateway.recovery.salvage_rows import salvage
from gateway.store import AuditTrail, Database


def test_an_order_that_is_lost_takes_its_audit_along(tmp_path: Path) -> None:
    damaged, fresh = tmp_path / "damaged.db", tmp_path / "fresh.db"
    world = World(damaged)
    world.apply(transition(1, device=1), transition(2, device=2))
    lost = next(order for order in world.queries.orders().items if order.device == 1)
    world.database.close()
    with sqlite.connect(str(damaged)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("DELETE FROM work_order WHERE id = ?", (lost.id,))
    db.close()
    found = salvage(damaged, fresh)
    assert found["work_order"] == (1, 0)
    assert found["audit"] == (1, 1), "the row of the lost order is counted as lost"
    database = Database.at(fresh)
    broken = AuditTrail(database).check().broken
    assert broken is not None
    assert (broken.number, broken.why.key) == (2, "audit.gap")
    with pytest.raises(StoreError, match="never changed"):
        database.transact(lambda c: c.execute(text("DELETE FROM audit")))
    database.close()
