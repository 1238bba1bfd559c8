"""Order numbers: `WO-20261122-00007` is the seventh order of a tenant on a local day, without gaps."""

from zoneinfo import ZoneInfo

from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.duration import from_us


def next_order_number(work: UnitOfWork, zone: ZoneInfo, tenant: str) -> str:
    """The next number at `work.now` in `zone`. The counter of the day is written with the transaction, so that a
    transaction that fails leaves no gap."""
    day = from_us(work.now).astimezone(zone).strftime("%Y%m%d")
    last = work.changes.counters.get((tenant, day))
    number = (work.transaction.counter(tenant, day) if last is None else last) + 1
    work.changes.counters[tenant, day] = number
    return f"WO-{day}-{number:05d}"
