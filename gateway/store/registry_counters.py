"""The counters of the registry: the highest ids given, and the number of its newest change.

Ids are keys in the journal and in the series store, which have no tenant: one counter of each kind for all tenants.
Whoever holds these rows is the one writer of the registry, over all processes.
"""

from typing import Final

from sqlalchemy import Connection, Table, func, select

from gateway.ports import LastIds
from gateway.store import tables as t
from gateway.store.database import insert_new, upsert

_CHANGE: Final = "change"
_IDS: Final[dict[str, Table]] = {"device": t.device, "point": t.point}


def revision(c: Connection) -> int:
    """The number of the newest change; 0 = there was none."""
    return c.scalar(select(t.registry_counter.c.last).where(t.registry_counter.c.kind == _CHANGE)) or 0


def lock(c: Connection) -> tuple[int, LastIds]:
    """(number of the newest change, highest ids given); no other transaction gets them before this one ends.

    A row that is ahead of its counter counts: of a salvaged database the counters may be lost.
    """
    counter = t.registry_counter
    insert_new(c, counter, [{"kind": kind, "last": 0} for kind in (_CHANGE, *_IDS)])
    rows = c.execute(select(counter.c.kind, counter.c.last).order_by(counter.c.kind).with_for_update())
    last = {row.kind: row.last for row in rows}
    for kind, table in _IDS.items():
        last[kind] = max(last[kind], c.scalar(select(func.max(table.c.id))) or 0)
    return last[_CHANGE], LastIds(last["device"], last["point"])


def advance(c: Connection, change: int, last: LastIds) -> None:
    """Write them. `lock` came before in the same transaction."""
    rows = {_CHANGE: change, "device": last.device, "point": last.point}
    upsert(c, t.registry_counter, [{"kind": kind, "last": number} for kind, number in rows.items()])
