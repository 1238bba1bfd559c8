"""Our own small meters, ten cubic metres a day: an exchange, a rollover, a row sent again, a gap over a month's end.

The numbers are worked out by hand: read at noon, a month is from the last noon of the month before to its own last
noon; the first month counts from its first reading.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from library_lab import ZONE, Outcome, book, fixture, names, run

from gateway.domain.duration import to_us
from rules.format import load_text

WHOLE = {"2026-01": 300, "2026-02": 280, "2026-03": 310, "2026-04": 300}
MONTH = """
format: 1
rules:
- id: month
  watch: {kind: gas_meter}
  let: {used: {increase: volume_total, per: month, coverage: 0.9}}
  when: "used > 1.5 * before(used)"
"""


def _months(outcome: Outcome) -> dict[str, float | None]:
    """Month -> consumption, None = unknown; up to the last month with readings."""
    windows = outcome.windows["m", "month", "used"]
    return {day[:7]: None if used != used else round(used, 3) for day, (used, _) in windows.items() if day < "2026-05"}


def _run(name: str, exchange: tuple[int, float] | None = None) -> dict[str, float | None]:
    rules = load_text(MONTH, "month.yaml", names()).rules
    return _months(run({"m": fixture(name)}, rules, model="gas_meter", exchange=exchange))


def test_an_exchange_nobody_told_of_loses_the_day_of_it() -> None:
    assert _run("exchange") == {**WHOLE, "2026-02": 270}


def test_an_exchange_that_was_told_keeps_what_the_new_meter_counted_before_its_first_reading() -> None:
    told = to_us(datetime(2026, 2, 15, 6, tzinfo=ZoneInfo(ZONE)))
    assert _run("exchange", (told, 0.0)) == {**WHOLE, "2026-02": 275}


def test_a_rollover_went_on_counting() -> None:
    assert _run("rollover") == WHOLE


def test_a_row_that_was_sent_again_changes_nothing() -> None:
    assert _run("resent") == WHOLE


def test_a_gap_over_a_months_end_makes_both_months_unknown_and_no_other() -> None:
    assert _run("gap") == {**WHOLE, "2026-01": None, "2026-02": None}


@pytest.mark.parametrize("name", ["exchange", "rollover", "resent", "gap"])
def test_the_library_makes_no_order_of_them_but_for_the_silence(name: str) -> None:
    found = run({"m": fixture(name)}, list(book().rules.values()), model="gas_meter").transitions["m"]
    raised = [one.rule for one in found if one.change.name == "RAISED"]
    assert raised == ["gas.meter-silent"] * (2 if name == "gap" else 1)  # the last one after the end of the file
