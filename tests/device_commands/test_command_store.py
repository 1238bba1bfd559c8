"""Commands in SQL: keys, limits, and an audit that the database keeps as it is."""

from collections.abc import Iterator

import postgres_kit
import pytest
from sqlalchemy import create_engine, delete, text, update

from gateway.domain.device_command.command import CommandEvent, CommandState, DeviceCommand
from gateway.domain.device_command.lifecycle import Happening
from gateway.domain.duration import MINUTE
from gateway.domain.errors import CommandError, Conflict, StoreError
from gateway.domain.workorder import Actor, Role
from gateway.store import Database, tables
from gateway.store.device_command_store import SqlDeviceCommands
from simulators.postgres_server import PASSWORD, server_programs

NOW = 1_795_327_200_000_000
BOSS = Actor("bob", Role.SUPERVISOR)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("commands")
    if request.param == "sqlite":
        one = Database(f"sqlite:///{folder / 'store.db'}")
        one.upgrade()
        yield one
        one.close()
        return
    if server_programs() is None:
        pytest.skip("no PostgreSQL server")
    place = f"postgresql+psycopg://postgres:{PASSWORD}@127.0.0.1:{postgres_kit.server().port}"
    admin = create_engine(f"{place}/postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE device_commands")
    admin.dispose()
    one = Database(f"{place}/device_commands")
    one.upgrade()
    yield one
    one.close()


def command(key: str = "k1", device: int = 1, at: int = NOW, digest: str = "d") -> DeviceCommand:
    return DeviceCommand(
        f"id-{key}",
        "default",
        key,
        digest,
        device,
        1,
        "set_limit",
        "broker",
        {"limit": 16.5, "fast": True},
        "why",
        "ann",
        Role.OPERATOR,
        at,
        at,
        at + MINUTE,
        CommandState.AWAITING_APPROVAL,
        approval="supervisor",
    )


def test_a_key_is_one_command(database: Database) -> None:
    store = SqlDeviceCommands(database)
    first = command("once", device=10)
    assert store.add(first, 6) == (first, True)
    assert store.add(command("once", device=10, at=NOW + 5), 6) == (first, False)
    assert store.get(first.id) == first
    with pytest.raises(Conflict, match="once"):
        store.add(command("once", device=10, digest="other"), 6)
    assert [record.type for record in store.audit(first.id)] == ["request"]
    assert store.audit(first.id)[0].data == {"limit": 16.5, "fast": True, "note": "why"}
    assert SqlDeviceCommands(database, "other").get(first.id) is None


def test_a_device_gets_so_many_a_minute(database: Database) -> None:
    store = SqlDeviceCommands(database)
    for number in range(3):
        store.add(command(f"many-{number}", device=20), 3)
    with pytest.raises(CommandError) as refused:
        store.add(command("many-3", device=20), 3)
    assert refused.value.status == 429
    assert store.add(command("many-4", device=21), 3)[1], "another device is not held up"
    assert store.add(command("many-5", device=20, at=NOW + MINUTE), 3)[1], "a minute later there is room"


def test_events_are_applied_and_recorded_together(database: Database) -> None:
    store = SqlDeviceCommands(database)
    one, _ = store.add(command("life", device=30), 6)
    approved, changed = store.change(
        one.id, lambda _: Happening(CommandEvent.APPROVE, NOW + 1, BOSS, expires_at=NOW + 9)
    )
    assert changed
    assert store.change(one.id, lambda _: None) == (approved, False)
    with pytest.raises(Conflict):
        store.change(one.id, lambda _: Happening(CommandEvent.ANSWER_OK, NOW + 2))
    store.change(one.id, lambda _: Happening(CommandEvent.SEND, NOW + 2, data={"value_before": 10.0}))
    assert one.id in [waiting.id for waiting in store.waiting()]
    done, _ = store.change(one.id, lambda _: Happening(CommandEvent.ANSWER_OK, NOW + 3, answer="done"))
    assert store.get(one.id) == done
    assert (done.state, done.answer, done.ended_at) == (CommandState.ANSWERED_OK, "done", NOW + 3)
    assert one.id not in [waiting.id for waiting in store.waiting()]
    lines = store.audit(one.id)
    assert [(line.seq, line.type, line.actor, line.before, line.after) for line in lines] == [
        (1, "request", "ann", "", "awaiting_approval"),
        (2, "approve", "bob", "awaiting_approval", "approved"),
        (3, "send", "system", "approved", "sent"),
        (4, "answer_ok", "system", "sent", "answered_ok"),
    ]
    assert lines[2].data == {"value_before": 10.0}
    with pytest.raises(CommandError, match="no device command"):
        store.change("nobody", lambda _: None)


def test_the_audit_is_never_changed(database: Database) -> None:
    store = SqlDeviceCommands(database)
    one, _ = store.add(command("kept", device=40), 6)
    before = store.audit(one.id)
    table = tables.device_command_audit
    for statement in (update(table).values(actor="nobody"), delete(table), text("DELETE FROM device_command_audit")):
        with pytest.raises(StoreError, match="never changed"):
            database.transact(lambda c, wanted=statement: c.execute(wanted))
    assert store.audit(one.id) == before


def test_pages_go_on_where_the_last_one_ended(database: Database) -> None:
    store = SqlDeviceCommands(database)
    for number in range(5):
        store.add(command(f"page-{number}", device=50, at=NOW + number // 2), 9)
    seen: list[str] = []
    last: tuple[int, str] | None = None
    while page := store.listed(2, last, device=50):
        seen += [one.key for one in page]
        last = (page[-1].created_at, page[-1].id)
    assert seen == [f"page-{number}" for number in (4, 3, 2, 1, 0)]
    assert store.listed(9, device=50, states=[CommandState.SENT]) == []
    assert len(store.listed(9, device=50, is_open=True)) == 5
