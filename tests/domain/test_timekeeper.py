"""Steps of the gateway's clock, on a virtual one: what is journaled of them, when engine time follows one back."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.clocks import BUILT, Timekeeper
from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.domain.record import ClockStep, Down

NOW = BUILT + 300 * DAY
LIMIT, PATIENCE = 5 * MINUTE, MINUTE


class Machine:
    """A wall clock, a steady one, and the keeper that looks at both and hears of every tick."""

    def __init__(self, newest: int = NOW, now: int = NOW) -> None:
        self.wall, self.steady = now, 7 * DAY
        self.keeper = Timekeeper(newest, LIMIT, PATIENCE)
        assert self.look() == ()

    def run(self, seconds: float) -> list[Down | ClockStep]:
        """Time passes; one look a second."""
        found: list[Down | ClockStep] = []
        for _ in range(round(seconds)):
            self.wall += SECOND
            self.steady += SECOND
            found += self.look()
        return found

    def set(self, wall: int) -> tuple[Down | ClockStep, ...]:
        self.wall = wall
        return self.look()

    def look(self) -> tuple[Down | ClockStep, ...]:
        found = self.keeper.check(self.wall, self.steady)
        self.keeper.mark.observe(self.wall)
        return found

    @property
    def suspect(self) -> bool:
        return self.wall < self.keeper.mark.newest


def test_time_that_passes_and_a_clock_that_is_slewed_are_no_steps() -> None:
    machine = Machine()
    for _ in range(1000):
        machine.wall += SECOND + 500  # 500 ppm
        machine.steady += SECOND
        assert machine.look() == ()
    machine.steady += HOUR
    machine.wall += HOUR
    assert machine.look() == (), "nobody looked for an hour: no step"


def test_a_step_forward_is_time_that_nobody_watched() -> None:
    machine = Machine()
    machine.run(10)
    assert machine.set(NOW + HOUR) == (Down(NOW + 10 * SECOND, NOW + HOUR), ClockStep(NOW + 10 * SECOND, NOW + HOUR))
    assert machine.run(10) == []
    assert machine.keeper.trusted(machine.steady)


def test_a_dead_battery_then_today_with_and_without_a_journal() -> None:
    year_2000 = 946_684_800 * SECOND
    machine = Machine(newest=0, now=year_2000)
    machine.run(60)
    was = year_2000 + 60 * SECOND
    assert machine.set(NOW) == (Down(was, NOW), ClockStep(was, NOW))
    assert machine.keeper.trusted(machine.steady), "a clock that was never set says nothing of what is old"

    machine = Machine(newest=NOW - DAY, now=year_2000)
    assert machine.run(3600) == [], "it is waited for as long as it takes: no clock that is right says 2000"
    assert machine.suspect
    found = machine.set(NOW)
    assert found == (Down(NOW - DAY, NOW), ClockStep(year_2000 + HOUR, NOW))
    assert not machine.suspect


def test_a_small_step_back_is_waited_for() -> None:
    machine = Machine()
    machine.run(10)
    assert machine.set(NOW - 4 * MINUTE) == (ClockStep(NOW + 10 * SECOND, NOW - 4 * MINUTE, waits=True),)
    assert machine.suspect
    assert machine.run(4 * 60 + 9) == []
    assert machine.suspect
    assert machine.run(2) == []
    assert not machine.suspect


def test_an_hour_ahead_and_back_is_followed_at_once() -> None:
    machine = Machine()
    machine.set(NOW + HOUR)
    machine.run(600)
    assert machine.set(NOW + 600 * SECOND) == (ClockStep(NOW + HOUR + 600 * SECOND, NOW + 600 * SECOND),)
    assert not machine.suspect
    assert machine.run(10) == []


def test_many_small_steps_back_are_followed_once_they_add_up() -> None:
    machine = Machine()
    machine.set(NOW - 4 * MINUTE)
    found = machine.set(NOW - 8 * MINUTE)
    assert found == (ClockStep(NOW - 4 * MINUTE, NOW - 8 * MINUTE),)
    assert not machine.suspect


def test_a_clock_that_a_start_finds_behind_is_given_a_minute() -> None:
    machine = Machine(newest=NOW, now=NOW - HOUR)
    assert machine.run(58) == []
    assert machine.suspect
    (step,) = machine.run(3)
    assert isinstance(step, ClockStep)
    assert step.frm == NOW
    assert abs(step.to - (NOW - HOUR + MINUTE)) <= SECOND
    assert not machine.suspect

    machine = Machine(newest=NOW, now=NOW - HOUR)
    machine.run(30)
    assert machine.set(NOW + MINUTE) == (Down(NOW, NOW + MINUTE), ClockStep(NOW - HOUR + 30 * SECOND, NOW + MINUTE))


def test_by_a_clock_far_ahead_nothing_is_deleted_for_a_day() -> None:
    machine = Machine()
    machine.set(NOW + 30 * DAY)
    assert not machine.keeper.trusted(machine.steady)
    machine.set(NOW)
    assert machine.keeper.trusted(machine.steady), "it was a mistake, and is mended"
    machine.set(NOW + 30 * DAY)
    machine.wall += DAY
    machine.steady += DAY
    machine.look()
    assert machine.keeper.trusted(machine.steady)
    assert not Machine(newest=NOW - 200 * DAY, now=NOW).keeper.trusted(7 * DAY), "a start after a long time"


def test_what_could_not_be_journaled_is_found_again() -> None:
    machine = Machine()
    found = machine.set(NOW - DAY)
    machine.keeper.undo()
    assert machine.keeper.mark.newest == NOW
    assert machine.keeper.check(machine.wall, machine.steady) == found


@given(st.lists(st.tuples(st.integers(-40 * DAY, 40 * DAY), st.integers(0, 400)), max_size=12))
def test_time_is_never_blind_for_long_and_down_times_never_overlap(steps: list[tuple[int, int]]) -> None:
    machine = Machine(now=NOW + 100 * DAY, newest=NOW + 100 * DAY)
    reached = machine.keeper.mark.newest
    for by, seconds in steps:
        found = [*machine.set(machine.wall + by), *machine.run(seconds)]
        for one in found:
            match one:
                case Down(last=last, start=start):
                    assert last >= reached, "engine time was there already"
                    assert start > last
                case ClockStep(goes_back=True, to=to):
                    reached = to
        reached = max(reached, machine.keeper.mark.newest) if not machine.suspect else reached
        assert machine.keeper.mark.newest - machine.wall <= LIMIT
