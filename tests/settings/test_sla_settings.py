"""`desk.hours` and `desk.sla`: every mistake at once, with what to write; a list of names is still allowed."""

from pathlib import Path

from gateway.settings import inspect_project

MAIN = """\
name: gw
timezone: Asia/Shanghai
language: en
templates: templates.yaml
desk:
  order_types: {repair: {}}
"""
WRONG = """\
  hours:
    office: {workday: [08:30-12:00, 13:30-18:00], calendar: mars, timezone: Asia/Shanghi}
    empty: {sat: []}
    always: {daily: 00:00-24:00}
    saturday: {sat: 09:00-12:00}
  sla:
    a: {hours: ofice, resolve: 4h}
    b: {hours: office, resolve: 5d, types: [repairs]}
    c: {hours: saturday, resolve: 2 workdays}
    d: {resolve: 4h, milestones: [{at: 50%, of: respond}, {at: 80%}, {at: 80%}]}
    e: {resolve: 4h, pause_on: [weather, 等待备件, lunch],
        milestones: [{at: 4h, notice: {audience: boss, template: overdu}}]}
"""
BAD_VALUES = """\
  hours: {office: {workday: [8-12, 13:30-13:30]}}
  sla: {a: {resolve: soon, milestones: [{at: 0%}, {at: half, of: finish}]}, b: {resolv: 4h}}
"""


def checked(folder: Path, desk: str) -> tuple[list[str], list[str]]:
    """(problems, warnings) below `desk`, as lines."""
    for name in ("profiles", "rules"):
        (folder / name).mkdir()
    (folder / "templates.yaml").write_text('overdue: {en: "{{ note }}", zh: "{{ note }}"}\n', "utf-8")
    (folder / "gateway.yaml").write_text(MAIN + desk, "utf-8")
    report = inspect_project(folder / "gateway.yaml", {})
    lines = [
        [f"{p.path}: {p.render('en').partition(p.path)[2].lstrip(': ')}" for p in found if p.path.startswith("desk")]
        for found in (report.problems, report.warnings)
    ]
    assert all(p.render("zh") for p in (*report.problems, *report.warnings))
    return lines[0], lines[1]


def test_every_mistake_says_what_to_write(tmp_path: Path) -> None:
    problems, _ = checked(tmp_path, WRONG)
    found = dict(line.split(": ", 1) for line in problems)
    assert "did you mean Asia/Shanghai" in found["desk.hours.office.timezone"]
    assert "there is no calendar mars" in found["desk.hours.office.calendar"]
    assert "have no interval" in found["desk.hours.empty"]
    assert "take another name" in found["desk.hours.always"]
    assert "write hours: office" in found["desk.sla.a.hours"]
    assert found["desk.sla.b.resolve"].startswith(
        "5d would be 120 h of working time, but a day of hours `office` has 8h; write 5 workdays"
    )
    assert "known: repair" in found["desk.sla.b.types[0]"]
    assert "no workday" in found["desk.sla.c.resolve"]
    assert "no target for respond" in found["desk.sla.d.milestones[0].of"]
    assert "already" in found["desk.sla.d.milestones[2].at"]
    assert "no audience boss" in found["desk.sla.e.milestones[0].notice.audience"]
    assert "did you mean overdue" in found["desk.sla.e.milestones[0].notice.template"]
    assert "write waiting_parts" in found["desk.sla.e.pause_on[1]"]
    assert "write waiting_parts, or add it" in found["desk.sla.e.pause_on[2]"]
    assert len(found) == len(problems) == 14


def test_values_that_are_none(tmp_path: Path) -> None:
    problems, _ = checked(tmp_path, BAD_VALUES)
    text = "\n".join(problems)
    for part in (
        "'8-12' is no span",
        "'13:30-13:30' is no span",
        "'soon' is no working time",
        "'0%' is no milestone",
        "'half' is no milestone",
        "resolve",
    ):
        assert part in text, text


def test_a_list_of_names_is_allowed(tmp_path: Path) -> None:
    problems, warnings = checked(tmp_path, "  sla: [repair_4h, repair_24h]\n")
    assert problems == []
    assert "no clock runs for repair_4h, repair_24h" in warnings[0]
