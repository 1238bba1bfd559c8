"""`fieldgate rules backtest`: on a stopped installation, beside a running gateway, against other rules."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import installation_kit as kit
import pytest
from latin import left


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped installation with a day of history."""
    file = kit.project(tmp_path_factory.mktemp("backtest"))
    assert kit.import_history(file, kit.csv()).exit_code == 0
    return file


def _json(config: Path, *more: str) -> dict[str, Any]:
    rules = str(config.parent / "rules")
    found = kit.run("rules", "backtest", rules, *kit.SPAN, "-c", str(config), "--format", "json", *more)
    assert found.exit_code == 0, found.stderr
    answer: dict[str, Any] = json.loads(found.stdout)
    return answer


def _rows(episodes: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    return [(one["device"], one["raised"][5:16], one["cleared"] and one["cleared"][5:16]) for one in episodes]


EXPECTED = [("CH-1", "06-01T10:02", "06-01T10:10"), ("CH-2", "06-01T12:02", "06-01T12:05")]


def test_episodes_orders_and_devices(config: Path) -> None:
    found = _json(config)
    assert _rows(found["episodes"]) == EXPECTED
    assert found["orders_per_day"] == {"2026-06-01": 2}
    assert found["devices"] == ["CH-1", "CH-2"]
    assert (found["readings"], found["devices_watched"]) == (2880, 2)


def test_the_text_says_the_same_in_both_languages(config: Path) -> None:
    rules = str(config.parent / "rules")
    english = kit.run("rules", "backtest", rules, *kit.SPAN, "-c", str(config)).stdout
    assert "hot | CH-1 | 2026-06-01 10:02:00 | 2026-06-01 10:10:00 | major | 1" in english
    assert "Orders per day: 2 in all\n  2026-06-01  2" in english
    chinese = kit.run("rules", "backtest", rules, *kit.SPAN, "-c", str(config), "--lang", "zh", "--limit", "1").stdout
    assert "hot | CH-1 | 2026-06-01 10:02:00 | 2026-06-01 10:10:00 | 重要 | 1" in chinese
    assert "另有 1 个" in chinese
    assert not set(left(chinese)) - {"hot", "limit", "Asia", "Shanghai"}  # C8


def test_only_some_devices(config: Path) -> None:
    assert _rows(_json(config, "--devices", "CH-2")["episodes"]) == EXPECTED[1:]


def test_what_began_before_is_not_counted(config: Path) -> None:
    rules = str(config.parent / "rules")
    span = ("--from", "2026-06-01T10:05", "--to", "2026-06-01T12:04+08:00")
    found = kit.run("rules", "backtest", rules, *span, "-c", str(config), "--format", "json")
    answer = json.loads(found.stdout)
    assert _rows(answer["episodes"]) == [("CH-2", "06-01T12:02", None)]
    assert answer["raised_before"] == 1


def test_compared_with_the_rules_in_force_and_with_a_file(config: Path) -> None:
    other = config.parent / "edited.yaml"
    other.write_text(kit.HOT.replace("85 degC", "100 degC").replace("hold: 2m", "hold: 1m"), "utf-8")
    span = (*kit.SPAN, "-c", str(config), "--format", "json")
    found = kit.run("rules", "backtest", str(other), *span, "--compare")
    assert found.exit_code == 0, found.stderr
    change = json.loads(found.stdout)["compare"]
    assert _rows(change["only_old"]) == EXPECTED[:1]
    assert change["only_new"] == []
    (moved,) = change["moved"]
    assert (moved["old"]["raised"][11:16], moved["new"]["raised"][11:16]) == ("12:02", "12:01")
    rules = str(config.parent / "rules" / "hot.yaml")
    same = json.loads(kit.run("rules", "backtest", rules, *span, "--compare", rules).stdout)["compare"]
    assert (same["same"], same["only_old"], same["only_new"], same["moved"]) == (2, [], [], [])
    text = kit.run("rules", "backtest", str(other), *kit.SPAN, "-c", str(config), "--compare").stdout
    assert "Compared with the rules in force: 0 alike, 1 moved, 1 only before, 0 only now" in text
    assert "2026-06-01  2 -> 1  (-1)" in text


def test_pictures(config: Path, tmp_path: Path) -> None:
    rules = str(config.parent / "rules")
    assert kit.run("rules", "backtest", rules, *kit.SPAN, "-c", str(config), "--plot", str(tmp_path)).exit_code == 0
    drawn = sorted(tmp_path.glob("*.svg"))
    assert [path.name for path in drawn] == ["0001-hot-CH-1.svg", "0002-hot-CH-2.svg"]
    texts = [node.text or "" for node in ElementTree.fromstring(drawn[1].read_text("utf-8")).iter() if node.text]
    assert any("90 degC (attr device temp_trip)" in text for text in texts)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "yesterday", "--to", "2026-06-03"), "--from: yesterday is not a time; write 2026-05-01"),
        (("--from", "2026-06-03", "--to", "2026-06-01"), "--to 2026-06-01 is not after --from 2026-06-03"),
        ((*kit.SPAN, "--devices", "CH-3"), "there is no device CH-3; write the code of one: CH-"),
        ((*kit.SPAN, "--compare", "nowhere.yaml"), "nowhere.yaml: no such file"),
    ],
)
def test_what_is_wrong_is_said(config: Path, arguments: tuple[str, ...], said: str) -> None:
    found = kit.run("rules", "backtest", str(config.parent / "rules"), "-c", str(config), *arguments)
    assert found.exit_code == 2
    assert said in found.stderr


def test_no_data_and_broken_rules_are_said(config: Path, tmp_path: Path) -> None:
    fresh = kit.project(tmp_path)
    found = kit.run("rules", "backtest", str(fresh.parent / "rules"), *kit.SPAN, "-c", str(fresh))
    assert (found.exit_code, "holds no data of a gateway" in found.stderr) == (2, True)
    broken = tmp_path / "broken.yaml"
    broken.write_text(kit.HOT.replace("gun_temp >=", "guntemp >="), "utf-8")
    found = kit.run("rules", "backtest", str(broken), *kit.SPAN, "-c", str(config))
    assert (found.exit_code, "broken.yaml:7" in found.stderr) == (2, True), found.stderr


@pytest.mark.fault
def test_beside_a_running_gateway(tmp_path: Path) -> None:
    port = kit.free_port()
    config = kit.project(tmp_path, port=port)
    assert kit.import_history(config, kit.csv()).exit_code == 0
    with kit.running(config, port) as api:
        found = _json(config)
        assert _rows(found["episodes"]) == EXPECTED
        alarms = api.get("/v1/alarms").json()["items"]
        live = sorted((one["place"]["device"], one["raised_at"], one["cleared_at"]) for one in alarms)
        assert len(live) == 2
        assert [row[0] for row in live] == ["CH-1", "CH-2"]
        assert live[0][1].startswith("2026-06-01T02:02:00")
        assert live[0][2].startswith("2026-06-01T02:10:00")
        why = kit.run("rules", "explain", alarms[0]["id"], "-c", str(config))
        assert why.exit_code == 0, why.stderr
        assert "90 degC  from attribute temp_trip of the device" in why.stdout
        (tmp_path / "data" / "admin.key").unlink()
        assert _rows(_json(config)["episodes"]) == EXPECTED, "C3: the lost key of the admin locks nobody out"
        answer = api.post(
            "/v1/history/open/rows", json={"start": "2026-06-03T00:00:00Z", "end": "2026-06-01T00:00:00Z"}
        )
        assert answer.status_code == 422


def test_shares_of_several_processes_give_what_one_gives(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.backtest import backtest

    alone = _json(config)
    monkeypatch.setattr(backtest, "LEAST", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    requested: list[int] = []
    shared = backtest.judge_in_processes
    monkeypatch.setattr(
        backtest,
        "judge_in_processes",
        lambda task, told, workers: requested.append(workers) or shared(task, told, workers),
    )
    together = _json(config)
    assert requested == [2]
    for key in ("episodes", "orders_per_day", "readings", "devices"):
        assert together[key] == alone[key], key


USED = """\
format: 1
rules:
- id: used
  title: {en: Much used, zh: 用量大}
  watch: {kind: charger}
  let: {u: {increase: energy, per: day}}
  when: "u > 50 kWh"
"""


def test_a_glitch_of_a_counter_is_looked_at_again(tmp_path: Path) -> None:
    """CH-1 falls from 1000 to 3, counts up to 60 and is back the next day; CH-2 is not: 60 kWh on June 1st."""
    config = kit.project(tmp_path, USED)
    counter = "  energy: {unit: kWh, kind: counter, every: 1h, counter: {reset: restart}}\n"
    (tmp_path / "profiles" / "dc.yaml").write_text(kit.PROFILE + counter, "utf-8")
    (tmp_path / "map.yaml").write_text(kit.MAP.replace("gun_temp: {column: temp, unit: degC}", "energy: {column: e}"))
    values = [*[1000] * 20, 3, 20, 40, 60, 60, 60]
    rows = ["sn,at,e,status"]
    for hour in range(48):
        at = kit.BEGIN + timedelta(hours=hour)
        for code, later in (("CH-1", 1001), ("CH-2", 61)):
            value = values[hour] if hour < len(values) else later
            rows.append(f"{code},{at:%Y-%m-%d %H:%M:%S},{value},charging")
    found = kit.import_history(config, "\n".join(rows) + "\n")
    assert found.exit_code == 0, found.output
    answer = _json(config)
    assert [(one["device"], one["raised"][:10]) for one in answer["episodes"]] == [("CH-2", "2026-06-02")]
    assert answer["readings"] == 96
