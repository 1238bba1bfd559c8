"""Shadow mode with a real gateway: recorded, visible, never delivered; and what a change of mode does (S22)."""

from pathlib import Path
from typing import Any

import httpx
import installation_kit as kit
import pytest

pytestmark = pytest.mark.fault
AT_ONCE = kit.HOT.replace("  hold: 2m\n", "")  # the readings are of long ago: no hold could be completed today
SHADOW = AT_ONCE + "  mode: shadow\n"


def _alarms(api: httpx.Client, **want: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/v1/alarms", params=want).json()["items"]  # type: ignore[arg-type]
    return found


def _count(api: httpx.Client, path: str) -> int:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return len(answer.json()["items"])


def _mode(config: Path, text: str) -> None:
    (config.parent / "rules" / "hot.yaml").write_text(text, "utf-8")


def test_s22_shadow_is_recorded_and_never_delivered_then_live_and_back(tmp_path: Path) -> None:
    port = kit.free_port()
    config = kit.project(tmp_path, SHADOW, port)
    with kit.running(config, port) as api:
        assert kit.import_history(config, kit.csv(hot=True)).exit_code == 0
        shadow = _alarms(api, shadow="true")
        assert sorted(one["place"]["device"] for one in shadow) == ["CH-1", "CH-1", "CH-2", "CH-2"]
        assert _alarms(api, shadow="false") == []
        assert _count(api, "/v1/work-orders") == 0
        assert _count(api, "/v1/events") == 0
        assert _count(api, "/v1/deliveries") == 0
        page = kit.run("rules", "explain", shadow[0]["id"], "-c", str(config)).stdout
        assert "shadow: recorded, without notice and order" in page
        found = kit.run("rules", "backtest", str(config.parent / "rules"), *kit.SPAN, "-c", str(config))
        assert "Orders per day: 4 in all" in found.stdout

        _mode(config, AT_ONCE)  # what is still true is raised, now for real
        kit.wait_for(lambda: len(_alarms(api, shadow="false")) == 2)
        kit.wait_for(lambda: _count(api, "/v1/work-orders") == 2)
        live = [one for one in _alarms(api, raised="true") if one["live"]]
        assert sorted(one["place"]["device"] for one in live) == ["CH-1", "CH-2"]
        kit.wait_for(lambda: _count(api, "/v1/deliveries") > 0)

        _mode(config, SHADOW)  # back: the orders stay open with a note, nobody is told that anything was resolved
        kit.wait_for(lambda: any(not one["live"] for one in _alarms(api, raised="true")))
        orders = api.get("/v1/work-orders").json()["items"]
        assert {one["state"] for one in orders} == {"new"}
        told = [one["type"].rsplit(".", 2)[-2:] for one in api.get("/v1/deliveries").json()["items"]]
        alarms = [["alarm", "raised"]] * 2
        assert sorted(told) == alarms + [["workorder", "comment_added"]] * 2 + [["workorder", "created"]] * 2
        assert all(one["condition_cleared_at"] is None for one in orders)
