"""An office-automation system for the gateway: accepts signed work-order events, and its engineers act on them.

    python -m simulators.oa --port 0 --secret-file oa.secret [--callback URL --callback-secret-file F]

POST /hooks/oa   CloudEvents under Standard Webhooks headers. Repeats are found by webhook-id and answered 200.
GET  /orders     the state of each order in this OA;  GET /orders/{number} with its history
GET  /last       the newest event as it came;  GET /stats  counts;  POST|DELETE /faults   see simulators.webhooks.Fault

For each state of an order its people have one thing to do, `--delay` after its event: assign, accept, start,
resolve, close (`--actions`). It is sent to the gateway as a signed callback {"command_id", "order", "action",
"expected_version", "actor", "occurred_at"}, repeated with the same command_id until it is answered.
"""

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import httpx
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from simulators.webhooks import ReceiverFaults, add_fault_routes, problem_of, read_secrets, reset, run, signature

NEXT = {"new": "assign", "assigned": "accept", "accepted": "start", "in_progress": "resolve", "resolved": "close"}
"""State of an order -> next act of the engineer."""
WORDS = {
    "resolve": {"fault": "E07", "cause": "worn contact", "remedy": "contact replaced"},
    "close": {"reason": "done, checked with the site"},
}
"""Remark of the engineer for an act."""
_WORKING = {"new", "assigned", "accepted", "in_progress"}
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)  # s between tries of a callback
_HISTORY = 200
_FACTS = ("state", "title", "priority", "level", "faultCode", "device", "site", "assignee", "sla", "alarm")


@dataclass
class OaOrder:
    """One order in this OA."""

    number: str
    version: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    def summary(self) -> dict[str, Any]:
        """One row of the list."""
        return {"number": self.number, "version": self.version, "events": len(self.events), **self.facts}


class Oa:
    """State of the simulator."""

    def __init__(
        self,
        keys: list[bytes],
        *,
        callback: str = "",
        callback_key: bytes = b"",
        actions: Iterable[str] = ("assign", "accept", "start", "resolve", "close"),
        delay: float = 1.0,
        actor: str = "engineer-1",
    ) -> None:
        self.keys, self.callback, self.callback_key = keys, callback, callback_key or (keys[0] if keys else b"")
        self.actions, self.delay, self.actor = frozenset(actions), delay, actor
        self.orders: dict[str, OaOrder] = {}
        self.seen: Counter[str] = Counter()  # webhook-id -> times taken
        self.counts: Counter[str] = Counter()
        self.last: dict[str, Any] = {}
        self.faults = ReceiverFaults()
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(timeout=10, trust_env=False)

    async def receive_event(self, request: Request) -> Response:
        """Handle one delivery."""
        self.counts["requests"] += 1
        body = await request.body()
        fault = self.faults.take()
        if fault is not None and fault.kind == "refuse":
            reset(request)
            return Response(status_code=500)
        if (instead := await self.faults.answer(fault)) is not None:
            return instead
        if problem := problem_of(self.keys, request.headers, body):
            self.counts["unsigned"] += 1
            return JSONResponse({"error": problem}, 401)
        try:
            event = json.loads(body)
            if event["specversion"] != "1.0" or event["id"] != request.headers["webhook-id"]:
                return self._malformed("id or specversion differ")
            again = self._take(event)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return self._malformed(f"{type(error).__name__}: {error}")
        if fault is not None and fault.kind == "reset":
            reset(request)
        return JSONResponse({"ok": True, "duplicate": again})

    def _malformed(self, why: str) -> Response:
        self.counts["malformed"] += 1
        return JSONResponse({"error": why}, 422)

    def _take(self, event: dict[str, Any]) -> bool:
        order_data = _order_of(event)
        self.seen[event["id"]] += 1
        if self.seen[event["id"]] > 1:
            self.counts["duplicates"] += 1
            return True
        self.counts["events"] += 1
        self.last = event
        if order_data is None:
            return False
        number = str(event.get("subject") or order_data.get("no") or order_data.get("number"))
        order = self.orders.setdefault(number, OaOrder(number))
        version = int(order_data.get("version", order.version + 1))
        if version < order.version:
            self.counts["out_of_order"] += 1
        order.version = max(order.version, version)
        if order.facts.get("state") in {"resolved", "closed"} and order_data.get("state") in _WORKING:
            order.done.clear()  # reopened: the work starts again
        order.facts.update({name: order_data[name] for name in _FACTS if order_data.get(name) is not None})
        order.events.append({"id": event["id"], "type": event["type"], "version": version, "taken": _now()})
        del order.events[:-_HISTORY]
        self._react(order, event, order_data)
        return False

    def _react(self, order: OaOrder, event: dict[str, Any], order_data: dict[str, Any]) -> None:
        action = NEXT.get(str(order_data.get("state", "")))
        links = order_data.get("links") or event["data"].get("links") or {}
        url = self.callback or str(links.get("callback", ""))
        if action is None or action not in self.actions or action in order.done or not url:
            return
        order.done.add(action)
        task = asyncio.create_task(self._call_back(url, order, action))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call_back(self, url: str, order: OaOrder, action: str) -> None:
        await asyncio.sleep(self.delay)
        command = str(uuid.uuid4())
        for pause in (*_PAUSES, None):
            callback = {
                "command_id": command,
                "order": order.number,
                "action": action,
                "expected_version": order.version,
                "actor": self.actor,
                "occurred_at": _now(),
                **WORDS.get(action, {}),
            }
            if action == "assign":
                callback["assignee"] = self.actor
            body = json.dumps(callback, ensure_ascii=False).encode()
            stamp = str(int(time.time()))
            headers = {
                "content-type": "application/json; charset=utf-8",
                "webhook-id": command,
                "webhook-timestamp": stamp,
                "webhook-signature": signature(self.callback_key, command, stamp, body),
            }
            self.counts["callbacks"] += 1
            try:
                status = (await self._http.post(url, content=body, headers=headers)).status_code
            except httpx.HTTPError:
                status = 0
            if 200 <= status < 300:
                self.counts["callbacks_ok"] += 1
                return
            self.counts[f"callbacks_{status or 'unreachable'}"] += 1
            if pause is None or (400 <= status < 500 and status not in {408, 409, 429}):
                order.done.discard(action)  # the next event of the order may cause it again
                return
            await asyncio.sleep(pause)

    def stats(self) -> dict[str, Any]:
        """Counts for the demo and tests."""
        states = Counter(str(order.facts.get("state", "")) for order in self.orders.values())
        return {**self.counts, "orders": len(self.orders), "states": dict(states), "faults": self.faults.injected}

    async def close(self) -> None:
        """End the callbacks under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()


def _order_of(event: dict[str, Any]) -> dict[str, Any] | None:
    """Order in an event's data, None for events about something else."""
    data = event["data"]
    for name in ("workOrder", "work_order", "order"):
        if isinstance(data.get(name), dict):
            return dict(data[name])
    return dict(data) if "state" in data and "version" in data else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def build(oa: Oa) -> FastAPI:
    """The web application around the state."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        await oa.close()

    app = FastAPI(title="OA simulator", lifespan=life)
    app.add_api_route("/hooks/oa", oa.receive_event, methods=["POST"], response_model=None)
    add_fault_routes(app, oa.faults)

    @app.get("/orders")
    async def orders() -> list[dict[str, Any]]:
        return [order.summary() for order in oa.orders.values()]

    @app.get("/orders/{number}")
    async def one(number: str) -> dict[str, Any]:
        if number not in oa.orders:
            raise HTTPException(404, f"no order {number}")
        order = oa.orders[number]
        return {**order.summary(), "history": order.events}

    @app.get("/last")
    async def last() -> dict[str, Any]:
        return oa.last

    @app.get("/stats")
    async def stats() -> dict[str, Any]:
        return oa.stats()

    return app


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, help="0 = a free one; it is printed.")
@click.option("--secret-file", "secrets", type=click.Path(path_type=Path, exists=True), multiple=True, required=True)
@click.option("--callback", default="", help="URL of the gateway; default: the one in the event's links.")
@click.option("--callback-secret-file", type=click.Path(path_type=Path, exists=True), help="Default: the first secret.")
@click.option(
    "--actions", default="assign,accept,start,resolve,close", show_default=True, help="What the engineers do."
)
@click.option("--delay", default=1.0, show_default=True, help="Seconds from an event to its action.")
@click.option("--actor", default="engineer-1", show_default=True)
def main(
    host: str,
    port: int,
    secrets: tuple[Path, ...],
    callback: str,
    callback_secret_file: Path | None,
    actions: str,
    delay: float,
    actor: str,
) -> None:
    """Run the OA simulator."""
    key = read_secrets((callback_secret_file,))[0] if callback_secret_file else b""
    wanted = [action for action in actions.split(",") if action]
    oa = Oa(read_secrets(secrets), callback=callback, callback_key=key, actions=wanted, delay=delay, actor=actor)
    run(build(oa), "oa", host, port)


if __name__ == "__main__":
    main()
