"""1,500 rules are installed, twice, while other threads read status, metrics and devices: what they read is a value."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
from api_kit import FILES, house

from gateway.app.build import build
from gateway.app.lifecycle import App
from gateway.domain.workorder import Role
from gateway.settings import load_project

MANY = 1500
HEAD, RULE = FILES["rules/a.yaml"].split("- id: hot", 1)


def many(limit: int) -> str:
    return HEAD + "".join(f"- id: many{n}{RULE.replace('85', str(limit + n % 50))}" for n in range(MANY))


def rules_of(metrics: str) -> int:
    (line,) = [line for line in metrics.splitlines() if line.startswith("fieldgate_engine_rules ")]
    return int(float(line.split()[1]))


async def until(true: Callable[[], bool], readers: "Readers") -> None:
    async with asyncio.timeout(120):
        while not true() and not readers.errors:
            await asyncio.sleep(0.01)


class Readers:
    """Threads that read until they are told to stop; the first error of any is kept."""

    def __init__(self, *reads: Callable[[], None]) -> None:
        self.over, self.errors, self.rounds = threading.Event(), list[BaseException](), 0
        self._threads = [threading.Thread(target=self._run, args=(read,)) for read in reads]
        for thread in self._threads:
            thread.start()

    def _run(self, read: Callable[[], None]) -> None:
        while not self.over.wait(0.002):  # without a pause they take the processor from what they watch
            try:
                read()
                self.rounds += 1
            except BaseException as error:
                self.errors.append(error)
                return

    async def stop(self) -> None:
        self.over.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, 60)
            assert not thread.is_alive()
        assert self.errors == []


async def test_status_metrics_and_reload_beside_1500_installs(tmp_path: Path) -> None:
    app: App = build(load_project(house(tmp_path), {}))
    counts: list[int] = []

    def value() -> None:
        """The engine's status, out of its thread: it never changes under the reader."""
        status = app.consumers.rules.status
        names = list(status.rules)
        assert len(names) == len(set(names)) == len(status.rules)
        assert not status.broken
        assert all(fact.id == name for name, fact in status.rules.items())

    await app.start()
    try:
        assert app.api is not None
        key = app.stores.sql.keys.create("reader", Role.ADMIN, 0)[0]
        client = httpx.Client(base_url=app.api.url, headers={"authorization": f"Bearer {key}"}, timeout=30)

        def metrics() -> None:
            answer = client.get("/metrics")
            assert answer.status_code == 200
            counts.append(rules_of(answer.text))

        def ready() -> None:
            answer = client.get("/readyz")
            assert answer.json()["parts"]["rules"] == "ok"  # on a slow machine another part may be behind for a moment
            assert client.get("/v1/devices/D1").json()["glitches"] == {}

        readers = Readers(value, metrics, ready)
        await until(lambda: bool(counts), readers)
        for limit in (100, 200):
            (tmp_path / "rules" / "b.yaml").write_text(many(limit), "utf-8")
            app.operation.reload.wake()
            looks = await asyncio.gather(*(app.operation.reload.reload("li", requested=True) for _ in range(2)))
            assert [look.problems for look in looks] == [(), ()]
            assert looks[1].changed == 0, "one of the looks did all, the next finds nothing to do"
            rules = app.consumers.rules.status.rules
            assert len(rules) == MANY + 1
            assert f"> {limit} degC".encode() in rules["many0"].source
        await until(lambda: counts[-1] == MANY + 1, readers)
        await readers.stop()
        client.close()
        assert readers.rounds > 20
        assert counts == sorted(counts), "rules are added, none goes"
        assert (counts[0], counts[-1]) == (1, MANY + 1)
        assert app.operation.supervisor.health["reload"].restarts == 0
    finally:
        await app.stop()
