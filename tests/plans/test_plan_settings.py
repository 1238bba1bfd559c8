"""`plans/*.yaml`: every mistake at once, with what to write; a good plan is what was written."""

from datetime import date, time
from pathlib import Path

from gateway.app.desk_policy import policy_of
from gateway.desk.plans import Basis, PlanDates, PlannedOrder
from gateway.domain.alarm import Level
from gateway.domain.duration import DAY
from gateway.domain.maintenance import PlanScope
from gateway.settings import inspect_project

MAIN = """\
name: gw
timezone: Asia/Shanghai
language: en
registry: {sites: sites.csv, devices: devices.csv}
desk:
  order_types: {maintenance: {}}
  skills: [meter]
  sla: {care: {resolve: 8h}}
"""
PROFILE = "id: g4\nkind: gas_meter\npoints: {flow: {unit: m3/h}}\n"
GOOD = """\
meter_care:
  title: {en: Meter care, zh: 燃气表保养}
  why: {en: Law 12 demands it., zh: 条例第十二条要求。}
  for: {kinds: gas_meter, sites: [S1], by: route}
  repeat: {rrule: "RRULE:FREQ=MONTHLY;INTERVAL=3", from: 2026-01-05, at: "09:30", basis: completed}
  lead: 7d
  order: {type: maintenance, level: major, skill: meter, sla: care}
  checklist: meter
  parts: {SEAL-1: 2}
"""
WRONG = """\
a: {title: {en: A}, repeat: {rrule: FREQ=MONTHLY, from: soon}, order: {type: maintenance}}
b: {title: {en: B, zh: B}}
c: {title: {en: C, zh: C}, rule: gone, lead: 1d}
d: {title: {en: D, zh: D}, repeat: {rrule: FREQ=HOURLY, from: 2026-01-01}, order: {type: maintenance}}
e:
  title: {en: E, zh: E}
  for: {kinds: [gas_metre], sites: [S9], routes: [R9]}
  repeat: {rrule: FREQ=YEARLY, from: 2026-01-01}
  order: {type: maintenence, skill: welder, sla: car}
f: {title: {en: F, zh: F}, rule: nothing}
"""


def project(folder: Path, plans: str) -> Path:
    (folder / "profiles").mkdir()
    (folder / "rules").mkdir()
    (folder / "plans").mkdir()
    (folder / "profiles" / "g4.yaml").write_text(PROFILE, "utf-8")
    (folder / "sites.csv").write_text("code,name,area\nS1,One,east\n", "utf-8")
    (folder / "devices.csv").write_text("code,profile,site,route\nM-1,g4,S1,R1\n", "utf-8")
    (folder / "plans" / "care.yaml").write_text(plans, "utf-8")
    (folder / "gateway.yaml").write_text(MAIN, "utf-8")
    return folder / "gateway.yaml"


def test_a_plan_is_what_was_written(tmp_path: Path) -> None:
    report = inspect_project(project(tmp_path, GOOD), {})
    assert report.project is not None, [p.render("en") for p in report.problems]
    plan = policy_of(report.project).plans.by_id["meter_care"]
    assert (plan.title_zh, plan.why_zh, plan.lead, plan.checklist) == (
        "燃气表保养",
        "条例第十二条要求。",
        7 * DAY,
        "meter",
    )
    assert plan.dates == PlanDates("FREQ=MONTHLY;INTERVAL=3", date(2026, 1, 5), time(9, 30), Basis.COMPLETED)
    assert plan.scope == PlanScope(("gas_meter",), sites=("S1",), by_route=True)
    assert plan.order == PlannedOrder("maintenance", Level.MAJOR, skill="meter", sla="care")
    assert plan.parts == (("SEAL-1", 2.0),)


def test_only_what_decides_dates_changes_the_revision(tmp_path: Path) -> None:
    revisions = []
    for n, text in enumerate((GOOD, GOOD.replace("Law 12", "Law 13"), GOOD.replace("09:30", "09:45"))):
        (folder := tmp_path / str(n)).mkdir()
        report = inspect_project(project(folder, text), {})
        assert report.project is not None
        revisions.append(policy_of(report.project).plans.by_id["meter_care"].revision)
    assert revisions[0] == revisions[1] != revisions[2]


def test_every_mistake_at_once(tmp_path: Path) -> None:
    report = inspect_project(project(tmp_path, WRONG), {})
    found = {p.path: p.render("en") for p in report.problems}
    assert all(p.render("zh") and p.file.endswith("care.yaml") and p.line for p in report.problems)
    assert "write from: 2026-01-05" in found["a.repeat.from"]
    assert "a.title.zh" in found
    assert "write exactly one of repeat: and rule:" in found["b"]
    assert "remove for, lead and order" in found["c"]


def test_names_that_do_not_exist(tmp_path: Path) -> None:
    kept = "\n".join(WRONG.splitlines()[3:]) + "\n"
    report = inspect_project(project(tmp_path, kept), {})
    found = {p.path: p.render("en") for p in report.problems}
    assert "write FREQ=DAILY" in found["d.repeat.rrule"]
    assert "did you mean gas_meter?" in found["e.for.kinds[0]"]
    assert "S9" in found["e.for.sites[0]"]
    assert "R9" in found["e.for.routes[0]"]
    assert "did you mean maintenance?" in found["e.order.type"]
    assert "write it in the main file" in found["e.order.skill"]
    assert "did you mean care?" in found["e.order.sla"]
    assert "there is no nothing" in found["f.rule"]
