"""The rules that ship load against the profiles that ship."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.rules_command import command
from gateway.settings.code_tables_and_fences import load_lookups
from gateway.settings.profiles import load_profiles, vocabulary
from rules.compiled import Names, Rule
from rules.format import Loaded, compile_source, load_text, merge

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def files() -> list[Loaded]:
    profiles, problems = load_profiles(CONFIG / "profiles")
    assert problems == []
    words, disagreements = vocabulary([loaded.profile for loaded in profiles.values()])
    assert disagreements == []
    lookups = load_lookups(CONFIG / "codes", CONFIG / "fences.yaml")
    assert [problem.render() for problem in lookups.problems] == []
    names = Names(words, lookups.codes, lookups.fences)
    return [load_text(path.read_text("utf-8"), path.name, names) for path in sorted((CONFIG / "rules").glob("*.yaml"))]


@pytest.fixture(scope="module")
def rules(files: list[Loaded]) -> dict[str, Rule]:
    found, wrong = merge(files)
    assert [problem.render() for problem in wrong] == []
    tested = {case.rule for loaded in files for case in loaded.tests.cases}
    assert tested == {rule.id for rule in found}, "every rule that ships carries its own test"
    return {rule.id: rule for rule in found}


def test_titles_in_both_languages_and_a_reason(rules: dict[str, Rule]) -> None:
    for rule in rules.values():
        assert rule.title["en"] != rule.title["zh"]
        assert rule.why["en"]


def test_the_vendor_code_shares_the_order_of_the_threshold(rules: dict[str, Rule]) -> None:
    orders = [rules[name].order for name in ("charger.overtemp", "charger.overtemp-code")]
    assert [order.fault if order else "" for order in orders] == ["E07", "E07"]


def test_they_compile_again_from_the_journal(rules: dict[str, Rule]) -> None:
    for rule in rules.values():
        assert compile_source(rule.source) == rule


def test_their_own_cases_pass() -> None:
    found = CliRunner().invoke(command, ["test", str(CONFIG / "rules")])
    assert found.exit_code == 0, found.output
