"""RULES.md worked out by hand: the cases of the files beside this one and of bugs found, run live and replayed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rules.casetest import as_text, run_cases
from rules.compiled import Names
from rules.format import Case, Loaded, load_text, policy_source, work_calendar

FOLDER = Path(__file__).parent
CHINA = work_calendar((FOLDER.parents[1] / "config/calendars/cn.yaml").read_text("utf-8"), "cn.yaml", "cn")[0]
assert CHINA is not None


def cases() -> Iterator[tuple[Loaded, Case]]:
    """Every case with the file it stands in."""
    for file in (*sorted(FOLDER.glob("*.yaml")), *sorted((FOLDER.parent / "cases").glob("*/*.yaml"))):
        loaded = load_text(file.read_text("utf-8"), file.name, Names({}, calendar=CHINA))
        assert not loaded.problems, [problem.render() for problem in loaded.problems]
        yield from ((loaded, case) for case in loaded.tests.cases)


CASES = [
    pytest.param(loaded, case, id=f"{Path(case.file).stem}: {case.rule}: {case.data.get('say')}")
    for loaded, case in cases()
]


@pytest.mark.parametrize(("loaded", "case"), CASES)
def test_case(loaded: Loaded, case: Case) -> None:
    outcomes, problems = run_cases(replace(loaded.tests, cases=(case,)), loaded.rules, policy_source([loaded]))
    assert not problems, [problem.render() for problem in problems]
    assert [one for one in outcomes if one.ok], as_text(outcomes, "en")
