"""Inspection, hazard, rectification, recheck: no order of the chain ends before the hazard does."""

from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from desk_kit import BOSS, NOW, World, new_world
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from gateway.desk.hazards.commands import HazardCommands
from gateway.domain.alarm import Level
from gateway.domain.duration import MINUTE
from gateway.domain.errors import CommandError
from gateway.domain.hazard import FoundHazard, Hazard, HazardState
from gateway.domain.workorder import Act, Actor, FaultReport, OrderState, Role, WorkOrder
from gateway.store.hazard_rows import hazard_of
from gateway.store.hazard_tables import hazard

ZHANG = Actor("zhang", Role.ENGINEER)
DONE = {"fault": "-", "cause": "-", "remedy": "done"}


class Chain:
    """One inspection, and short ways to act on it."""

    def __init__(self, world: World) -> None:
        self.world, self.now, self.commands = world, NOW, 0
        report = FaultReport(101, "inspection", "Gas inspection", "燃气安检", BOSS, "first", type="inspection")
        self.inspection = world.desk.report(report, NOW).no

    def later(self) -> int:
        self.now += MINUTE
        self.commands += 1
        return self.now

    def execute(self, method: str, *args: Any, command: str = "", **fields: Any) -> Hazard:
        now = self.later()
        part = getattr(HazardCommands(self.world.desk.writer, "default"), method)
        if method != "record":
            fields["command_id"] = command or f"h{self.commands}"
        found: Hazard = self.world.desk.execute(now, lambda work: part(work, *args, **fields))
        return found

    def found(self, actor: Actor = ZHANG, command: str = "", order: str = "") -> Hazard:
        one = FoundHazard(
            order or self.inspection,
            actor,
            command or f"f{self.commands}",
            "G03",
            "Leaking hose",
            "软管漏气",
            Level.MAJOR,
        )
        return self.execute("record", one)

    def act(self, no: str, act: Act, actor: Actor = BOSS, **fields: Any) -> WorkOrder:
        return self.world.act(no, act, actor, now=self.later(), **fields)

    def work(self, no: str, upto: Act = Act.RESOLVE, who: str = "zhang") -> None:
        for act, fields in (
            (Act.ASSIGN, {"assignee": who}),
            (Act.ACCEPT, {}),
            (Act.START, {}),
            (Act.RESOLVE, DONE),
            (Act.CLOSE, {}),
        ):
            self.act(no, act, **fields)
            if act is upto:
                return

    def hazards(self) -> list[Hazard]:
        rows = select(hazard).order_by(hazard.c.no)
        return self.world.database.query(lambda c: [hazard_of(row) for row in c.execute(rows)])

    def orders(self) -> dict[str, WorkOrder]:
        return {one.id: one for one in self.world.queries.orders(limit=500).items}

    def order(self, id_: str) -> WorkOrder:
        return self.orders()[id_]


@pytest.fixture
def chain(world: World) -> Chain:
    return Chain(world)


def test_the_whole_chain(chain: Chain) -> None:
    with pytest.raises(CommandError, match="nobody works on order"):
        chain.found(BOSS)
    chain.work(chain.inspection, Act.START)
    one = chain.found(command="a")
    assert chain.found(command="a") == one
    assert (one.no, one.state) == (f"{chain.inspection}-H1", HazardState.RECTIFYING)
    rectification = chain.order(one.rectification)
    assert (rectification.type, rectification.title_zh, rectification.related_to, rectification.level) == (
        "rectification",
        "整改：软管漏气",
        chain.inspection,
        Level.MAJOR,
    )
    chain.act(chain.inspection, Act.RESOLVE, **DONE)
    for no, act in ((chain.inspection, Act.CLOSE), (rectification.no, Act.CANCEL)):
        with pytest.raises(CommandError) as refused:
            chain.act(no, act, reason="customer")
        assert refused.value.status == 409
    chain.work(rectification.no)
    [one] = chain.hazards()
    assert one.state is HazardState.RECHECKING
    recheck = chain.order(one.recheck)
    assert (recheck.type, recheck.assign, recheck.related_to) == ("recheck", "zhang", rectification.no)
    with pytest.raises(CommandError):
        chain.act(rectification.no, Act.CLOSE)
    with pytest.raises(CommandError, match="not started"):
        chain.execute("result", one.no, True, "", BOSS)
    chain.work(recheck.no, Act.START)
    with pytest.raises(CommandError, match="no result of its recheck"):
        chain.act(recheck.no, Act.RESOLVE, **DONE)
    with pytest.raises(CommandError, match="still wrong"):
        chain.execute("result", one.no, False, "", ZHANG)
    chain.execute("result", one.no, False, "still leaks", ZHANG)
    chain.act(recheck.no, Act.RESOLVE, **DONE)
    [one] = chain.hazards()
    assert (one.state, one.rechecks) == (HazardState.RECTIFYING, 1)
    again = chain.order(one.rectification)
    assert (again.state, again.reopen_count) == (OrderState.IN_PROGRESS, 1)
    chain.act(again.no, Act.RESOLVE, **DONE)
    [one] = chain.hazards()
    second = chain.order(one.recheck)
    assert second.no != recheck.no
    chain.work(second.no, Act.START)
    chain.execute("result", one.no, True, "tight", ZHANG)
    chain.act(second.no, Act.RESOLVE, **DONE)
    [one] = chain.hazards()
    assert (one.state, one.ended_by) == (HazardState.CLEARED, "boss")
    for no in (second.no, recheck.no, rectification.no, chain.inspection):
        assert chain.act(no, Act.CLOSE).state is OrderState.CLOSED
    with pytest.raises(CommandError, match="has ended"):
        chain.act(rectification.no, Act.REOPEN, reason="leaks again")
    kinds = [row.data for row in chain.world.queries.audit(chain.inspection) if "hazard" in row.data]
    assert len(kinds) == 2  # found, cleared


def test_only_a_supervisor_withdraws_and_says_why(chain: Chain) -> None:
    chain.work(chain.inspection, Act.START)
    one = chain.found()
    chain.work(chain.order(one.rectification).no)
    with pytest.raises(CommandError) as refused:
        chain.execute("withdraw", one.no, "was none", ZHANG)
    assert refused.value.status == 403
    with pytest.raises(CommandError) as refused:
        chain.execute("withdraw", one.no, " ", BOSS)
    assert refused.value.status == 422
    [before] = chain.hazards()
    done = chain.execute("withdraw", one.no, "was none", BOSS, command="w")
    assert chain.execute("withdraw", one.no, "was none", BOSS, command="w") == done
    assert done.state is HazardState.WITHDRAWN
    assert chain.order(before.recheck).state is OrderState.CANCELLED
    assert chain.order(one.rectification).state is OrderState.CLOSED
    chain.act(chain.inspection, Act.RESOLVE, **DONE)
    assert chain.act(chain.inspection, Act.CLOSE).state is OrderState.CLOSED


def test_a_rectification_reopened_before_its_recheck(chain: Chain) -> None:
    chain.work(chain.inspection, Act.START)
    one = chain.found()
    no = chain.order(one.rectification).no
    chain.work(no)
    [one] = chain.hazards()
    first = one.recheck
    chain.act(no, Act.REOPEN, reason="photo missing")
    [one] = chain.hazards()
    assert (one.state, one.recheck) == (HazardState.RECTIFYING, "")
    assert chain.order(first).state is OrderState.CANCELLED
    chain.act(no, Act.RESOLVE, **DONE)
    assert chain.hazards()[0].rechecks == 2


class AnyActs(RuleBasedStateMachine):
    """Whatever people do, in whatever order: nothing of a chain ends before its hazards."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = new_world("sqlite")
        self.chain = Chain(self.opened.__enter__())

    def teardown(self) -> None:
        self.opened.__exit__(None, None, None)

    def tried(self, call: partial[Any]) -> None:
        with suppress(CommandError):
            call()

    @rule(pick=st.integers(0, 9), act=st.sampled_from([act for act in Act if act is not Act.COMMENT]))
    def act(self, pick: int, act: Act) -> None:
        numbers = sorted(one.no for one in self.chain.orders().values())
        fields: dict[str, Any] = {"assignee": "zhang"} if act is Act.ASSIGN else {}
        fields |= DONE if act is Act.RESOLVE else {}
        fields |= {"reason": "customer"} if act in {Act.CANCEL, Act.REOPEN, Act.REJECT, Act.CLOSE} else {}
        fields |= {"reason": "waiting_parts"} if act is Act.HOLD else {}
        self.tried(partial(self.chain.act, numbers[pick % len(numbers)], act, **fields))

    @rule(pick=st.integers(0, 9))
    def work(self, pick: int) -> None:
        numbers = sorted(one.no for one in self.chain.orders().values())
        self.tried(partial(self.chain.work, numbers[pick % len(numbers)]))

    @rule()
    def find(self) -> None:
        if len(self.chain.hazards()) < 3:
            self.tried(partial(self.chain.found, BOSS))

    @rule(pick=st.integers(0, 2), passed=st.booleans())
    def result(self, pick: int, passed: bool) -> None:
        if hazards := self.chain.hazards():
            no = hazards[pick % len(hazards)].no
            self.tried(partial(self.chain.execute, "result", no, passed, "seen", BOSS))

    @rule(pick=st.integers(0, 9))
    def withdraw(self, pick: int) -> None:
        hazards = self.chain.hazards()
        if pick < len(hazards):
            self.tried(partial(self.chain.execute, "withdraw", hazards[pick].no, "was none", BOSS))

    @invariant()
    def holds(self) -> None:
        orders = self.chain.orders()
        for one in self.chain.hazards():
            inspection, rectification = orders[one.inspection], orders[one.rectification]
            if not one.state.ended:
                assert not inspection.state.ended
                assert not rectification.state.ended
            if one.state is HazardState.RECHECKING:
                assert rectification.state is OrderState.RESOLVED
                assert orders[one.recheck].state not in {OrderState.CANCELLED, OrderState.CLOSED}
            if one.state is HazardState.CLEARED:
                assert one.passed
                assert rectification.state in {OrderState.RESOLVED, OrderState.CLOSED}
                assert orders[one.recheck].state in {OrderState.RESOLVED, OrderState.CLOSED, OrderState.IN_PROGRESS}


TestAnyActs = AnyActs.TestCase
TestAnyActs.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
