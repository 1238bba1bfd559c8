"""Registry rows, facts on their way, keys, callbacks, audiences, pages."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.desk_changes import Changes
from gateway.domain.device import CounterModel, Customer, Device, Life, Plausible, Point, PointKind, QuietTime, Site
from gateway.domain.errors import CommandError, StoreError
from gateway.domain.notice import OutboxEvent
from gateway.domain.record import DeviceSet, ImportMark
from gateway.domain.workorder import Role
from gateway.ports import RegistryContents
from gateway.store import (
    ApiKeys,
    CustomerAudience,
    Database,
    Inbox,
    OrderFilter,
    Queries,
    SqlControlOutbox,
    SqlDeskStore,
    SqlDeskTransaction,
    SqlRegistryStore,
)


class FixedClock:
    def now(self) -> int:
        return 77


SITE = Site("S1", "站点", "Asia/Shanghai", "east", "zj", {"lat": 30.27, "open": True, "note": "a'b"}, ("vip",),
            (QuietTime(5, 9, "site works"),))  # fmt: skip
PEOPLE = [
    Customer("C1", "Wang", "138", "zh", ("S1", "S2"), {"level": 3.0}), Customer("C2", "Ann", "139", "en", ("S12",)),
    Customer("C3", "Bo", "", "en", ("S1",)),
]  # fmt: skip
DEVICE = Device(7, "D-7", "p1", "charger", "n", "S1", "C2", 2, Life.PLANNED, 5, {"temp_trip": 95.0}, ("fast",))
POINT = Point(
    3,
    "p1",
    "energy",
    0,
    PointKind.COUNTER,
    "kWh",
    60,
    2,
    ("idle", "充电"),
    Plausible(0.0, None, 1.5, 9),
    CounterModel(1e6, "restart", 0.01),
)


@pytest.fixture
def registry(database: Database) -> SqlRegistryStore:
    return SqlRegistryStore(database, FixedClock())


def test_everything_comes_back_as_it_was(registry: SqlRegistryStore, database: Database) -> None:
    known = RegistryContents([SITE], PEOPLE, [DEVICE], [POINT])
    registry.save(known, [DeviceSet(DEVICE), ImportMark("a", "f", True)])
    assert registry.load() == known
    assert [fact for _, fact in SqlControlOutbox(database).pending(9)] == [
        DeviceSet(DEVICE),
        ImportMark("a", "f", True),
    ]
    moved = Device(7, "D-7", "p1", "charger", site="S2", life=Life.RETIRED)
    registry.save(RegistryContents([], [], [moved], []), [])
    assert registry.load() == RegistryContents([SITE], PEOPLE, [moved], [POINT])
    assert SqlRegistryStore(database, FixedClock(), "other").load() == RegistryContents([], [], [], [])


def test_a_save_is_all_or_nothing(registry: SqlRegistryStore, database: Database) -> None:
    twice = [DEVICE, Device(8, "D-7", "p1", "charger")]
    with pytest.raises(StoreError):
        registry.save(RegistryContents([SITE], [], twice, []), [DeviceSet(DEVICE)])
    assert registry.load() == RegistryContents([], [], [], [])
    assert SqlControlOutbox(database).pending(9) == []


@settings(max_examples=20, deadline=None)
@given(
    attrs=st.dictionaries(
        st.text(max_size=9), st.text(max_size=9) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
    ),
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
)
def test_any_attributes(
    tmp_path_factory: pytest.TempPathFactory, attrs: dict[str, str | float | bool], name: str
) -> None:
    database = _shared(tmp_path_factory)
    registry = SqlRegistryStore(database, FixedClock())
    device = Device(1, "D", "p", "k", name=name, attrs=attrs, tags=tuple(attrs))
    registry.save(RegistryContents([], [], [device], []), ())
    assert registry.load().devices == [device]


_OPEN: list[Database] = []


def _shared(factory: pytest.TempPathFactory) -> Database:
    if not _OPEN:
        _OPEN.append(Database(f"sqlite:///{factory.mktemp('shared') / 's.db'}"))
        _OPEN[0].upgrade()
    return _OPEN[0]


@pytest.fixture(scope="module", autouse=True)
def _close_shared() -> object:
    yield
    while _OPEN:
        _OPEN.pop().close()


def test_facts_wait_until_they_are_journaled(registry: SqlRegistryStore, database: Database) -> None:
    outbox = SqlControlOutbox(database)
    facts = [ImportMark(str(n), "f", False) for n in range(5)]
    registry.save(RegistryContents([], [], [], []), facts)
    rows = outbox.pending(2)
    assert [fact for _, fact in rows] == facts[:2]
    outbox.journaled({rows[0][0]: 41})
    outbox.journaled({rows[0][0]: 99, rows[1][0]: 42})
    assert [outbox.sequence(row) for row, _ in rows] == [41, 42]
    assert [fact for _, fact in outbox.pending(9)] == facts[2:]
    assert (outbox.purge(77), outbox.purge(78)) == (0, 2)
    assert len(outbox.pending(9)) == 3, "what is not journaled is never purged"


def test_an_audience_is_a_customer_a_site_or_a_list(registry: SqlRegistryStore, database: Database) -> None:
    registry.save(RegistryContents([SITE], PEOPLE, [DEVICE], []), ())
    audience = CustomerAudience(database, {"owner": "customer", "all": "site", "two": ("C1", "C2", "nobody")})

    def who(name: str, device: int = 7, group: str = "") -> list[str]:
        return [recipient.customer for recipient in audience.resolve(name, device, group)]

    assert who("owner") == ["C2"]
    assert who("all") == ["C1", "C3"], "S12 is not S1"
    assert who("two") == ["C1", "C2"]
    assert who("all", 0, "S12") == ["C2"]
    assert (who("unknown"), who("owner", 99), who("all", 99)) == ([], [], [])


def test_a_group_is_a_site_an_area_a_region_or_a_customer(registry: SqlRegistryStore, database: Database) -> None:
    sites = [SITE, Site("S12", area="east"), Site("S3", area="west", region="zj"), Site("S4")]
    registry.save(RegistryContents(sites, PEOPLE, [DEVICE], []), ())
    audience = CustomerAudience(database, {"owner": "customer", "all": "site", "around": "area"})

    def who(name: str, device: int = 0, group: str = "") -> list[str]:
        return [recipient.customer for recipient in audience.resolve(name, device, group)]

    assert who("all", group="S1") == ["C1", "C3"]
    assert who("all", group="east") == who("around", group="S12") == who("around", 7) == ["C1", "C2", "C3"]
    assert who("all", group="zj") == ["C1", "C3"]
    assert who("around", group="S4") == who("all", group="nowhere") == []
    assert who("owner", group="C2") == ["C2"]


def test_places_know_their_area_and_route(registry: SqlRegistryStore, database: Database) -> None:
    sites = [Site("S1", "One", area="east", attrs={"route": "R1"}), Site("S2", attrs={"no_route": True})]
    own = msgspec.structs.replace(DEVICE, id=8, code="D8", site="S1", attrs={"route": 7.0})
    lost = msgspec.structs.replace(DEVICE, id=9, code="D9", site="S2", attrs={"note": '"route"'})
    there = msgspec.structs.replace(DEVICE, site="S1", attrs={})
    registry.save(RegistryContents(sites, [], [there, own, lost], []), ())
    places = database.query(lambda c: SqlDeskTransaction(c).places.of_devices([7, 8, 9, 10]))
    assert {i: (p.area, p.route) for i, p in places.items()} == {7: ("east", "R1"), 8: ("east", "7"), 9: ("", "")}
    (site,) = database.query(lambda c: SqlDeskTransaction(c).places.of_sites("default", ["S1", "S9"])).values()
    assert (site.device, site.site, site.site_name, site.area, site.route) == (0, "S1", "One", "east", "R1")


def test_keys_are_kept_as_digests_and_end(database: Database) -> None:
    keys = ApiKeys(database)
    secret, key = keys.create("oa", Role.INTEGRATOR, 10, ["S1"], expires_at=100)
    verified = keys.verify(secret, 20)
    assert verified is not None
    assert (verified.role, verified.sites, verified.id) == (Role.INTEGRATOR, ("S1",), key.id)
    assert keys.all()[0].used_at == 20
    assert keys.verify(secret, 100) is None
    assert keys.verify(secret + "x", 20) is None
    assert ApiKeys(database, "other").verify(secret, 20) is None
    forever, _ = keys.create("console", Role.ADMIN, 11)
    assert keys.verify(forever, 10**18) is not None
    assert (keys.revoke("console", 30), keys.revoke("console", 31)) == (True, False)
    assert keys.verify(forever, 40) is None
    with pytest.raises(StoreError):
        keys.create("oa", Role.VIEWER, 12)
    dump = "".join(str(database.query(lambda c: c.exec_driver_sql("SELECT * FROM api_key").all())))
    assert secret not in dump
    assert forever not in dump


def test_a_callback_that_comes_twice_is_one_row(database: Database) -> None:
    inbox = Inbox(database)
    first, new = inbox.receive("oa", "ev-1", b'{"a":1}', 10)
    again, repeated = inbox.receive("oa", "ev-1", b'{"a":1}', 11)
    assert (new, repeated, again) == (True, False, first)
    with pytest.raises(CommandError, match="another body"):
        inbox.receive("oa", "ev-1", b'{"a":2}', 11)
    assert inbox.receive("erp", "ev-1", b"x", 12)[1]
    assert [row.endpoint for row in inbox.waiting()] == ["oa", "erp"]
    inbox.done(first.id, "accepted", 13)
    inbox.done(first.id, "rejected", 14)
    assert inbox.receive("oa", "ev-1", b'{"a":1}', 15)[0].result == "accepted"
    assert [row.endpoint for row in inbox.waiting()] == ["erp"]


def test_pages_have_no_gap_and_no_repeat(database: Database) -> None:
    events = [OutboxEvent(f"e{n}", "default", "event", "t", f"s{n}", 1, b"{}", "j", n) for n in range(25)]
    secret = OutboxEvent("n1", "default", "notice", "t", "n", 1, b"138", "j", 9)
    SqlDeskStore(database).transact(lambda unit: unit.write(Changes(events=[*events, secret]), 0))
    queries, found, after = Queries(database), [], 0
    while page := queries.feed(after, 7):
        found += [event.id for _, event in page]
        after = page[-1][0]
    assert found == [event.id for event in events], "a notice is never in the feed"
    for cursor in ("!!", "bm90IGpzb24", "WzEsMiwzXQ", "e30"):
        with pytest.raises(CommandError):
            queries.orders(OrderFilter(), after=cursor)
