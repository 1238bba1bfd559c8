"""Four real hourly gas meters: monthly numbers, months that are not known, and every order the library makes of them.

docs/gas-meters.md explains each order; this test holds the page to what the engine says.
"""

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from library_lab import DATA, METERS, ROOT, ZONE, Outcome, Series, book, names, real_meter, run

from gateway.domain.alarm import Change
from rules.compiled import Rule
from rules.format import load_text

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the sample vectors are not beside the checkout")
MONTH = """
format: 1
rules:
- id: month
  watch: {{kind: gas_meter}}
  let: {{used: {{increase: volume_total, per: month, coverage: {coverage}}}}}
  when: "used > 1.5 * before(used)"
"""
UNKNOWN = {
    "gas_meter_01": ["2019-07", "2020-07", "2020-08", "2020-09", "2021-09"],
    "gas_meter_02": ["2019-06", "2021-09"],
    "gas_meter_03": ["2019-06", "2021-09"],
    "gas_meter_04": ["2019-06", "2020-03", "2021-08"],
}
"""First and last months are parts of months; the others have a gap over one of their ends."""
ATTRS = {"class": "industry", "p_min": "50 kPa"}


@pytest.fixture(scope="module")
def meters() -> dict[str, Series]:
    return {name: real_meter(name) for name in METERS}


@pytest.fixture(scope="module")
def expected() -> dict[str, dict[str, float]]:
    found = json.loads((DATA / "gas_expected.json").read_text("utf-8"))
    return {name: found[name]["monthly_usage_m3"] for name in METERS}


@pytest.fixture(scope="module")
def library(meters: dict[str, Series]) -> Outcome:
    return run(meters, list(book().rules.values()), attrs=ATTRS, policy=book().policy)


def _months(outcome: Outcome, meter: str, last: str) -> dict[str, tuple[float, float]]:
    """Up to the month of its last reading: one meter ends before the others."""
    return {day[:7]: found for day, found in outcome.windows[meter, "month", "used"].items() if day[:7] <= last}


def _rules(coverage: str) -> tuple[Rule, ...]:
    return load_text(MONTH.format(coverage=coverage), "month.yaml", names()).rules


def test_with_coverage_0_every_month_is_what_the_files_say(
    meters: dict[str, Series], expected: dict[str, dict[str, float]]
) -> None:
    outcome = run(meters, _rules("0"))
    for name in METERS:
        mine = {month: used for month, (used, _) in _months(outcome, name, max(expected[name])).items() if used == used}
        assert mine == pytest.approx(expected[name], abs=0.001), name


def test_with_coverage_09_the_months_with_gaps_over_their_ends_are_unknown_and_listed(
    meters: dict[str, Series], expected: dict[str, dict[str, float]]
) -> None:
    outcome = run(meters, _rules("0.9"))
    for name in METERS:
        months = _months(outcome, name, max(expected[name]))
        assert [month for month, (used, _) in months.items() if used != used] == UNKNOWN[name]
        assert all(cover < 0.9 for month, (_, cover) in months.items() if month in UNKNOWN[name])
        known = {month: used for month, (used, _) in months.items() if used == used}
        assert known == pytest.approx({m: u for m, u in expected[name].items() if m in known}, abs=0.001), name


def test_no_usage_jump_after_spring_festival_nor_anywhere(library: Outcome) -> None:
    raised = [one.at for found in library.transitions.values() for one in found if one.rule == "gas.usage-jump"]
    assert raised == []


def test_every_order_stands_on_the_page(library: Outcome) -> None:
    orders = {rule.id for rule in book().rules.values() if rule.order is not None}
    mine = {
        (meter, one.rule, datetime.fromtimestamp(one.at / 1e6, ZoneInfo(ZONE)).strftime("%Y-%m-%d %H:%M"))
        for meter, found in library.transitions.items()
        for one in found
        if one.change is Change.RAISED and one.rule in orders
    }
    page = (ROOT / "docs" / "gas-meters.md").read_text("utf-8")
    rows = re.findall(r"^\| (0\d) \| ([\w.-]+) \| ([\d: -]+\d) \|", page, re.MULTILINE)
    told = {(f"gas_meter_{meter}", rule, at) for meter, rule, at in rows}
    assert mine == told, sorted(mine ^ told)
