"""The acceptance situations S01-S42 that this build carries out: each case of `situations.yaml` is one test."""

from pathlib import Path

import pytest

from rules.casetest import Outcome, as_text, run_cases
from rules.compiled import Names
from rules.format import load_text

FILE = Path(__file__).with_name("situations.yaml")


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


def test_the_situations_are_all_there() -> None:
    named = {word for outcome in OUTCOMES for word in outcome.say.split() if word[0] == "S" and word[1:].isdigit()}
    assert named >= {
        f"S{n:02d}" for n in (1, 2, 3, 5, 8, 10, 11, 12, 13, 14, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 29, 42)
    }
