"""What the library promises: rules for each user group, both languages, tests with traps, and pages made from them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from library_lab import CONFIG, ROOT, book

from gateway.cli.rules_command import command
from rules.compiled import Levels

GROUPS = {
    "charger.yaml": {
        "charger.fault-code", "charger.overtemp", "charger.offline", "charger.plugged-no-charge",
        "charger.energy-mismatch", "charger.start-failures", "charger.insulation",
    },
    "gas.yaml": {
        "gas.zero-three-months", "gas.usage-jump", "gas.night-flow", "gas.small-flow", "gas.battery-low",
        "gas.reading-abnormal", "gas.meter-silent",
    },
    "gas_safety.yaml": {
        "gas.combustible", "gas.flow-while-closed", "gas.valve-tripped", "gas.tamper-magnetic", "gas.pressure-low",
    },
    "gas_network.yaml": {"gas.site-pressure", "gas.area-loss", "account.low-balance", "account.payment-due"},
    "vehicle.yaml": {
        "vehicle.offline", "vehicle.soc-drop", "vehicle.insurance", "vehicle.inspection", "vehicle.rent",
        "vehicle.aux-low", "vehicle.left-hangzhou", "vehicle.idle", "vehicle.gb32960-alarm",
    },
    "maintenance.yaml": {"asset.service-500h", "vehicle.service-mileage"},
}  # fmt: skip


def test_every_user_group_has_its_rules() -> None:
    for file, wanted in GROUPS.items():
        assert wanted <= {name for name, one in book().files.items() if one.path.name == file}, file


def test_every_rule_says_what_to_do_in_an_order_or_a_notice_and_whose_it_is() -> None:
    for rule in book().rules.values():
        assert rule.order or rule.notice, rule.id
        assert len(rule.why["en"]) > 20, rule.id
        assert len(rule.why["zh"]) > 10, rule.id
        assert rule.why["en"] != rule.why["zh"], rule.id
        assert rule.owner, rule.id
        assert rule.title["en"] != rule.title["zh"], rule.id


def test_every_rule_has_a_case_that_raises_and_one_that_must_not() -> None:
    cases: dict[str, list[bool]] = {}
    for tests in book().tests:
        for case in tests.cases:
            cases.setdefault(case.rule, []).append(bool(case.data.get("expect")))
    for name in book().rules:
        assert any(cases[name]), name
        assert not all(cases[name]) or len(cases[name]) > 2, name


def test_files_stay_short() -> None:
    for path in sorted((CONFIG / "rules").glob("*.yaml")):
        assert path.read_text("utf-8").count("\n") <= 400, path.name


def test_safety_is_of_class_safety_and_latched_where_people_can_be_hurt() -> None:
    rules = book().rules
    for name in ("gas.combustible", "gas.site-pressure", "gas.pressure-low", "vehicle.battery-hot", "charger.overtemp"):
        notice = rules[name].notice
        assert notice is not None, name
        assert notice.klass == "safety", name
    levels = rules["gas.combustible"].condition
    assert isinstance(levels, Levels)
    assert [level.auto_clear for level in levels.levels] == [False, False]


@pytest.mark.parametrize(("lang", "page"), [("en", "rule-library.md"), ("zh", "rule-library.zh.md")])
def test_the_pages_are_what_the_files_say(lang: str, page: str) -> None:
    made = CliRunner().invoke(command, ["docs", str(CONFIG / "rules"), "--lang", lang])
    assert made.exit_code == 0, made.output
    path = ROOT / "docs" / page
    again = f"fieldgate rules docs config/rules --lang {lang} > docs/{page}"
    assert path.read_text("utf-8") == made.output, f"make it again: {again}"


def test_a_file_that_does_not_load_makes_no_page(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("format: 1\nrules:\n- id: a\n", "utf-8")
    made = CliRunner().invoke(command, ["docs", str(tmp_path)])
    assert made.exit_code == 2
    assert "watch" in made.output


def test_the_page_says_every_form_in_words(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "pump.yaml").write_text(
        "kind: pump\npoints:\n  p: {unit: kPa, every: 10s}\n  q: {unit: kPa, every: 10s}\n", "utf-8"
    )
    rules = tmp_path / "rules"
    rules.mkdir()
    body = {
        "format": 1,
        "rules": [
            {
                "id": "a",
                "watch": {"kind": "pump"},
                "when": {"all": ["p < 1 kPa", {"any": ["q < 1 kPa", "q > 9 kPa"]}]},
                "hold": "2m",
                "unless": "tag('spare')",
                "active": {"daily": "22:00-06:00", "days": ["fri"]},
            },
            {
                "id": "b",
                "watch": {"kind": "pump"},
                "sequence": [{"see": "p < 1 kPa"}, {"see": "q < 1 kPa", "within": "5m"}],
            },
            {"id": "c", "watch": {"kind": "pump"}, "silent": {"all_of": ["p", "q"], "longer_than": "5m"}},
            {
                "id": "d",
                "watch": {"kind": "pump", "group": "site"},
                "members": {"of": "p < 1 kPa", "at_most": 3, "fraction": 0.5},
            },
        ],
    }
    (rules / "pump.yaml").write_text(json.dumps(body), "utf-8")
    made = CliRunner().invoke(command, ["docs", str(rules)])
    assert made.exit_code == 0, made.output
    for words in (
        "all of `p < 1 kPa`; any of `q < 1 kPa`; `q > 9 kPa` for 2m; not while `tag('spare')`",
        "in force 22:00-06:00; on Friday",
        "`p < 1 kPa`, then `q < 1 kPa` within 5m",
        "when the desk closes it",
        "no data of at least one of `p`, `q` for 5m",
        "with the next reading",
        "`p < 1 kPa` for at most 3 and at least 50 % of the members",
    ):
        assert words in made.output, words
