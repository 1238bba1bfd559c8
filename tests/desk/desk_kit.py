"""A desk on a real database, and short ways to write transitions."""

import atexit
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from gateway.database_config import DatabaseConfig
from gateway.desk import Desk, DeskPolicy, NoticeTemplate, OrderType, Templates
from gateway.domain.alarm import (
    AlarmPlan,
    Change,
    Evidence,
    Level,
    NoticePlan,
    OrderPlan,
    ReadingSeen,
    Thing,
    ThresholdSeen,
    Transition,
)
from gateway.domain.device import Customer, Device, Site
from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.notice import EndpointRoute
from gateway.domain.workorder import Act, Actor, Command, Role, WorkOrder
from gateway.ports import RegistryContents
from gateway.store import CustomerAudience, Database, Queries, SqlDeskStore, SqlRegistryStore, tables

NOW = 1_795_327_200_000_000  # 2026-11-22T06:00:00Z
TEMPLATES = Templates(
    {
        "overtemp": NoticeTemplate(
            "Order {{ no }}: {{ device }} {{ value }} {{ unit }}", "工单 {{ no }}：{{ device }} {{ value }} {{ unit }}",
            "SMS_01", {"pile": "{{ device }}", "no": "{{ no }}"},
        ),
        "storm": NoticeTemplate("{{ title }}", "{{ title }}", "SMS_02"),
        "escalation": NoticeTemplate("{{ no }}: {{ note }}", "{{ no }}：{{ note }}", "SMS_04", {"note": "{{ note }}"}),
        "meaning": NoticeTemplate("{{ why }}", "{{ why }}", "SMS_03"),
    }
)  # fmt: skip
ROUTES = (EndpointRoute("oa", events=("workorder.*",)), EndpointRoute("sms", "notice", ("notice.*",)))
BOSS = Actor("boss", Role.SUPERVISOR, "Li")


class FixedClock:
    def now(self) -> int:
        return NOW


def transition(
    seq: int,
    change: Change = Change.RAISED,
    *,
    ordinal: int = 0,
    device: int = 1,
    component: int = 1,
    rule: str = "overtemp",
    fault: str = "E07",
    level: Level = Level.MAJOR,
    at: int | None = None,
    order: bool = True,
    notice: NoticePlan | None = None,
    after: int = 0,
    reopen_within: int = 0,
    kind: str = "repair",
    partition: int = 0,
    group: str = "",
    readings: int = 1,
    cooldown: int = 0,
    batch_by: str = "",
    batch_every: int = 0,
    **flags: Any,
) -> Transition:
    moment = NOW + seq * SECOND if at is None else at
    waits: dict[str, Any] = {
        "after": after,
        "reopen_within": reopen_within,
        "cooldown": cooldown,
        "batch_every": batch_every,
    }
    plan = OrderPlan(kind, fault, batch_by=batch_by, **waits) if order else None
    seen = tuple(ReadingSeen("gun_temp", 91.5, "degC", moment, moment + 5_000, 2) for _ in range(readings))
    thing = Thing(0, 0, group) if group else Thing(device, component)
    return Transition(
        partition,
        seq,
        ordinal,
        change,
        rule,
        "rev1",
        "default",
        thing,
        level,
        moment,
        moment + 10_000,
        AlarmPlan("Connector over temperature", "枪头过温", "may burn", order=plan, notice=notice),
        Evidence("gun_temp >= 85 degC", seen, (), (ThresholdSeen(85.0, "degC", "rule"),)),
        **flags,
    )


@cache
def _template() -> Path:
    """A migrated database with one site and its devices; worlds are copies."""
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder)
    database = Database(f"sqlite:///{folder / 'template.db'}")
    database.upgrade()
    fill(database)
    database.close()
    return folder / "template.db"


def fill(database: Database) -> None:
    """One site and its devices."""
    sites = [
        Site("HZ-003", "Hangzhou 3", area="west"),
        Site("HZ-004", "Hangzhou 4", area="west", attrs={"route": "R1"}),
        Site("NB-001", "Ningbo 1", area="east"),
    ]
    people = [Customer("C1", "Wang", "13800000001", "zh", ("HZ-003",)), Customer("C2", "Ann", "13800000002", "en")]
    people.append(Customer("C3", "Zhou", "13800000003", "zh", ("HZ-004",)))
    devices = [Device(i, f"DC-{i:04d}", "p", "charger", site="HZ-003", customer="C2") for i in range(1, 60)]
    devices.append(Device(101, "M-0101", "p", "meter", site="HZ-004", customer="C3"))
    devices.append(Device(102, "M-0102", "p", "meter", site="NB-001", attrs={"route": "R1"}))
    SqlRegistryStore(database, FixedClock()).save(RegistryContents(sites, people, devices, []), ())


@contextmanager
def new_world(database: str = "sqlite", **options: Any) -> Iterator["World"]:
    """A world of its own on one of the two databases, gone at the end. `options`: further fields of `World`."""
    with ExitStack() as left:
        if database == "sqlite":
            folder = Path(mkdtemp())
            left.callback(shutil.rmtree, folder)
            world = World(folder / "desk.db", **options)
        else:
            import postgres_kit

            config = postgres_kit.copy(fill)
            left.callback(postgres_kit.drop, config)
            world = World(config, **options)
        left.callback(world.database.close)
        yield world


@dataclass
class World:
    """Everything of one installation. `path`: of a file, or the connection to a database that is there."""

    path: Path | DatabaseConfig
    policy: DeskPolicy = field(
        default_factory=lambda: DeskPolicy(
            "gw-1",
            ZoneInfo("Asia/Shanghai"),
            types={"patrol": OrderType(auto_close=True), "gas": OrderType(True, safety=True)},
        )
    )
    routes: Sequence[EndpointRoute] = ROUTES
    commands: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.path, DatabaseConfig):
            self.database = Database(self.path)
        else:
            if not self.path.exists():
                shutil.copy(_template(), self.path)
            self.database = Database.at(self.path)
        self.queries = Queries(self.database)
        self.desk = self.another()

    def another(self, partition: int = 0, epoch: int = 0) -> Desk:
        audience = CustomerAudience(
            self.database, {"site_ops": "site", "around": "area", "owner": "customer", "list": ["C2", "C1"], "none": []}
        )
        return Desk(
            SqlDeskStore(self.database),
            self.policy,
            routes=self.routes,
            templates=TEMPLATES,
            audience=audience,
            partition=partition,
            epoch=epoch,
        )

    def apply(self, *transitions: Transition, now: int | None = None, facts: Sequence[tuple[int, Any]] = ()) -> Any:
        last = max([t.seq for t in transitions] + [seq for seq, _ in facts])
        return self.desk.apply(transitions, last, facts, NOW + last * SECOND if now is None else now)

    def act(self, no: str, act: Act, actor: Actor = BOSS, now: int = NOW + MINUTE, **fields: Any) -> WorkOrder:
        self.commands += 1
        return self.desk.command(Command(no, act, actor, f"cmd-{self.commands}", **fields), now)

    def order(self) -> WorkOrder:
        orders = self.queries.orders().items
        assert len(orders) == 1, [order.no for order in orders]
        return orders[0]

    def messages(self) -> list[dict[str, Any]]:
        """Bodies of all notices that were queued, oldest first."""
        rows = select(tables.outbox.c.body).where(tables.outbox.c.kind == "notice").order_by(tables.outbox.c.row)
        return [json.loads(body) for body in self.database.query(lambda c: list(c.scalars(rows)))]

    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = 0
        while rows := self.queries.feed(after):
            found += [json.loads(event.body) for _, event in rows]
            after = rows[-1][0]
        return found

    def kinds(self) -> list[str]:
        return [event["type"].removeprefix("com.fieldgate.") for event in self.events()]

    def work_through(self, no: str, upto: Act = Act.CLOSE, **last: Any) -> WorkOrder:
        """Assign, accept, start, resolve, close: up to and with `upto`."""
        steps: list[tuple[Act, dict[str, Any]]] = [
            (Act.ASSIGN, {"assignee": "zhang"}), (Act.ACCEPT, {}), (Act.START, {}),
            (Act.RESOLVE, {"fault": "E07", "cause": "fan", "remedy": "replaced"}), (Act.CLOSE, {}),
        ]  # fmt: skip
        for act, fields in steps:
            order = self.act(no, act, **(fields | last if act is upto else fields))
            if act is upto:
                return order
        raise AssertionError(upto)
