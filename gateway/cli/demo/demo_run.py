"""Runs the demo and checks its result. simulators/scenarios/demo.yaml holds the faults of the devices. This file
announces them, kills the gateway, imports a history, and counts at the end."""

import asyncio
import csv
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.cli.demo.accounts import MessageAccount, take_account
from gateway.cli.demo.processes import DemoProcesses
from gateway.cli.demo.tally import DemoCounts
from gateway.cli.demo.view import DemoView
from gateway.domain.text import Lang, localize
from gateway.expected_stores import JOURNAL

KILL, IMPORT = 30.0, 40.0
TAIL = 4.0  # seconds allowed for the last messages
EXPECTED = 14  # see the head of the scenario, and the import
METER = "GM-000100"
HOT = "CD-HZ-0003"
EMERGENCY, AREA_TEMPLATE, AREA_CUSTOMERS = "gas.network-pressure", "SMS_008", 4  # customers of the area


@dataclass(slots=True)
class DemoRun:
    """One run of the demo, `seconds` long."""

    processes: DemoProcesses
    view: DemoView
    lang: Lang
    seconds: float
    start: float = 0.0
    down: tuple[int, int] = (0, 0)
    restart_ms: float = 0.0
    kills: int = 0
    before: dict[str, int] = field(default_factory=dict)
    imported: int = -1
    shown: dict[str, int] = field(default_factory=dict)

    def now(self) -> float:
        """Seconds since the fleet started."""
        return time.monotonic() - self.start

    async def run(self) -> dict[str, Any]:
        """Run the whole demo and return the report."""
        self.processes.open()
        self.processes.start_gateway()
        await self.processes.ready()
        self.processes.start_fleet(self.seconds)
        self.start = time.monotonic()
        self.view.act(0, "demo.start", "")
        counting = asyncio.create_task(self._count())
        try:
            for second, act in self._plan():
                if second <= self.seconds:
                    await asyncio.sleep(max(0.0, second - self.now()))
                    await act()
            await asyncio.sleep(max(0.0, self.seconds - self.now()))
        finally:
            counting.cancel()
        return await self._end()

    def _plan(self) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
        announce = self._announce
        return [
            (5.0, announce("demo.overheat")), (9.5, self._first_order), (15.0, announce("demo.repeat")),
            (18.0, announce("demo.silent")), (27.0, announce("demo.pressure")), (KILL, self._kill),
            (IMPORT, self._import), (45.0, self._emergency), (47.0, announce("demo.clear")),
        ]  # fmt: skip

    def _announce(self, key: str) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            self.view.act(self.now(), key)

        return act

    async def _first_order(self) -> None:
        """Show the first order, and the time from the true condition to the signed event at the OA system."""
        for order in await self.processes.get("oa", "/orders"):
            if order.get("device", {}).get("code") == HOT:
                first = (await self.processes.get("oa", f"/orders/{order['number']}"))["history"][0]
                met, taken = (datetime.fromisoformat(text) for text in (order["alarm"]["raisedAt"], first["taken"]))
                ms = round((taken - met) / timedelta(milliseconds=1))
                self.view.act(self.now(), "demo.overheat.done", "green", no=order["number"], ms=ms)

    async def _emergency(self) -> None:
        """Show the order for the area and the customers notified. The hold of the rule began before the gateway was
        killed."""
        notified = notified_once(await self.processes.get("sms", "/inbox"))
        for order in await self.processes.get("oa", "/orders"):
            if order.get("faultCode") == EMERGENCY:
                self.view.act(
                    self.now(),
                    "demo.pressure.done",
                    "green",
                    no=order["number"],
                    told=notified,
                    customers=AREA_CUSTOMERS,
                )

    async def _counts(self) -> dict[str, int]:
        metric, states = self.processes.metric, ("received", "journaled", "duplicate", "rejected")
        return {state: await metric("fieldgate_messages_total", state=state) for state in states}

    async def _kill(self) -> None:
        self.before = await self._counts()
        self.view.act(self.now(), "demo.kill", "bold red")
        killed = time.time_ns() // 1000
        self.processes.kill_gateway()
        self.kills += 1
        self.processes.start_gateway()
        self.restart_ms = await self.processes.ready()
        self.down = (killed, time.time_ns() // 1000)
        self.view.act(self.now(), "demo.restarted", "green", ms=round(self.restart_ms))

    async def _import(self) -> None:
        self.view.act(self.now(), "demo.import")
        file, mapping = write_history(self.processes.folder, self.processes.seed)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            "import",
            str(file),
            "--map",
            str(mapping),
            "--data",
            str(self.processes.data),
            "--api",
            f"http://127.0.0.1:{self.processes.api}",
            "--quiet",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate()
        self.imported = process.returncode or 0
        if self.imported:
            self.view.act(self.now(), "demo.bad", "red", what=errors.decode("utf-8", "replace")[-300:])

    async def _count(self) -> None:
        """Count on disk and at the receivers. Counters of a process would fall when it is killed."""
        tally = DemoCounts(self.processes.data / JOURNAL)
        try:
            while True:
                oa, sms = await self.processes.get("oa", "/stats"), await self.processes.get("sms", "/stats")
                await asyncio.to_thread(tally.update)
                found = {
                    "published": self._ledger_lines(),
                    "journaled": tally.messages,
                    "stored": tally.readings,
                    "orders": oa.get("orders", 0),
                    "webhooks": oa.get("events", 0),
                    "notices": sms.get("taken", 0),
                }
                self.shown = {name: max(count, self.shown.get(name, 0)) for name, count in found.items()}
                self.view.counts(self.now(), self.seconds, localize("demo.counts", self.lang, **self.shown))
                await asyncio.sleep(0.5)
        finally:
            tally.close()

    def _ledger_lines(self) -> int:
        return sum(path.read_bytes().count(b"\n") for path in (self.processes.folder / "ledger").glob("*.ledger"))

    async def _end(self) -> dict[str, Any]:
        self.view.act(self.now(), "demo.counting", "")
        self.processes.end("fleet", 30)
        await asyncio.sleep(TAIL)
        after = await self._counts()
        oa, sms = await self.processes.get("oa", "/stats"), await self.processes.get("sms", "/stats")
        notified = notified_once(await self.processes.get("sms", "/inbox"))
        orders, last = await self.processes.get("oa", "/orders"), await self.processes.get("oa", "/last")
        status = self.processes.end("gateway")
        account = take_account(self.processes.data, self.processes.folder / "ledger", "default", self.down)
        self._show(account, orders, last)
        return self._report(account, after, oa, sms, status) | {"area_told": notified, "area_customers": AREA_CUSTOMERS}

    def _show(self, account: MessageAccount, orders: list[dict[str, Any]], last: dict[str, Any]) -> None:
        if account.orders:
            hot = next((o for o in orders if o.get("device", {}).get("code") == HOT), None)
            if hot is not None:
                self.view.facts(localize("demo.order", self.lang), summary(hot, self.lang))
        self.view.console.print(localize("demo.webhook", self.lang))
        self.view.console.print(json.dumps(folded(last), ensure_ascii=False), soft_wrap=False, markup=False)

    def _report(
        self, account: MessageAccount, after: dict[str, int], oa: dict[str, Any], sms: dict[str, Any], status: int
    ) -> dict[str, Any]:
        totals = {state: self.before.get(state, 0) + count for state, count in after.items()}
        faults = {(order.device, order.component, order.fault) for order in account.orders}
        doubled = account.orders_created - len(faults)
        return {
            "published": account.published + account.polled,
            "received": totals["received"],
            "journaled": account.journaled,
            "stored": account.stored,
            "duplicate": totals["duplicate"],
            "rejected": account.rejected,
            "alarms_raised": account.alarms_raised,
            "orders_created": account.orders_created,
            "orders_expected": EXPECTED,
            "webhooks_delivered": oa.get("events", 0),
            "webhooks_duplicate": oa.get("duplicates", 0),
            "notices_delivered": sms.get("taken", 0),
            "lost": account.lost,
            "doubled": doubled,
            "orders_at_oa": oa.get("orders", 0),
            "kills": self.kills,
            "restart_ms": round(self.restart_ms),
            "p50_ms": account.p(account.reading_ms, 0.5),
            "p99_ms": account.p(account.reading_ms, 0.99),
            "timer_p99_ms": account.p(account.timer_ms, 0.99),
            "gateway_exit": status,
            "import_exit": self.imported,
        }


def summary(order: dict[str, Any], lang: Lang) -> dict[str, object]:
    """One order of the OA system as text: device, place, severity and evidence."""
    alarm, device = order["alarm"], order["device"]
    rows = {
        "number": order["number"],
        "state": localize(f"word.state.{order['state']}", lang),
        "priority": order["priority"],
        "fault": order["faultCode"],
        "title": order["title"][lang],
        "device": f"{device['code']} {device['name']} #{device['component']}",
        "site": f"{order['site']['code']} {order['site']['name']}",
        "alarms": alarm["count"],
        "evidence": alarm["evidence"]["sentence"][lang],
        "raised": alarm["raisedAt"],
        "cleared": alarm["clearedAt"] or "-",
    }
    return {localize(f"demo.fact.{name}", lang): value for name, value in rows.items()}


def folded(event: Any, depth: int = 2) -> Any:
    """Webhook shortened to a few lines: empty fields are left out, values deeper than `depth` objects become `…`."""
    if isinstance(event, dict):
        if depth < 0:
            return "{…}"
        return {key: folded(value, depth - 1) for key, value in event.items() if value not in (None, "", [], {})}
    return "[…]" if isinstance(event, list) else event


def notified_once(inbox: Any) -> int:
    """Number of phones with exactly one message about the area's emergency, from the inbox of the SMS gateway."""
    phones = Counter(message["phone"] for message in inbox or () if message["template"] == AREA_TEMPLATE)
    return sum(count == 1 for count in phones.values())


def broken_promises(report: dict[str, Any], lang: Lang = "en") -> list[str]:
    """One line for each figure that differs from the expected one; [] = none."""
    wanted = {
        "lost": 0,
        "doubled": 0,
        "orders_created": report["orders_expected"],
        "orders_at_oa": report["orders_expected"],
        "notices_delivered": 1 + AREA_CUSTOMERS,
        "area_told": report["area_customers"],
        "gateway_exit": 0,
        "import_exit": 0,
        "kills": 1,
    }
    return [
        localize("demo.broken", lang, name=name, got=report[name], wanted=value)
        for name, value in wanted.items()
        if report[name] != value
    ]


def write_history(folder: Path, seed: int) -> tuple[Path, Path]:
    """Write four months of hourly totals up to now (consumption in the first month, none since), and the map of the
    file."""
    rng, zone = random.Random(seed), ZoneInfo("Asia/Shanghai")  # noqa: S311
    today = datetime.now(UTC).astimezone(zone).replace(minute=0, second=0, microsecond=0)
    month = today.replace(day=1, hour=0)
    for _ in range(4):
        month = (month - timedelta(days=1)).replace(day=1)
    total, at = 812.0, month
    stop = (month + timedelta(days=32)).replace(day=1)
    file, mapping = folder / "history.csv", folder / "history.yaml"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["表号", "抄表时间", "累计用量"])
        while at < today - timedelta(hours=1):
            total += rng.uniform(0, 0.1) if at < stop - timedelta(hours=6) else 0.0
            writer.writerow([METER, at.strftime("%Y-%m-%d %H:%M:%S"), f"{total:.3f}"])
            at += timedelta(hours=1)
    mapping.write_text(
        "device: {column: 表号}\n"
        'time: {column: 抄表时间, format: "%Y-%m-%d %H:%M:%S", zone: Asia/Shanghai}\n'
        "points: {volume_total: {column: 累计用量, unit: m3}}\n",
        "utf-8",
    )
    return file, mapping
