"""Meters that re-boot say 0 once, session counters fall and come back: no rule of the library takes that for usage."""

from dataclasses import replace

import pytest
from library_lab import book

from rules.casetest import as_text, run_cases

SAID = {
    "gas.usage-jump": ("one zero of a meter that re-boots, within a month and at the end of one",),
    "charger.energy-mismatch": (
        "a session counter that falls and comes back, within a day",
        "one zero at the end of a day, and one of the meter within another",
    ),
}


@pytest.mark.parametrize("rule", SAID)
def test_a_glitch_of_a_counter_raises_nothing(rule: str) -> None:
    rules = list(book().rules.values())
    for tests in book().tests:
        cases = tuple(one for one in tests.cases if one.rule == rule and one.data["say"]["en"] in SAID[rule])
        if not cases:
            continue
        assert [one.data["say"]["en"] for one in cases] == list(SAID[rule])
        assert all(one.data["expect"] == [] for one in cases)
        outcomes, problems = run_cases(replace(tests, cases=cases), rules)
        assert not problems
        assert all(one.ok for one in outcomes), as_text(outcomes, "en")
        return
    raise AssertionError(f"no cases of {rule}")
