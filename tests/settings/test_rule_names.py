"""What rules name elsewhere in the configuration: order types, skills, codes, fences, parents, quiet times of sites."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.domain.device import QuietTime
from gateway.domain.duration import to_us
from gateway.settings import ProjectReport, inspect_project
from gateway.settings.inventory import load_inventory

MAIN = """name: gw
timezone: Asia/Shanghai
language: en
registry: {sites: sites.csv, devices: devices.csv}
desk: {order_types: {repair: {}}, skills: [power, gas], sla: [repair_4h], audiences: {ops: site}}
templates: templates.yaml
"""
FILES = {
    "sites.csv": "code\nS1\n",
    "devices.csv": "code,profile,site\nD1,dc,S1\n",
    "profiles/dc.yaml": "kind: charger\npoints: {temp: {unit: degC, every: 10s}, code: {kind: state, values: [none]}, "
    "lat: {unit: deg}, lon: {unit: deg}}\n",
    "templates.yaml": 'hot: {zh: "热", en: "hot"}\n',
    "codes/faults.yaml": "entries: {E1: {name: hot, level: major, skill: power}}\n",
    "fences.yaml": "depot: {centre: [22, 113], radius: 500 m}\n",
}
ORDER = "then: {order: {type: repair, skill: power, sla: repair_4h}, notice: {audience: ops, template: hot}}"
HOT = 'format: 1\nrules:\n- id: hot\n  watch: {kind: charger}\n  when: "temp > 85 degC"\n'
CODE = """format: 1
rules:
- id: code
  watch: {kind: charger}
  let: {c: {code_of: code, table: faults}}
  when: "c.level >= 'minor' and within(lat, lon, 'depot')"
  then: {order: {type: repair, level: c.level, skill: c.skill}}
"""


def inspect(folder: Path, **changes: str) -> ProjectReport:
    other = {name.replace("__", "/") + ".yaml": text for name, text in changes.items()}
    files = {**FILES, "gateway.yaml": MAIN, **other}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, "utf-8")
    return inspect_project(folder / "gateway.yaml", {})


def found(report: ProjectReport) -> list[tuple[str, int, str]]:
    for problem in report.problems:
        assert problem.render("en") != problem.render("zh")
    return [(Path(one.file).name, one.line, one.key) for one in report.problems]


def test_tables_and_fences_reach_the_rules(tmp_path: Path) -> None:
    report = inspect(tmp_path, rules__a=CODE, rules__b=HOT + f"  {ORDER}\n")
    assert found(report) == []
    assert report.project is not None
    source = report.project.rulebook.rules["code"].source
    assert b'"faults"' in source
    assert b'"depot"' in source
    assert set(report.project.names.codes) == {"faults"}
    assert report.project.rulebook.policy == b""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("type: repair", "type: repare", ["config.rule.order_type_near"]),
        ("type: repair", "type: x", ["config.rule.order_type"]),
        ("skill: power", "skill: powr", ["config.rule.skill_near"]),
        ("skill: power", "skill: electric", ["config.rule.skill"]),
        ("sla: repair_4h", "sla: repair_5h", ["config.rule.sla_near"]),
        ("sla: repair_4h", "sla: soon", ["config.rule.sla"]),
        ("audience: ops", "audience: opps", ["config.rule.audience_near"]),
        ("audience: ops", "audience: nobody", ["config.rule.audience"]),
        ("template: hot", "template: hott", ["config.rule.template_near"]),
        ("template: hot", "template: cold_one", ["config.rule.template"]),
    ],
)
def test_every_name_exists(tmp_path: Path, old: str, new: str, expected: Sequence[str]) -> None:
    report = inspect(tmp_path, rules__a=HOT + f"  {ORDER.replace(old, new)}\n")
    assert found(report) == [("a.yaml", 6, key) for key in expected]


def test_skills_of_a_table_exist_too(tmp_path: Path) -> None:
    other = "entries: {E1: {name: hot, level: major, skill: pover}}\n"
    assert found(inspect(tmp_path, rules__a=CODE, codes__faults=other)) == [("a.yaml", 7, "config.rule.skill_near")]


def test_unknown_tables_and_fences(tmp_path: Path) -> None:
    text = CODE.replace("table: faults", "table: fault").replace("'depot'", "'depo'")
    keys = [key for _, _, key in found(inspect(tmp_path, rules__a=text))]
    assert keys
    assert all(key.startswith(("rules.let.", "rules.expr.")) for key in keys)


def test_a_broken_table_is_named_once_and_not_by_every_rule(tmp_path: Path) -> None:
    report = inspect(tmp_path, rules__a=CODE, codes__faults="entries: 3\n", fences="depot: {}\n")
    assert found(report) == [("faults.yaml", 1, "rules.value.mapping"), ("fences.yaml", 1, "rules.fence.shape")]


def test_other_places_for_tables_and_fences(tmp_path: Path) -> None:
    main = MAIN + "codes: tables\nfences: map.yaml\n"
    moved = {"tables__faults": FILES["codes/faults.yaml"], "map": FILES["fences.yaml"]}
    broken = {"codes__faults": "entries: 3\n", "fences": "x: 3\n"}
    assert found(inspect(tmp_path, gateway=main, rules__a=CODE, **moved, **broken)) == []


def test_a_parent_exists_in_some_file_and_is_no_child_of_its_child(tmp_path: Path) -> None:
    child = HOT + "  inhibit: {by: parent, same: [site]}\n"
    assert found(inspect(tmp_path, rules__a=child)) == [("a.yaml", 6, "config.rule.inhibit")]
    near = HOT.replace("id: hot", "id: parents")
    assert found(inspect(tmp_path, rules__a=child, rules__b=near)) == [("a.yaml", 6, "config.rule.inhibit_near")]
    good = HOT.replace("id: hot", "id: parent")
    assert found(inspect(tmp_path, rules__a=child, rules__b=good)) == []
    wrong = good + "  mode: alive\n"
    places = [key for _, _, key in found(inspect(tmp_path, rules__a=child, rules__b=wrong))]
    assert places == ["rules.value.choice"], "a parent with a mistake of its own is there all the same"
    circle = good + "  inhibit: {by: hot, same: [site]}\n"
    assert found(inspect(tmp_path, rules__a=child, rules__b=circle)) == [("a.yaml", 6, "rules.inhibit.cycle")]


def test_policy_over_files(tmp_path: Path) -> None:
    limits = "format: 1\nlimits: {state: 1 MB}\n"
    report = inspect(tmp_path, rules__a=limits, rules__b="format: 1\nlimits: {orders_per_site: 1 per 1h}\n")
    assert report.project is not None
    assert b"orders_per_site" in report.project.rulebook.policy
    assert b"state" in report.project.rulebook.policy
    twice = inspect(tmp_path, rules__a=limits, rules__b=limits)
    assert found(twice) == [("b.yaml", 2, "rules.limits.twice")]


def test_quiet_times_of_a_site(tmp_path: Path) -> None:
    def us(text: str) -> int:
        return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))

    path = tmp_path / "sites.csv"
    path.write_text(
        "code,时区,静默\n"
        "S1,Europe/London,2026-07-01T22:00/2026-07-02T06:00 屋顶施工；2026-07-03T00:00+02:00 / 2026-07-03T02:00+02:00\n"
        "S2,,2026-07-01/2026-07-02\nS3,,\n",
        "utf-8",
    )
    inventory = load_inventory(path, None, None, {}, "Asia/Shanghai")
    assert inventory.problems == []
    assert inventory.sites["S1"].quiet == (
        QuietTime(us("2026-07-01T21:00"), us("2026-07-02T05:00"), "屋顶施工"),
        QuietTime(us("2026-07-02T22:00"), us("2026-07-03T00:00")),
    )
    assert inventory.sites["S2"].quiet == (QuietTime(us("2026-06-30T16:00"), us("2026-07-01T16:00")),)
    assert inventory.sites["S3"].quiet == ()
    path.write_text("code,quiet\nS1,tonight\nS2,2026-07-02/2026-07-01\nS3,2026-07-02/never\n", "utf-8")
    inventory = load_inventory(path, None, None, {}, "Asia/Shanghai")
    assert [(one.line, one.key) for one in inventory.problems] == [
        (2, "config.csv.quiet"),
        (3, "config.csv.quiet"),
        (4, "config.csv.quiet"),
    ]
