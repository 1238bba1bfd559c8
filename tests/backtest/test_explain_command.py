"""`fieldgate rules explain`: why an alarm was raised."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import installation_kit as kit
import pytest
from latin import left

from gateway.domain.alarm import Evidence, MemberSeen, ReadingSeen
from gateway.domain.text import Lang
from gateway.domain.workorder import Alarm
from gateway.explain import page
from gateway.store import AlarmFilter, Database, Queries

ENGLISH = """\
Alarm {id}: Connector over temperature
Rule: hot, revision {revision}
Thing: CH-2, site S1
State: cleared, level major, highest major, raised 1 x
  imported: caused by imported history
Why it matters: a hot connector burns

In a sentence: Gun temp 95 °C, at or above 90 °C (attribute temp_trip) for 2 minutes
Condition that held: gun_temp >= attr('temp_trip', 85 degC)
Readings the rule evaluated:
  gun_temp = 95 degC  at 2026-06-01 12:02:00  received {received} (+{late})  good
Thresholds:
  90 degC  from attribute temp_trip of the device
Hold before raising 2m, before clearing 0s

Timeline:
  2026-06-01 12:02:00  raised, major: Gun temp 95 °C, at or above 90 °C (attribute temp_trip) for 2 minutes
  2026-06-01 12:05:00  cleared: Gun temp 60 °C, below 75 °C
  {decided}  the rules decided (engine time)
  {recorded}  recorded at the desk

Stored readings of gun_temp around it (63):
  …
  2026-06-01 11:57:00  60 degC  good  +{late}
  2026-06-01 11:58:00  60 degC  good  +{late}
  2026-06-01 11:59:00  60 degC  good  +{late}
  2026-06-01 12:00:00  95 degC  good  +{late}
  2026-06-01 12:01:00  95 degC  good  +{late}
  2026-06-01 12:02:00  95 degC  good  +{late} <- newest when it was raised
  2026-06-01 12:03:00  95 degC  good  +{late}
  2026-06-01 12:04:00  95 degC  good  +{late}
  2026-06-01 12:05:00  60 degC  good  +{late}
  2026-06-01 12:06:00  60 degC  good  +{late}
  …
"""
CHINESE = """\
告警 {id}：枪头过温
规则：hot，修订 {revision}
对象：CH-2，场站 S1
状态：已恢复，级别 重要，最高 重要，触发 1 次
  导入：由导入的历史引起
影响：枪头过热会起火

原因：gun_temp 95 °C，达到或超过 90 °C（属性 temp_trip）已 2 分钟
成立的条件：gun_temp >= attr('temp_trip', 85 degC)
规则看到的读数：
  gun_temp = 95 degC  时间 2026-06-01 12:02:00  接收 {received}（+{late}）  良好
阈值：
  90 degC  来自设备的属性 temp_trip
触发前保持 2 分钟，恢复前保持 0 秒

时间线：
  2026-06-01 12:02:00  触发，重要：gun_temp 95 °C，达到或超过 90 °C（属性 temp_trip）已 2 分钟
  2026-06-01 12:05:00  恢复：gun_temp 60 °C，低于 75 °C
  {decided}  规则作出判断（引擎时间）
  {recorded}  工单台记录
"""
_TIMES = re.compile(r"(?<=\+)[0-9a-z]+(?=[ )）\n])|20(?!26-06-0[12])\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?")


def _queries(config: Path) -> Iterator[Queries]:
    database = Database(f"sqlite:///{config.parent / 'data' / 'fieldgate.sqlite'}")
    try:
        yield Queries(database, "default")
    finally:
        database.close()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped installation with a day of history."""
    file = kit.project(tmp_path_factory.mktemp("explain"))
    assert kit.import_history(file, kit.csv()).exit_code == 0
    return file


@pytest.fixture(scope="module")
def alarm(config: Path) -> Alarm:
    """That of CH-2 at noon."""
    for queries in _queries(config):
        found = queries.alarms(AlarmFilter()).items
        return max(found, key=lambda one: one.raised_at)
    raise AssertionError("unreachable")


def _masked(text: str) -> str:
    """Times of the machine out of it, those of June 1st stay."""
    return _TIMES.sub("*", text)


@pytest.mark.parametrize(("lang", "golden"), [("en", ENGLISH), ("zh", CHINESE)])
def test_the_whole_page(config: Path, alarm: Alarm, lang: str, golden: str) -> None:
    found = kit.run("rules", "explain", alarm.id, "-c", str(config), "--lang", lang)
    assert found.exit_code == 0, found.stderr
    names = dict.fromkeys(("received", "late", "decided", "recorded"), "*")
    expected = golden.format(id=alarm.id, revision=alarm.revision, **names)
    assert _masked(found.stdout)[: len(expected)] == expected


@pytest.mark.parametrize(
    ("lang", "lines"),
    [
        (
            "en",
            [
                "Members that voted:",
                "  C1: true since 2026-06-01 12:00:00, 1.temp = 90 degC, 2.status = faulted",
                "  C2#2: true since 2026-06-01 12:00:01",
                "  and 3 more",
            ],
        ),
        (
            "zh",
            [
                "参与表决的成员：",
                "  C1：自 2026-06-01 12:00:00 起成立，1.temp = 90 degC，2.status = faulted",
                "  C2#2：自 2026-06-01 12:00:01 起成立",
                "  另有 3 个",
            ],
        ),
    ],
)
def test_the_members_that_voted(lang: Lang, lines: list[str]) -> None:
    at = 1_780_315_200_000_000
    seen = ReadingSeen("1.temp", 90.0, "degC", at, at, 2), ReadingSeen("2.status", "faulted", "", at, at, 2)
    evidence = Evidence("c", members=(MemberSeen("C1", 0, at, seen), MemberSeen("C2", 2, at + 10**6)), others=3)
    found = list(page._evidence(evidence, ZoneInfo("UTC"), lang))
    assert found[1:] == lines


@pytest.mark.parametrize(
    ("lang", "lines"),
    [
        (
            "en",
            [
                "Members that voted:",
                "  C1: true since 2026-06-01 12:00:00, temp = 90 degC",
                "Members counted:",
                "  C2#2: temp = 90 degC",
                "  C3: -",
                "  and 3 more",
            ],
        ),
        (
            "zh",
            [
                "参与表决的成员：",
                "  C1：自 2026-06-01 12:00:00 起成立，temp = 90 degC",
                "计入的成员：",
                "  C2#2：temp = 90 degC",
                "  C3：-",
                "  另有 3 个",
            ],
        ),
    ],
)
def test_the_members_that_an_aggregate_counted(lang: Lang, lines: list[str]) -> None:
    at = 1_780_315_200_000_000
    seen = (ReadingSeen("temp", 90.0, "degC", at, at, 2),)
    members = MemberSeen("C1", 0, at, seen), MemberSeen("C2", 2, 0, seen), MemberSeen("C3", 0, 0)
    found = list(page._evidence(Evidence("c", members=members, others=3), ZoneInfo("UTC"), lang))
    assert found[1:] == lines


def test_the_picture(config: Path, alarm: Alarm, tmp_path: Path) -> None:
    path = tmp_path / "why.svg"
    assert kit.run("rules", "explain", alarm.id, "-c", str(config), "--lang", "zh", "--plot", str(path)).exit_code == 0
    root = ElementTree.fromstring(path.read_text("utf-8"))
    texts = [node.text or "" for node in root.iter() if node.text]
    assert "枪头过温 · CH-2" in texts
    for wanted in ("触发", "恢复", "告警", "保持", "gun_temp [degC]"):
        assert wanted in texts, wanted
    assert any("90 degC" in text for text in texts)
    lines = [node for node in root.iter() if node.tag.endswith("polyline")]
    assert len(lines) == 1
    assert len(lines[0].attrib["points"].split()) == 63


def test_an_unknown_id_is_told_with_what_is_near(config: Path, alarm: Alarm) -> None:
    found = kit.run("rules", "explain", alarm.id + "7", "-c", str(config))
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.startswith(f"there is no alarm and no order {alarm.id}7; similar: ")
    assert alarm.id in found.stderr.split("similar: ")[1]


def test_other_pictures_than_svg_are_refused(config: Path, alarm: Alarm, tmp_path: Path) -> None:
    path = tmp_path / "why.png"
    found = kit.run("rules", "explain", alarm.id, "-c", str(config), "--plot", str(path))
    assert found.exit_code == 2
    assert "write a name that ends in .svg" in found.stderr
    assert not path.exists()


LEVELS = """\
format: 1
rules:
- id: hot
  title: {en: Connector over temperature, zh: 枪头过温}
  watch: {kind: charger}
  levels:
    minor: {when: "gun_temp >= 80 degC", clear: "gun_temp < 75 degC"}
    critical: {when: "gun_temp >= 90 degC", clear: "gun_temp < 88 degC"}
  then: {order: {type: repair, fault: E07}}
"""


def test_the_number_of_an_order_explains_all_its_alarms_with_their_level_changes(tmp_path: Path) -> None:
    config = kit.project(tmp_path, LEVELS)
    lines = kit.csv().splitlines()
    rows = [line.replace(",60,", ",82,") if line > "CH-2,2026-06-01 12:04" else line for line in lines]
    assert kit.import_history(config, "\n".join(rows) + "\n").exit_code == 0
    for queries in _queries(config):
        order = max(queries.orders().items, key=lambda one: one.first_seen)
        (alarm,) = queries.alarms_of(order.no)
        changes = [(one.change, one.level) for one in queries.alarm_changes(alarm.id)]
        assert changes == [("raised", 4), ("level_down", 2)]
    plot = tmp_path / "why.svg"
    found = kit.run("rules", "explain", order.no, "-c", str(config), "--plot", str(plot))
    assert found.exit_code == 0, found.stderr
    assert found.stdout.startswith(f"Order {order.no}: Connector over temperature (")
    for wanted in (
        f"Alarm {alarm.id}: Connector over temperature",
        "raised, critical: Gun temp 95 °C, at or above 90 °C",
        "down to minor: Gun temp 82 °C, below 88 °C",
    ):
        assert wanted in found.stdout, wanted
    assert plot.exists()
    chinese = kit.run("rules", "explain", order.no, "-c", str(config), "--lang", "zh").stdout
    assert "降级为一般：gun_temp 82 °C，低于 88 °C" in chinese
    assert not set(left(chinese)) - {"hot"}  # C8: the rule's own name


COUNTED = """\
format: 1
rules:
- id: hot
  title: {en: Connector over temperature, zh: 枪头过温}
  watch: {kind: charger}
  when: "gun_temp >= 90 degC and has(energy)"
  then: {order: {type: repair, fault: E07, level: major}}
"""


def test_a_glitch_of_a_counter_stands_in_the_timeline(tmp_path: Path) -> None:
    config = kit.project(tmp_path, COUNTED)
    counter = "  energy: {unit: kWh, kind: counter, every: 1m, counter: {reset: restart}}\n"
    (config.parent / "profiles" / "dc.yaml").write_text(kit.PROFILE + counter, "utf-8")
    columns = kit.MAP.replace("points: {", "points: {energy: {column: energy, unit: kWh}, ")
    (config.parent / "map.yaml").write_text(columns, "utf-8")
    head, *rows = kit.csv().splitlines()
    fallen = ("2026-06-01 11:50:00", "2026-06-01 11:51:00")
    energy = ["0" if row.split(",")[1] in fallen else "15508.1" for row in rows]
    table = [f"{head},energy", *(f"{row},{value}" for row, value in zip(rows, energy, strict=True))]
    assert kit.import_history(config, "\n".join(table) + "\n").exit_code == 0
    for queries in _queries(config):
        (alarm,) = queries.alarms(AlarmFilter()).items
    for lang, wanted in (
        ("en", "energy fell from 15508.1 kWh and was back 3m later: a glitch of the counter, no reset"),
        ("zh", "energy 从 15508.1 kWh 跌落，3m 后恢复：计数器跳变，不是复位"),
    ):
        found = kit.run("rules", "explain", alarm.id, "-c", str(config), "--lang", lang)
        assert f"  2026-06-01 11:52:00  {wanted}" in found.stdout.splitlines(), found.stdout


@pytest.mark.fault
def test_beside_a_gateway_that_cannot_be_asked(tmp_path: Path) -> None:
    """The page without the stored readings, which it says."""
    port = kit.free_port()
    config = kit.project(tmp_path, port=port)
    assert kit.import_history(config, kit.csv()).exit_code == 0
    with kit.running(config, port) as api:
        alarm = api.get("/v1/alarms").json()["items"][0]["id"]
        kit.project(tmp_path, port=kit.free_port())  # nobody is there
        found = kit.run("rules", "explain", alarm, "-c", str(config))
        assert found.exit_code == 0, found.stderr
        assert "Condition that held: gun_temp >= attr('temp_trip', 85 degC)" in found.stdout
        assert "The stored readings cannot be read: a process has the stored readings open, but http" in found.stdout
        stuck = kit.run("rules", "backtest", str(tmp_path / "rules"), *kit.SPAN, "-c", str(config))
        assert (stuck.exit_code, "does not answer" in stuck.stderr) == (2, True)
