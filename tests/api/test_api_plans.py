"""A plan through engine, desk and API: an engineer does the work, the next date counts from it, one order each time."""

from dataclasses import dataclass, field

import pytest
from api_kit import NOW, World
from msgspec.structs import replace

from gateway.domain.duration import DAY, HOUR
from gateway.domain.record import Body, CycleDone, DeviceSet, Record, RecordKind, RuleSet, Tick
from gateway.domain.workorder import Role
from rules.compiled import Names
from rules.engine import Engine
from rules.format import compile_source, load_text

HEAD = "format: 1\nprofiles: {charger: {points: {energy: {unit: kWh, kind: counter}}}}\nrules:\n- id: plan\n"
DUE = (
    "  due: {date: checked_until, stages: {minor: -14d, major: 0d}, at: '06:00', repeat: 6 months, basis: completed}\n"
)
TERM = "  every: {counter: energy, step: 500 kWh, or_after: 6 months}\n"
BEFORE = 184 * DAY  # from 22 May to 22 November


@dataclass
class Plant:
    """The engine beside the gateway's desk: facts of the journal go in, transitions go to the desk."""

    world: World
    engine: Engine = field(default_factory=lambda: Engine(0, compile_source, "default"))
    read: int = 0

    def write(self, body: Body, at: int) -> None:
        seq = self.engine.seq + 1
        told = self.engine.step(Record(seq, at, body))
        facts = [] if isinstance(body, Tick) else [(seq, body)]
        self.world.app.desk.apply(told, seq, facts, at)  # type: ignore[arg-type]

    def hear(self, at: int) -> list[Body]:
        """What the desk told the journal since, at `at` µs."""
        records = self.world.app.stores.journal.kept(RecordKind.FACT, self.read, 1000)
        for record in records:
            self.read = record.seq
            if isinstance(record.body, DeviceSet):
                attrs = {**record.body.device.attrs, "checked_until": "2026-11-22"}
                self.write(DeviceSet(replace(record.body.device, attrs=attrs, registered=NOW - BEFORE)), at)
            elif not isinstance(record.body, RuleSet):
                self.write(record.body, at)
        return [record.body for record in records]

    def restart(self) -> None:
        self.engine = Engine.restore(self.engine.snapshot(), compile_source)

    async def orders(self) -> list[tuple[str, str]]:
        return sorted((one["no"], one["state"]) for one in (await self.world.get("/v1/work-orders"))["items"])

    async def act(self, no: str, act: str, role: Role = Role.SUPERVISOR, **said: object) -> None:
        assert (await self.world.act(no, act, role, **said)).status_code == 200


def plant(world: World, condition: str) -> Plant:
    found = load_text(
        f"{HEAD}  watch: {{kind: charger}}\n{condition}  then: {{order: {{type: repair}}}}\n", "p.yaml", Names({})
    )
    assert not found.problems, found.problems
    made, rule = Plant(world), found.rules[0]
    made.write(RuleSet(rule.id, rule.revision, rule.source, "UTC"), NOW)
    return made


@pytest.mark.parametrize("condition", [DUE, TERM])
async def test_work_done_makes_the_next_order_exactly_once(world: World, condition: str) -> None:
    made = plant(world, condition)
    await world.app.ingest.pump.pump()
    made.hear(NOW)
    for second in range(3):
        made.write(Tick(NOW + second * 1_000_000), NOW + second * 1_000_000)
    first = await made.orders()
    assert [state for _, state in first] == ["new"] * 3  # three chargers
    no, code = first[0][0], (await world.get(f"/v1/work-orders/{first[0][0]}"))["place"]["device"]
    for act, said in (("assign", {"assignee": "engineer"}), ("accept", {}), ("start", {})):
        await made.act(no, act, **said)
    world.clock.at = NOW + 2 * DAY
    done = {"fault": "-", "cause": "six months", "remedy": "checked", "occurred_at": "2026-11-23T06:00:00Z"}
    await made.act(no, "resolve", **done)
    (fact,) = [one for one in made.hear(NOW + 2 * DAY) if isinstance(one, CycleDone)]
    assert fact == CycleDone("plan", world.id(code), 0, None, "supervisor", NOW + DAY, no)
    (alarm,) = (await world.get(f"/v1/alarms?device={code}"))["items"]
    assert alarm["state"] == "cleared"
    made.restart()
    world.clock.at = NOW + 3 * DAY
    await made.act(no, "close")
    made.hear(NOW + 3 * DAY)
    begins = NOW + DAY + (167 if condition == DUE else 181) * DAY  # 14 days before 23 May, or on it at six
    for at in (begins - HOUR, begins - 1_000_000, begins, begins + 1_000_000, begins + HOUR):
        made.write(Tick(at), at)
        mine = (await world.get(f"/v1/work-orders?device={code}"))["items"]
        assert len(mine) == (1 if at < begins else 2)
    made.restart()
    made.write(Tick(begins + DAY), begins + DAY)
    assert sorted(state for _, state in await made.orders()) == ["closed", "new", "new", "new"]
    assert len((await world.get(f"/v1/alarms?device={code}"))["items"]) == 2


async def test_closing_an_order_says_nothing_more_of_work_that_was_done(world: World) -> None:
    """A date that begins while the order of the one before is resolved and not closed stays on, and gets its order."""
    made = plant(world, DUE.replace("6 months", "2 weeks").replace("-14d", "-7d"))
    await world.app.ingest.pump.pump()
    made.hear(NOW)
    made.write(Tick(NOW + 1_000_000), NOW + 1_000_000)
    no = (await made.orders())[0][0]
    for act, said in (("assign", {"assignee": "engineer"}), ("accept", {}), ("start", {})):
        await made.act(no, act, **said)
    await made.act(no, "resolve", fault="-", cause="-", remedy="-")
    made.hear(NOW)
    later = NOW + 8 * DAY
    made.write(Tick(later), later)
    world.clock.at = later + HOUR
    await made.act(no, "close", reason="checked")
    made.hear(later + HOUR)
    code = (await world.get(f"/v1/work-orders/{no}"))["place"]["device"]
    states = [one["state"] for one in (await world.get(f"/v1/alarms?device={code}"))["items"]]
    assert sorted(states) == ["cleared", "raised"]
