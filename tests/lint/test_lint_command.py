"""`fieldgate rules check`: what is loaded, exit status, both languages, JSON, a running installation."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lint_lab import rule

from gateway.cli import main
from gateway.clock import SystemClock
from gateway.consumers import Snapshots
from gateway.domain.device import Device, Point
from gateway.domain.reading import Reading, batch_of
from gateway.domain.record import Body, DeviceSet, PointDefined, Record
from gateway.ports import RegistryContents
from gateway.store import Database, SqlRegistryStore
from rules.engine import Engine
from rules.format import compile_source

CONFIG = Path(__file__).parents[2] / "config"
MAIN = "name: gw\ntimezone: Asia/Shanghai\nlanguage: en\ndata_dir: var\nregistry: {devices: devices.csv}\n"
MAIN += "series: {retention: 40d}\ndesk: {order_types: {repair: {}}, sla: [s]}\n"
PROFILE = "kind: charger\npoints:\n  temp: {unit: degC, every: 10s}\n  jolt: {}\n"
GOOD = '  when: "temp >= 85 degC"\n  clear: "temp < 75 degC"'
BAD = '  when: "temp >= 85 degC"'


def folder(base: Path, body: str = GOOD, head: str = "", more: str = "") -> Path:
    """A whole small project; the folder of its rules."""
    (base / "profiles").mkdir()
    (base / "rules").mkdir()
    (base / "registry").mkdir()
    (base / "gateway.yaml").write_text(MAIN, "utf-8")
    (base / "profiles/dc.yaml").write_text(PROFILE, "utf-8")
    for name in ("devices.csv", "registry/devices.csv"):
        (base / name).write_text("code,profile\nD1,dc\nD2,dc\n", "utf-8")
    text = f"format: 1\n{head}rules:\n" + rule(body) + more
    (base / "rules/a.yaml").write_text(text, "utf-8")
    return base / "rules"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["--lang", "en", "rules", "check", *map(str, words)])


def test_clean(tmp_path: Path) -> None:
    result = run(folder(tmp_path), "--strict")
    assert result.exit_code == 0, result.output
    assert "1 rules: 0 warnings, 0 infos, 0 accepted" in result.output
    assert "not checked: points never seen" in result.output
    assert any(line.split()[:2] == ["r", "2"] for line in result.output.splitlines())


def test_a_warning_is_an_error_only_when_strict(tmp_path: Path) -> None:
    rules = folder(tmp_path, BAD)
    result = run(rules)
    assert result.exit_code == 0
    assert f"{rules}/a.yaml:7 r: warning no-hysteresis: " in result.output
    assert '\n    write  clear: "temp < 80 degC"\n' in result.output
    strict = run(rules, "--strict", "--lang", "zh")
    assert strict.exit_code == 1
    assert "警告 no-hysteresis" in strict.output
    assert "可写" in strict.output


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('  when: "temp ＞ 85 degC"', "＞"),
        ('  when： "temp > 85 degC"', "："),
        ('  when: "temp >= 85 kW"', "kW"),
    ],
)
def test_load_errors_come_first(tmp_path: Path, body: str, says: str) -> None:
    result = run(folder(tmp_path, body))
    assert result.exit_code == 2
    assert says in result.output
    assert "a.yaml:" in result.output
    assert "warnings" not in result.output


def test_a_rule_twice_over_two_files(tmp_path: Path) -> None:
    rules = folder(tmp_path)
    shutil.copy(rules / "a.yaml", rules / "b.yaml")
    assert run(rules).exit_code == 2
    assert run(rules / "a.yaml").exit_code == 0


def test_no_such_file(tmp_path: Path) -> None:
    assert run(tmp_path / "nothing.yaml").exit_code == 2


def test_more_state_than_the_limit(tmp_path: Path) -> None:
    body = '  let: {m: {mean: temp, over: 30d}}\n  when: "m > 85 degC"\n  clear: "m < 75 degC"'
    result = run(folder(tmp_path, body, head="limits: {state: 1 MB}\n"))
    assert result.exit_code == 2
    assert "limits: {state: " in result.output


def test_json(tmp_path: Path) -> None:
    remark = "# lint: ok no-test a copy\n" + rule('  when: "jolt > 0.5"\n  clear: "jolt < 0.2"', rule_id="b", test="")
    result = run(folder(tmp_path, BAD, more=remark), "--format", "json")
    shown = json.loads(result.output)
    assert shown["ok"] is True
    [found] = shown["findings"]
    assert {"file", "line", "rule", "severity", "code", "text", "write"} == set(found)
    assert (found["rule"], found["line"], found["severity"], found["code"]) == ("r", 7, "warning", "no-hysteresis")
    assert [(one["code"], one["reason"]) for one in shown["accepted"]] == [("no-test", "a copy")]
    assert [one["rule"] for one in shown["costs"]] == ["r", "b"]
    assert shown["state"] == sum(one["state"] for one in shown["costs"]) > 0
    assert shown["not_checked"] == ["retention", "seen"]
    broken = run(tmp_path / "no.yaml", "--format", "json")
    assert json.loads(broken.output)["ok"] is False
    assert json.loads(broken.output)["problems"]


def test_with_the_main_file_retention_is_known(tmp_path: Path) -> None:
    body = '  let: {m: {mean: temp, per: month}}\n  when: "m > 2 * before(m, 1)"'
    rules = folder(tmp_path, body)
    assert "window-beyond-retention" not in run(rules).output
    assert "window-beyond-retention" in run(rules, "-c", tmp_path / "gateway.yaml").output


def test_a_running_installation_tells_what_it_heard(tmp_path: Path) -> None:
    rules = folder(tmp_path, more=rule('  when: "jolt > 0.5"\n  clear: "jolt < 0.2"', rule_id="b"))
    data = tmp_path / "var"
    point = Point(1, "dc", "temp", unit="degC", every=10_000_000)
    other = Point(2, "dc", "jolt")
    devices = [Device(5, "D1", "dc", "charger"), Device(6, "D2", "dc", "charger")]
    database = Database(f"sqlite:///{data / 'fieldgate.sqlite'}")
    database.upgrade()
    SqlRegistryStore(database, SystemClock()).save(RegistryContents((), (), devices, (point, other)), [])
    engine = Engine(0, compile_source, "default")
    heard = batch_of([[Reading(5, 1, 10**15, 20.0, received=10**15)]])
    bodies: list[Body] = [*(PointDefined("default", p) for p in (point, other)), *map(DeviceSet, devices), heard]
    for seq, body in enumerate(bodies, 1):
        engine.step(Record(seq, 10**15, body))
    Snapshots(data / "snapshots", 0).save(5, engine.snapshot())
    before = sorted(path.name for path in (data / "snapshots").iterdir())
    result = run(rules, "-c", tmp_path / "gateway.yaml")
    assert "b: warning point-never-seen: jolt was never received from any of 2 devices" in result.output
    assert "r: warning point-never-seen" not in result.output
    assert "not checked" not in result.output
    assert sorted(path.name for path in (data / "snapshots").iterdir()) == before
    database.close()


def test_the_library_has_no_warning_that_nobody_looked_at() -> None:
    result = run(CONFIG / "rules", "--strict")
    assert result.exit_code == 0, result.output


def test_fieldgate_check_sums_it_up(tmp_path: Path) -> None:
    folder(tmp_path, BAD)
    result = CliRunner().invoke(main, ["check", "-c", str(tmp_path / "gateway.yaml"), "--lang", "en"])
    assert result.exit_code == 0, result.output
    assert "rules: 1 warnings, 0 infos, 0 accepted" in result.output


def test_help_names_the_exit_status() -> None:
    assert "limits.state" in run("--help").output


def test_rules_in_force_beside_a_draft(tmp_path: Path) -> None:
    force = folder(tmp_path)
    draft = tmp_path / "draft.yaml"
    draft.write_text("format: 1\nrules:\n" + rule(GOOD.replace("85", "90"), rule_id="mine"), "utf-8")
    for result in (run(draft), run(draft, "-c", tmp_path / "gateway.yaml")):
        assert result.exit_code == 0, result.output
        assert "draft.yaml:3 mine: warning overlap: " in result.output
        assert f"r ({force}/a.yaml:3)" in result.output
        assert "1 rules: 1 warnings" in result.output
    again = force / "b.yaml"
    again.write_text(draft.read_text("utf-8").replace("id: mine", "id: r"), "utf-8")
    assert "overlap" not in run(again).output  # the same id: an edit, which the gateway refuses to load twice


def test_without_paths_the_rules_in_force(tmp_path: Path) -> None:
    folder(tmp_path, BAD)
    result = run("-c", tmp_path / "gateway.yaml")
    assert result.exit_code == 0, result.output
    assert "a.yaml:7 r: warning no-hysteresis: " in result.output
    nothing = run("--lang", "zh")
    assert nothing.exit_code == 2
    assert "请写规则文件或目录" in nothing.output


IMPOSSIBLE = {
    "never-true", "always-true", "clear-never", "unless-never", "unless-always", "hold-beyond-active", "flap-never",
    "streak-never", "wait-below-interval",
}  # fmt: skip


@pytest.mark.parametrize("place", ["rules", "demo/rules"])
def test_our_own_rules_have_no_warning(place: str) -> None:
    report = json.loads(run(CONFIG / place, "--format", "json").stdout)
    found = report["findings"]
    assert [one for one in found if one["severity"] == "warning"] == []
    assert [one for one in found if one["code"] in IMPOSSIBLE or "on-change" in one["code"]] == []


@pytest.mark.parametrize(
    "file",
    [*(CONFIG.parent / "tests").glob("acceptance/*.yaml"), *(CONFIG.parent / "tests").glob("cases/*/*.yaml")],
    ids=lambda path: path.stem,
)
def test_no_example_is_called_impossible(file: Path) -> None:
    report = json.loads(run(file, "--format", "json").stdout)
    assert not report["problems"]
    assert [one for one in report["findings"] if one["code"] in IMPOSSIBLE] == []
