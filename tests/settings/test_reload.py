"""Rule files that change while the gateway runs: what differs takes effect, mistakes change nothing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from settings.test_project import RULES, house
from structlog.testing import capture_logs

from gateway.app.in_force import ProjectInForce
from gateway.app.reload import Reload, named, rule_changes
from gateway.domain.errors import StoreFull
from gateway.domain.record import Fact, Record, RuleRemoved, RuleSet
from gateway.settings.project import Project, load_project
from rules.compiled import Names
from rules.engine import Engine
from rules.format import Loaded, compile_policy, compile_source, load_text


class Clock:
    def now(self) -> int:
        return 7


class Running:
    """A project with its engine; the journal is a list."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = Engine(0, compile_source, "t", compile_policy=compile_policy)
        self.facts: list[Fact] = []
        self.full = False
        project = load_project(house(folder), {})
        self.reload = Reload(ProjectInForce(project), Clock(), self.apply)
        self.step(rule_changes(project.rulebook, project.settings.timezone, self.engine.status(), "configuration"))

    def step(self, facts: Sequence[Fact]) -> list[int]:
        for fact in facts:
            self.facts.append(fact)
            self.engine.step(Record(len(self.facts), 0, fact))
        return [len(self.facts)]

    async def apply(self, project: Project, actor: str) -> list[str]:
        facts = rule_changes(project.rulebook, project.settings.timezone, self.engine.status(), actor)
        if self.full:
            raise StoreFull("full")
        self.step(facts)
        return [named(fact) for fact in facts]

    def write(self, text: str, name: str = "a.yaml") -> None:
        (self.folder / "rules" / name).write_text(text, "utf-8")


@pytest.fixture
def running(tmp_path: Path) -> Running:
    return Running(tmp_path)


async def test_the_same_files_change_nothing(running: Running) -> None:
    assert (await running.reload.reload("li")).changed == 0
    assert [type(fact) for fact in running.facts] == [RuleSet]


async def test_only_what_differs_is_journaled_with_who(running: Running) -> None:
    running.write(RULES.replace("id: hot", "id: other"), "b.yaml")
    assert (await running.reload.reload("li")).changed == 1
    fact = running.facts[-1]
    assert isinstance(fact, RuleSet)
    assert (fact.id, fact.actor) == ("other", "li")
    assert set(running.reload.project.rulebook.rules) == {"hot", "other"}
    (running.folder / "rules" / "b.yaml").unlink()
    await running.reload.reload("li")
    assert running.facts[-1] == RuleRemoved("other", "li")


async def test_a_mistake_keeps_the_old_rules_and_is_told(running: Running) -> None:
    running.write(RULES.replace("temp > 85 degC", "tmp > 85 degC"))
    found = await running.reload.reload("li")
    assert [problem.key.split(".")[0] for problem in found.problems]
    assert len(running.facts) == 1
    assert running.engine.rules["hot"][1].source == running.facts[0].source  # type: ignore[union-attr]
    running.write(RULES.replace("customer", "nobody"))
    assert [problem.key for problem in (await running.reload.reload("li")).problems] == ["config.rule.audience"]
    running.write(RULES.replace("85", "84"))
    assert (await running.reload.reload("li")).problems == ()
    assert len(running.facts) == 2


async def test_files_are_followed_and_a_signal_is_heard(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.app.reload.POLL", 0.01)
    task = asyncio.create_task(running.reload.run())
    running.write(RULES.replace("85", "84"))
    async with asyncio.timeout(5):
        while len(running.facts) < 2:
            await asyncio.sleep(0.005)
    assert running.facts[-1].actor == "configuration"  # type: ignore[union-attr]
    monkeypatch.setattr("gateway.app.reload.POLL", 60)
    await asyncio.sleep(0.05)
    running.write(RULES.replace("85", "83"))
    running.reload.wake()
    async with asyncio.timeout(5):
        while len(running.facts) < 3:
            await asyncio.sleep(0.005)
    task.cancel()


async def test_a_full_journal_is_tried_again(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.app.reload.POLL", 0.01)
    running.full = True
    running.write(RULES.replace("85", "84"))
    task = asyncio.create_task(running.reload.run())
    await asyncio.sleep(0.1)
    assert len(running.facts) == 1
    running.full = False
    async with asyncio.timeout(5):
        while len(running.facts) < 2:
            await asyncio.sleep(0.005)
    task.cancel()


async def test_one_of_many_files_costs_no_more_than_itself(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        running.write(RULES.replace("id: hot", f"id: rule{number}"), f"r{number}.yaml")
    await running.reload.reload("li")
    running.write(RULES.replace("id: hot", "id: rule7").replace("85", "84"), "r7.yaml")
    read: list[str] = []

    def noted(text: str, file: str, names: Names) -> Loaded:
        read.append(Path(file).name)
        return load_text(text, file, names)

    monkeypatch.setattr("gateway.settings.rulebook.load_text", noted)
    assert (await running.reload.reload("li")).changed == 1
    assert read == ["r7.yaml"]


HOURS = RULES + "  active: {days: [workday]}\n"
OWN = "years: {1970: {holidays: [{from: 1970-01-01}]}}\n"


async def test_a_changed_calendar_is_an_edit_of_the_rules_that_go_by_it(running: Running) -> None:
    running.write(HOURS)
    running.write(RULES.replace("id: hot", "id: other"), "b.yaml")
    await running.reload.reload("li")
    before = {rule: fact.revision for rule, (fact, _) in running.engine.rules.items()}
    (running.folder / "calendars").mkdir()
    (running.folder / "calendars" / "cn.yaml").write_text(OWN, "utf-8")
    assert await running.reload._differs(), "the file of our own replaces the shipped one"
    assert (await running.reload.reload("li")).changed == 1
    after = {rule: fact.revision for rule, (fact, _) in running.engine.rules.items()}
    assert {rule for rule in after if after[rule] != before[rule]} == {"hot"}
    active = running.engine.rules["hot"][1].active
    assert active is not None
    assert active.calendar is not None
    assert active.calendar.years == (1970,)
    (running.folder / "calendars" / "cn.yaml").write_text(OWN.replace("years", "yeers"), "utf-8")
    found = await running.reload.reload("li")
    assert [problem.key for problem in found.problems] == ["rules.key.near", "rules.key.missing"]
    assert {rule: fact.revision for rule, (fact, _) in running.engine.rules.items()} == after


async def test_a_year_that_is_not_known_is_logged_once(running: Running) -> None:
    """The clock stands in 1970."""
    running.write(HOURS)
    await running.reload.reload("li")
    with capture_logs() as said:
        running.reload._warn_of_years()
        running.reload._warn_of_years()
    assert [(one["event"], one["calendar"], one["year"]) for one in said] == [("calendar incomplete", "cn", 1970)]
