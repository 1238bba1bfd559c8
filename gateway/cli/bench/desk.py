"""Benchmark of the desk: orders a second from raised alarms, with clocks, audit, events and deliveries, on a database
that syncs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from gateway.app.desk_policy import policy_of
from gateway.database_config import DatabaseConfig
from gateway.desk import Desk, Templates
from gateway.desk.desk import CHUNK
from gateway.domain.alarm import (
    AlarmPlan,
    Change,
    Evidence,
    Level,
    OrderPlan,
    ReadingSeen,
    Thing,
    ThresholdSeen,
    Transition,
)
from gateway.domain.device import Customer, Device, Site
from gateway.domain.duration import SECOND
from gateway.domain.notice import EndpointRoute
from gateway.domain.workorder import Act, Actor, Command, Role
from gateway.ports import RegistryContents
from gateway.settings import load_project
from gateway.store import CustomerAudience, Database, Queries, SqlDeskStore, SqlRegistryStore

START: Final = 1_780_000_000 * SECOND
DEVICES, SITES, COMPONENTS = 30_000, 300, 2
BURST: Final = 5_000
COMMANDS: Final = 500
PROJECT: Final = """\
name: bench
timezone: Asia/Shanghai
language: en
data_dir: data
registry: {devices: devices.csv}
desk:
  order_types: {repair: {}}
  hours: {office: {workday: [08:30-12:00, 13:30-18:00]}}
  sla:
    repair_4h:
      respond: 30m
      arrive: 2h
      resolve: 4h
      milestones: [{at: 80%}, {at: 4h}]
"""
PROFILE: Final = "id: p\nkind: charger\npoints: {gun_temp: {unit: degC}}\n"
ROUTES: Final = (EndpointRoute("oa", events=("workorder.*",)),)


class _Clock:
    """Implements Clock; stands still."""

    def now(self) -> int:
        """µs."""
        return START


@contextmanager
def database_of(kind: str, folder: Path) -> Iterator[Database]:
    """An empty database of this release: a file in `folder`, or a server that ends with the bench. Raises
    FileNotFoundError without programs of PostgreSQL."""
    if kind == "sqlite":
        database = Database.at(folder / "desk.sqlite")
        try:
            database.upgrade()
            yield database
        finally:
            database.close()
        return
    from simulators.postgres_server import PASSWORD, postgres

    with postgres() as server:
        written = {"type": "postgresql", "port": server.port, "database": "postgres", "user": "postgres"}
        database = Database(DatabaseConfig.model_validate({**written, "password": PASSWORD}))
        try:
            database.upgrade()
            yield database
        finally:
            database.close()


def fleet() -> RegistryContents:
    """Devices of one operator on its sites."""
    sites = [Site(f"S{n:04d}", f"Site {n}", area=f"area{n % 20}") for n in range(SITES)]
    people = [Customer(f"C{n:04d}", f"Customer {n}", language="zh") for n in range(SITES)]
    devices = [
        Device(
            n,
            f"D{n:06d}",
            "p",
            "charger",
            site=sites[n % SITES].code,
            customer=people[n % SITES].code,
            components=COMPONENTS,
        )
        for n in range(1, DEVICES + 1)
    ]
    return RegistryContents(sites, people, devices, [])


def desk_on(database: Database, folder: Path) -> Desk:
    """A desk with the settings of PROJECT, over the fleet."""
    (folder / "gateway.yaml").write_text(PROJECT, "utf-8")
    (folder / "devices.csv").write_text("code,profile\n", "utf-8")
    for name in ("profiles", "rules"):
        (folder / name).mkdir()
    (folder / "profiles" / "p.yaml").write_text(PROFILE, "utf-8")
    SqlRegistryStore(database, _Clock()).save(fleet(), ())
    policy = policy_of(load_project(folder / "gateway.yaml", {}))
    audience = CustomerAudience(database, {"owner": "customer"})
    return Desk(SqlDeskStore(database), policy, routes=ROUTES, templates=Templates({}), audience=audience, partition=0)


def raised(seq: int) -> Transition:
    """An alarm of a fault that no other one has: an order of its own."""
    device, turn = seq % DEVICES + 1, seq // DEVICES
    at = START + seq * 1_000
    seen = (ReadingSeen("gun_temp", 91.5, "degC", at, at + 5_000, 2),)
    order = OrderPlan("repair", f"E{turn // COMPONENTS:02d}", sla="repair_4h")
    return Transition(
        0,
        seq,
        0,
        Change.RAISED,
        f"hot{turn // COMPONENTS}",
        "rev1",
        "default",
        Thing(device, turn % COMPONENTS + 1),
        Level.MAJOR,
        at,
        at + 10_000,
        AlarmPlan("Connector over temperature", "枪头过温", "may burn", order=order),
        Evidence("gun_temp >= 85 degC", seen, (), (ThresholdSeen(85.0, "degC", "rule"),)),
    )


class Load:
    """Raises alarms in chunks; `took` s is the time of the desk alone."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.seq, self.took = desk, 0, 0.0
        self.slowest = 0.0

    def chunk(self, size: int = 0) -> None:
        """Apply that many alarms (0 = CHUNK), then fire the deadlines that are due."""
        size = size or CHUNK
        part = [raised(seq) for seq in range(self.seq + 1, self.seq + size + 1)]
        self.seq += size
        begun = perf_counter()
        now = START + self.seq * 1_000
        applied = self.desk.apply(part, self.seq, (), now)
        self.desk.tick(now)
        spent = perf_counter() - begun
        self.took, self.slowest = self.took + spent, max(self.slowest, spent)
        if len(applied.created) != size:
            raise RuntimeError(f"{len(applied.created)} orders of {size} alarms")


def _commands(desk: Desk, database: Database) -> float:
    """Seconds of COMMANDS commands of people, each in a transaction of its own."""
    orders = Queries(database).orders(limit=COMMANDS).items
    boss = Actor("boss", Role.SUPERVISOR)
    now = START + 10**9
    begun = perf_counter()
    for order in orders:
        desk.command(Command(order.no, Act.ASSIGN, boss, f"bench-{order.no}", assignee="zhang"), now)
    return perf_counter() - begun


def measure(kind: str, seconds: float) -> dict[str, Any]:
    """Figures on one database. Raises RuntimeError when an alarm did not make its order."""
    with TemporaryDirectory() as scratch, database_of(kind, Path(scratch)) as database:
        desk = desk_on(database, Path(scratch))
        Load(desk).chunk(1)  # statements are compiled
        load = Load(desk)
        load.seq = 1
        while load.took < seconds:
            load.chunk()
        made, took = load.seq - 1, load.took
        burst = Load(desk)
        burst.seq = load.seq
        for _ in range(0, BURST, CHUNK):
            burst.chunk()
        acts = _commands(desk, database)
    return {
        "orders_s": round(made / took),
        "database": kind,
        "orders": made,
        "seconds": round(took, 3),
        "slowest_chunk_ms": round(load.slowest * 1_000, 1),
        "burst": BURST,
        "burst_seconds": round(burst.took, 3),
        "commands_s": round(COMMANDS / acts),
        "sla": True,
    }
