"""C4: every 409 lists what is possible now, in the caller's language."""

import re
from pathlib import Path

from api_kit import World, problem

from gateway.domain.text import catalogue
from gateway.domain.workorder import Act, Role

ROOT = Path(__file__).parents[2]


async def _order(world: World) -> str:
    world.raise_alarm()
    return str((await world.get("/v1/work-orders"))["items"][0]["no"])


async def test_an_illegal_move_names_the_acts_of_the_caller(world: World) -> None:
    no = await _order(world)
    path = f"/v1/work-orders/{no}/commands"
    english = problem(await world.act(no, "start"), 409, "illegal_move")
    assert [one["act"] for one in english["possible"]] == ["assign", "cancel", "merge", "comment", "set_urgency"]
    assert english["detail"].endswith(
        "is new: start is not possible now; possible: assign, cancel, merge, comment, set the urgency"
    )
    body = {"command_id": "z", "act": "start"}
    answer = await world.ask("POST", path, headers={"accept-language": "zh-CN"}, json=body)
    chinese = problem(answer, 409, "illegal_move")
    assert (
        chinese["detail"] == f"工单 {no} 处于“新建”状态，现在不能开始处理；可以：派单、取消、合并、备注、调整紧急程度"
    )
    assert [one["text"] for one in chinese["possible"]] == ["派单", "取消", "合并", "备注", "调整紧急程度"]
    engineer = problem(await world.act(no, "resume", Role.ENGINEER), 409, "illegal_move")
    assert [one["act"] for one in engineer["possible"]] == ["comment"]


async def test_a_stale_version_names_them_too(world: World) -> None:
    no = await _order(world)
    body = problem(await world.act(no, "assign", assignee="x", expected_version=7), 409, "stale")
    assert (body["state"], body["version"]) == ("new", 1)
    assert {"act": "assign", "text": "assign"} in body["possible"]


async def test_of_an_unknown_delivery_nothing_is_possible(world: World) -> None:
    problem(await world.ask("POST", "/v1/deliveries/999/redeliver"), 404, "unknown_delivery")


async def test_an_import_says_which_chunk_is_next(world: World) -> None:
    begun = await world.ask("POST", "/v1/imports", json={"file": "a.csv"})
    number = begun.json()["id"]
    headers = {"accept-language": "zh"}
    late = await world.ask("POST", f"/v1/imports/{number}/end", json={"chunks": 3}, headers=headers)
    body = problem(late, 409, "chunk-out-of-order")
    assert body["possible"] == [{"act": "send_chunk", "text": "发送第 0 块"}]
    assert body["expected"] == 0


def test_every_act_has_its_words() -> None:
    assert {f"possible.{act.value}" for act in Act} <= set(catalogue())
    named = {
        name
        for path in (ROOT / "gateway").rglob("*.py")
        for call in re.findall(r"Conflict\(\s*\"[a-z_-]+\", (?:\()([^)]*)\)", path.read_text("utf-8"))
        for name in re.findall(r'"([a-z_]+)"', call)
    }
    assert len(named) >= 8
    assert {f"possible.{name}" for name in named} <= set(catalogue())


def test_nothing_but_a_conflict_answers_409() -> None:
    """So that none can be written without what is possible."""
    for path in (ROOT / "gateway").rglob("*.py"):
        if path.name != "errors.py":
            assert not re.search(r"(?:CommandError|refused)\(\s*409", path.read_text("utf-8")), path
