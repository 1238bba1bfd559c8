"""RULES.md worked out by hand: every case of the files beside this one, run live and replayed."""

from pathlib import Path

import pytest

from rules.casetest import Outcome, as_text, run_cases
from rules.compiled import Names
from rules.format import load_text, policy_source

FOLDER = Path(__file__).parent


def outcomes() -> list[Outcome]:
    """Every case of every file."""
    found: list[Outcome] = []
    for file in sorted(FOLDER.glob("*.yaml")):
        loaded = load_text(file.read_text("utf-8"), file.name, Names({}))
        assert not loaded.problems, [problem.render() for problem in loaded.problems]
        more, problems = run_cases(loaded.tests, loaded.rules, policy_source([loaded]))
        assert not problems, [problem.render() for problem in problems]
        found += more
    return found


OUTCOMES = outcomes()


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda one: f"{Path(one.case.file).stem}: {one.case.rule}: {one.say}")
def test_case(outcome: Outcome) -> None:
    assert outcome.ok, as_text([outcome], "en")
