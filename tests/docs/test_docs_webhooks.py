"""docs/webhooks.md and .zh.md: the tables are made from the program, the worked example is right.

When the program changed: `python tests/docs/test_docs_webhooks.py` writes the tables.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.delivery.retry_schedule import RETRIES
from gateway.desk.event_schemas import EVENTS, schema_of
from gateway.desk.lifecycle import EVENT, MOVES, MoveContext, Refusal, act_text, decide
from gateway.domain.alarm import Level
from gateway.domain.duration import format_duration
from gateway.domain.text import Lang, localize
from gateway.domain.workorder import Act, Actor, Command, OrderState, Role, WorkOrder

DOCS = Path(__file__).parents[2] / "docs"
PAGES: dict[Lang, Path] = {"en": DOCS / "webhooks.md", "zh": DOCS / "webhooks.zh.md"}
PART = re.compile(r"<!-- (?P<name>\w+) -->\n(?P<text>.*?)<!-- /(?P=name) -->", re.DOTALL)
HEAD: dict[Lang, Mapping[str, str]] = {
    "en": {
        "events": "| event | means |",
        "acts": "| act | who | needs | event |",
        "field": "| field | type |",
    },
    "zh": {"events": "| 事件 | 含义 |", "acts": "| 操作 | 角色 | 必填 | 事件 |", "field": "| 字段 | 类型 |"},
}


def order(state: OrderState) -> WorkOrder:
    """An order in a state, assigned to the engineer `e`."""
    return msgspec.convert(
        {
            "id": "o",
            "no": "WO-1",
            "tenant": "t",
            "key": "k",
            "state": state.value,
            "type": "repair",
            "fault": "E07",
            "level": int(Level.MAJOR),
            "assignee": "e" if state is not OrderState.NEW else "",
            "version": 1,
            "title_en": "t",
            "title_zh": "t",
            "source": "alarm",
            "priority": "P2",
            "priority_reason": "",
            "device": 1,
            "created_at": 1,
            "updated_at": 1,
            "first_seen": 1,
            "last_seen": 1,
            "component": 0,
            "group": "",
            "why": "",
            "rule": "r",
            "alarm": "a",
        },
        WorkOrder,
    )


def outcome(act: Act, state: OrderState, role: Role) -> WorkOrder | Refusal:
    """What the desk decides of an act without any content."""
    return decide(MoveContext(order(state), Command("WO-1", act, Actor("e", role), "c"), 0))


def events(lang: Lang) -> str:
    rows = [f"| `com.fieldgate.{topic}` | {localize(f'event.{topic}', lang)} |" for topic in EVENTS]
    return "\n".join([HEAD[lang]["events"], "|---|---|", *rows])


def states(lang: Lang) -> str:
    """One row per state, one column per act: where it leads, for people."""
    acts = [act for act in Act if any(move.act is act for move in MOVES)]
    names = [localize(act_text(act).key, lang) for act in acts]
    rows = []
    for state in OrderState:
        cells = []
        for act in acts:
            leads = [
                move.to(order(state))
                for move in MOVES
                if move.act is act and state in move.sources and move.roles != frozenset({Role.SYSTEM})
            ]
            cells.append(_state(leads[0], lang) if leads else "")
        rows.append(f"| **{_state(state, lang)}** `{state.value}` | {' | '.join(cells)} |")
    return "\n".join([f"| | {' | '.join(names)} |", "|---" * (len(acts) + 1) + "|", *rows])


def acts(lang: Lang) -> str:
    """Who may do it, and what has to be said with it."""
    rows = []
    for move in MOVES:
        roles = ", ".join(sorted(role.value for role in move.roles if role is not Role.SYSTEM))
        if not roles:
            continue
        state = min(move.sources, key=list(OrderState).index)
        said = outcome(move.act, state, Role.SUPERVISOR)
        said = said if isinstance(said, Refusal) else outcome(move.act, state, Role.ENGINEER)
        needs = "`reason`" if move.act is Act.CANCEL else ""
        if isinstance(said, Refusal) and "missing" in said.fields:
            needs = ", ".join(f"`{one}`" for one in str(said.fields["missing"]).split(", "))
        act = f"{localize(act_text(move.act).key, lang)} `{move.act.value}`"
        rows.append(f"| {act} | {roles} | {needs} | `workorder.{EVENT[move.act]}` |")
    return "\n".join([HEAD[lang]["acts"], "|---|---|---|---|", *rows])


def _state(state: OrderState, lang: Lang) -> str:
    return localize(f"word.state.{state.value}", lang)


def fields(lang: Lang) -> str:
    """Every field of an order's event, by its place."""
    schema = schema_of("workorder.created")
    rows = [f"| `{name}` | {kind} |" for name, kind in _fields(schema["properties"]["data"], schema["$defs"], "data")]
    return "\n".join([HEAD[lang]["field"], "|---|---|", *rows])


def _fields(shape: Mapping[str, Any], parts: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
    if "$ref" in shape:
        return _fields(parts[str(shape["$ref"]).rpartition("/")[2]], parts, path)
    found = []
    for name, inner in shape.get("properties", {}).items():
        place, kind = f"{path}.{name}", _kind(inner, parts)
        deeper = next((one for one in [inner, *inner.get("anyOf", ()), inner.get("items", {})] if "$ref" in one), None)
        optional = "" if name in shape.get("required", ()) else "?"
        found.append((place + ("[]" if "items" in inner else ""), kind + optional))
        if deeper is not None and "properties" in parts[str(deeper["$ref"]).rpartition("/")[2]]:
            found += _fields(deeper, parts, found[-1][0])
    return found


def _kind(inner: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    if "$ref" in inner:
        target = parts[str(inner["$ref"]).rpartition("/")[2]]
        return _kind(target, parts) if "enum" in target else "object"
    if "enum" in inner:
        return ", ".join(f"`{one}`" for one in inner["enum"])
    if "anyOf" in inner:
        return " \\| ".join(_kind(one, parts) for one in inner["anyOf"])
    if inner.get("pattern", "").startswith("^\\d{4}"):
        return "time"
    kind = inner.get("type", "")
    return " \\| ".join(kind) if isinstance(kind, list) else str(kind)


def retries(lang: Lang) -> str:
    return ("、" if lang == "zh" else ", ").join(format_duration(one) for one in RETRIES)


PARTS: Mapping[str, Callable[[Lang], str]] = {
    "events": events, "states": states, "acts": acts, "fields": fields, "retries": retries,
}  # fmt: skip


def page(lang: Lang) -> str:
    """The page with its tables made anew."""
    text = PAGES[lang].read_text("utf-8")
    return PART.sub(lambda one: f"<!-- {one['name']} -->\n{PARTS[one['name']](lang)}\n<!-- /{one['name']} -->", text)


@pytest.mark.parametrize("lang", PAGES)
def test_the_tables_are_made_from_the_program(lang: Lang) -> None:
    assert {one["name"] for one in PART.finditer(PAGES[lang].read_text("utf-8"))} == set(PARTS)
    assert PAGES[lang].read_text("utf-8") == page(lang)


@pytest.mark.parametrize("lang", PAGES)
def test_the_worked_example_is_right(lang: Lang) -> None:
    """Secret, id, time and body as the page has them give the signature it has."""
    text = PAGES[lang].read_text("utf-8")
    secret, identity, stamp, body, signature = (
        re.search(rf"^{name} {{2,}}(.+)$", text, re.MULTILINE)
        for name in ("secret", "webhook-id", "webhook-timestamp", "body", "webhook-signature")
    )
    assert secret and identity and stamp and body and signature  # noqa: PT018 - all of one example
    key = base64.b64decode(secret[1].removeprefix("whsec_"))
    mac = hmac.new(key, f"{identity[1]}.{stamp[1]}.{body[1]}".encode(), hashlib.sha256).digest()
    assert signature[1] == "v1," + base64.b64encode(mac).decode()


def test_the_state_machine_and_the_table_agree() -> None:
    """Cell by cell: the table has a target where somebody may, and nothing else."""
    rows = states("en").splitlines()[2:]
    acts_of = [act for act in Act if any(move.act is act for move in MOVES)]
    for state, row in zip(OrderState, rows, strict=True):
        for act, cell in zip(acts_of, row.split("|")[2:-1], strict=True):
            found = [outcome(act, state, role) for role in Role if role is not Role.SYSTEM]
            illegal = all(isinstance(one, Refusal) and one.status in {403, 409} for one in found)
            assert bool(cell.strip()) is not illegal, (state, act)


if __name__ == "__main__":
    for language, file in PAGES.items():
        file.write_text(page(language), "utf-8")
