"""RULES.md worked out by hand: the cases of the files beside this one and of bugs found, run live and replayed.

A worker knows the cases by their lines, and loads the files of those that it runs.
"""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from rules.casetest import as_text, run_cases
from rules.compiled import Names
from rules.format import Loaded, load_text, policy_source, work_calendar

FOLDER = Path(__file__).parent
CHINA = work_calendar((FOLDER.parents[1] / "config/calendars/cn.yaml").read_text("utf-8"), "cn.yaml", "cn")[0]
FILES = (*sorted(FOLDER.glob("*.yaml")), *sorted((FOLDER.parent / "cases").glob("*/*.yaml")))
SAY = re.compile(r"\bsay: *(.*)")


@cache
def lines(file: Path) -> tuple[str, ...]:
    """What the cases of a file say, with the rest of the line."""
    return tuple(SAY.findall(file.read_text("utf-8")))


@cache
def loaded(file: Path) -> Loaded:
    """A file, with every case that it has."""
    assert CHINA is not None
    found = load_text(file.read_text("utf-8"), file.name, Names({}, calendar=CHINA))
    assert not found.problems, [problem.render() for problem in found.problems]
    assert len(found.tests.cases) == len(lines(file)), "a case for every line"
    return found


CASES = [
    pytest.param(file, number, id=f"{file.stem}: {number}: {re.split(', [a-z]+: ', line)[0]}")
    for file in FILES
    for number, line in enumerate(lines(file))
]


def test_every_file_has_a_case() -> None:
    assert [file.name for file in FILES if not lines(file)] == []


@pytest.mark.parametrize(("file", "number"), CASES)
def test_case(file: Path, number: int) -> None:
    tests = loaded(file).tests
    one = replace(tests, cases=(tests.cases[number],))
    outcomes, problems = run_cases(one, loaded(file).rules, policy_source([loaded(file)]))
    assert not problems, [problem.render() for problem in problems]
    assert [one for one in outcomes if one.ok], as_text(outcomes, "en")
