"""The acceptance situations of order and lateness: each case of `past.yaml` is one test."""

from pathlib import Path

import pytest

from rules.casetest import Outcome, as_text, run_cases
from rules.compiled import Names
from rules.format import load_text

FILE = Path(__file__).with_name("past.yaml")


def outcomes() -> list[Outcome]:
    """Every case, run live and replayed."""
    loaded = load_text(FILE.read_text("utf-8"), FILE.name, Names({}))
    assert not loaded.problems, [problem.render() for problem in loaded.problems]
    found, problems = run_cases(loaded.tests, loaded.rules)
    assert not problems, [problem.render() for problem in problems]
    return found


OUTCOMES = outcomes()


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda one: f"{one.case.rule}: {one.say}")
def test_situation(outcome: Outcome) -> None:
    assert outcome.ok, as_text([outcome], "en")
