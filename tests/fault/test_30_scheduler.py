"""Scenario 30: what is due while no process runs, in an hour that comes twice or never, and with two starts at once."""

import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import process_kit as kit
import pytest
from fake_clock import HOUR, LIBRARY
from hostile_kit import spawn
from test_10_clock_steps import Site, site

pytestmark = [
    *kit.NEEDS_MOSQUITTO,
    pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed (apt-get install faketime)"),
]
RULES = """\
format: 1
rules:
- id: later
  title: {en: Hot for an hour, zh: 过热一小时}
  watch: {kind: charger}
  when: "gun_temp >= 90 degC"
  clear: "gun_temp < 80 degC"
  then: {order: {type: repair, fault: LATER, level: major, after: 1h}}
- id: check
  title: {en: Check due, zh: 检验到期}
  watch: {kind: charger, where: "has(check)"}
  due: {date: check, stages: {minor: 0d}, at: "02:30"}
  then: {order: {type: repair, fault: CHECK}}
"""


def ahead_of(moment: datetime) -> float:
    """Seconds from now to a moment."""
    return (moment - datetime.now(UTC)).total_seconds()


def prepare(here: Site, day: str) -> None:
    """Rules with due-times; the first device has to be checked on `day`, at half past two in Berlin."""
    project = here.folder / "project"
    (project / "rules" / "kill.yaml").write_text(RULES)
    (project / "devices.csv").write_text(f"code,profile,check\nD00000,kill,{day}\nD00001,kill,\n")
    here.config.write_text(here.config.read_text().replace("timezone: Asia/Shanghai", "timezone: Europe/Berlin"))


def counted(here: Site, fault: str) -> tuple[int, int]:
    """(orders of the fault at the OA, deliveries the OA got twice)."""
    stats = httpx.get(f"http://127.0.0.1:{here.oa}/stats").json()
    return here.orders_by_fault().get(fault, 0), stats.get("duplicates", 0)


def deadlines_ran(here: Site, seconds: float = 6.5) -> None:
    """Long enough for the deadlines, which are looked at every five seconds."""
    time.sleep(seconds)
    assert not here.gone()


@pytest.mark.slow_fault
def test_a_deadline_that_passed_while_no_process_ran_is_met_once(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        prepare(here, "")
        here.start()
        here.send(1, temp=95.0)
        kit.wait_until(lambda: here.metric("fieldgate_alarms_raised") >= 1, 20, "the alarm", here.log)
        here.stop()
        here.clock.set(2 * HOUR)
        here.start()
        here.wait("LATER", 1)
        here.stop()
        here.clock.set(5 * HOUR)
        here.start()
        deadlines_ran(here)
        assert counted(here, "LATER") == (1, 0), "once, however late and however often it starts"
        here.stop()


@pytest.mark.slow_fault
@pytest.mark.parametrize(
    ("day", "first", "second"),
    [
        ("2026-10-25", datetime(2026, 10, 25, 0, 29, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 29, 55, tzinfo=UTC)),
        ("2027-03-28", datetime(2027, 3, 28, 0, 59, 30, tzinfo=UTC), datetime(2027, 3, 28, 1, 29, 55, tzinfo=UTC)),
    ],
    ids=["an hour that comes twice", "an hour that never comes"],
)
def test_a_local_time_that_comes_twice_or_never_is_met_once(
    tmp_path: Path, day: str, first: datetime, second: datetime
) -> None:
    with site(tmp_path, ahead_of(first)) as here:
        prepare(here, day)
        here.start()
        here.wait("CHECK", 1, seconds=60)
        here.step(ahead_of(second))
        deadlines_ran(here, 8)
        here.stop()
        here.start()
        deadlines_ran(here)
        assert counted(here, "CHECK") == (1, 0)
        here.stop()


@pytest.mark.slow_fault
def test_a_local_time_that_passed_while_no_process_ran_is_met_once(tmp_path: Path) -> None:
    with site(tmp_path, ahead_of(datetime(2026, 10, 24, 22, tzinfo=UTC))) as here:
        prepare(here, "2026-10-25")
        here.start()
        here.stop()
        here.clock.set(ahead_of(datetime(2026, 10, 25, 9, tzinfo=UTC)))
        here.start()
        here.wait("CHECK", 1)
        here.stop()
        here.start()
        deadlines_ran(here)
        assert counted(here, "CHECK") == (1, 0)
        here.stop()


@pytest.mark.slow_fault
def test_a_second_start_on_the_same_files_is_refused_and_doubles_nothing(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        prepare(here, "")
        here.start()
        here.send(1, temp=95.0)
        kit.wait_until(lambda: here.metric("fieldgate_alarms_raised") >= 1, 20, "the alarm", here.log)
        with (tmp_path / "second.log").open("wb") as out:
            second = spawn(
                "-m", "gateway", "run", "-c", str(here.config), stdout=out, stderr=out, env=here.clock.environment
            )
        assert second.wait(60) != 0
        here.step(2 * HOUR)
        here.wait("LATER", 1)
        deadlines_ran(here)
        assert counted(here, "LATER") == (1, 0)
        here.stop()
