"""Whatever comes in: an answer, never an accident."""

import json
from typing import Any

from api_kit import World
from depth import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

QUIET = settings(
    max_examples=examples(50), deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
JSON = {"content-type": "application/json"}
NAMES = [
    "command_id", "act", "expected_version", "occurred_at", "assignee", "reason", "note", "device", "component",
    "fault", "title", "level", "type", "source", "name", "role", "sites", "expires_at",
]  # fmt: skip
WORDS = st.sampled_from([
    "assign", "comment", "D1", "repair", "major", "admin", "2026-11-22T06:00:00Z", "9999-12-31T23:59:59-23:59", "\0",
    "\ud800", "﷽" * 300, "-1", "1e309", "NaN",
])  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8) | VALUES
POSTS = st.sampled_from([
    "/v1/work-orders", "/v1/work-orders/{no}/commands", "/v1/keys", "/v1/alarms/{alarm}/unlatch",
    "/v1/deliveries/1/redeliver", "/v1/endpoints/oa/enable",
])  # fmt: skip
GETS = st.sampled_from([
    "/v1/devices", "/v1/devices/D1", "/v1/devices/D1/series", "/v1/alarms", "/v1/work-orders", "/v1/deliveries",
    "/v1/events", "/v1/dead-letters", "/v1/deliveries/1/attempts", "/v1/endpoints", "/v1/keys",
])  # fmt: skip
QUERIES = st.dictionaries(
    st.sampled_from([
        "limit", "cursor", "after", "point", "component", "start", "end", "every", "state", "level", "since", "until",
        "open", "raised", "device", "kind", "site", "updated_after", "endpoint", "subject",
    ]),
    st.integers().map(str) | st.sampled_from([
        "temp", "energy", "0", "2026-11-22T06:00:00Z", "1970-01-01T00:00:00Z", "1m", "1000d", "true", "new", "dead",
        "MQ", "WzldAA", "WzE4NDQ2NzQ0MDczNzA5NTUxNjE1XQ", "WzEsIngiXQ", "WyJ4IiwxXQ", "W3RydWUsbnVsbF0",
        "OTIyMzM3MjAzNjg1NDc3NTgwOA", "٣", "\0",
    ]) | st.text(max_size=30, alphabet=st.characters(exclude_categories=["Cs"])),
    max_size=6,
)  # fmt: skip


def fine(answer: Any) -> None:
    assert answer.status_code < 500, (answer.request.url, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


@QUIET
@given(path=POSTS, body=BODIES)
async def test_bodies(world: World, path: str, body: Any) -> None:
    if not world.commands:
        world.commands = 1
        world.raise_alarm()
    path = path.format(no="WO-20261122-00001", alarm="0-1-0")
    fine(await world.ask("POST", path, content=json.dumps(body).encode()[:4000], headers=JSON))


@QUIET
@given(path=GETS, query=QUERIES)
async def test_queries(world: World, path: str, query: dict[str, str]) -> None:
    fine(await world.ask("GET", path, params=query))


@QUIET
@given(text=st.text(min_size=1, max_size=60, alphabet=st.characters(exclude_categories=["Cs"])))
async def test_paths(world: World, text: str) -> None:
    from urllib.parse import quote

    part = quote(text, safe="")
    for path in (
        f"/v1/devices/{part}",
        f"/v1/alarms/{part}",
        f"/v1/work-orders/{part}",
        f"/v1/{part}",
        f"/v1/deliveries/{part}/attempts",
        f"/v1/devices/{part}/series?point={part}",
    ):
        fine(await world.ask("GET", path))


@QUIET
@given(body=st.binary(max_size=200))
async def test_bytes(world: World, body: bytes) -> None:
    fine(await world.ask("POST", "/v1/work-orders", content=body, headers=JSON))
