"""C10: `fieldgate tail` and `fieldgate devices unknown` on the real gateway, both languages."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hostile_kit import CONFIG, NEEDS_MOSQUITTO, Client, client, live, text, until, write_project

from gateway.api.routes import tail
from gateway.app.lifecycle import App
from gateway.cli import main
from simulators.servers import mosquitto

pytestmark = NEEDS_MOSQUITTO


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[tuple[App, Client, Path]]:
    """A gateway whose API has a port that its file knows, and somebody who publishes."""
    with mosquitto(folder / "broker") as broker:
        config = write_project(folder / "project", devices=["G", "H"], broker=broker.port, config=CONFIG)
        async with live(config) as app, client(broker.port, "hand") as hand:
            assert app.api is not None
            port = app.api.url.rpartition(":")[2]
            config.write_text(config.read_text("utf-8").replace("api: {port: 0}", f"api: {{port: {port}}}"), "utf-8")
            stats = app.ingest.sources.running["broker"].stats  # type: ignore[attr-defined]
            await until(lambda: stats.connected, "connected")
            yield app, hand, config


def requested(config: Path, *options: str) -> tuple[threading.Thread, list[Result]]:
    """The command in a thread; it asks the gateway over HTTP."""
    found: list[Result] = []
    thread = threading.Thread(
        target=lambda: found.append(CliRunner().invoke(main, [*options, "-c", str(config)], catch_exceptions=False))
    )
    thread.start()
    return thread, found


async def over(thread: threading.Thread, found: list[Result]) -> Result:
    await until(lambda: not thread.is_alive(), "the command ends")
    return found[0]


async def watched(monkeypatch: pytest.MonkeyPatch, app: App) -> Callable[[], int]:
    """How many questions the watcher asked so far."""
    count = 0
    head = app.stores.sql.queries.feed_head

    def counted(*_: object) -> int:
        nonlocal count
        count += 1
        return head()

    monkeypatch.setattr(type(app.stores.sql.queries), "feed_head", counted)
    return lambda: count


async def test_what_happens_is_shown_as_it_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with place(tmp_path) as (app, hand, config):
        begun, seen = await watched(monkeypatch, app), list[Result]()
        rounds = (("3s", "--lang", "en"), ("2s", "--lang", "zh", "--kind", "alarm"), ("1s", "--device", "H"))
        for round_, options in enumerate(rounds):
            one = requested(config, "tail", "--for", *options)
            await until(lambda n=round_: begun() == n + 1, "it watches")  # type: ignore[misc]
            assert await hand.publish("h/G/now", text({"temp": 20}))
            assert await hand.publish("h/G/now", text({"temp": 95}))
            assert await hand.publish("h/X/now", text({"temp": 95}))
            assert await hand.publish("h/H/now", text({"temp": 20}))
            seen.append(await over(*one))
        assert [one.exit_code for one in seen] == [0, 0, 0]
        english, chinese, of_h = (one.output for one in seen)
        for piece in (
            "message  G  1 readings",
            "reading  G  gun_temp = 95 degC",
            "ALARM    G  raised",
            "Hot",
            "ORDER    G  created WO-",
            "message  X  dead letter: unknown_device (h/X/now)",
        ):
            assert piece in english, (piece, english)
        assert "告警  G  触发" in chinese
        assert "读数" not in chinese
        assert " G " not in of_h
        assert "reading  H  gun_temp = 20 degC" in of_h
        assert not [key for key in app.stores.sql.keys.all() if key.name.startswith("tail") and key.revoked_at is None]


async def test_what_comes_too_fast_is_counted_not_queued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "MOST", 5)
    async with place(tmp_path) as (app, hand, config):
        begun = await watched(monkeypatch, app)
        one = requested(config, "tail", "--once", "--lang", "en")
        await until(lambda: begun() == 1, "it watches")
        assert await hand.publish("h/G/list", text({"items": [{"temp": n} for n in range(40)]}))
        said = await over(*one)
        assert said.output.count("gun_temp") == 4
        assert "36 lines came too fast" in said.output


async def test_nobody_answers_when_no_gateway_runs(tmp_path: Path) -> None:
    config = write_project(
        tmp_path, devices=["G"], config=CONFIG.replace("api: {port: @api@}", "api: {port: 1}"), broker=1
    )
    for lang, words in (("en", "no gateway answers"), ("zh", "没有运行中的网关")):
        found = CliRunner().invoke(main, ["tail", "-c", str(config), "--lang", lang])
        assert (found.exit_code, words in found.output) == (1, True)


async def test_unknown_devices_become_lines_of_the_list(tmp_path: Path) -> None:
    other = "id: other\nkind: meter\npoints: {volume: {unit: m3, kind: counter}}\n"
    async with place(tmp_path) as (app, hand, config):
        (config.parent / "profiles" / "other.yaml").write_text(other, "utf-8")
        for _ in range(3):
            assert await hand.publish("h/X-1/telemetry", text({"ts": 1_767_225_600_000, "temp": 95, "u": 230}))
        assert await hand.publish("h/X-2/telemetry", text({"ts": 1_767_225_600_000, "what": 1}))
        await until(lambda: app.ingest.sources.running["broker"].stats.rejected["unknown_device"] == 4, "heard")  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        said = await over(*requested(config, "devices", "unknown", "--lang", "en"))
        assert said.stdout == "X-2,\nX-1,hostile\n"
        assert "X-1: 3 message(s)" in said.stderr
        assert "on h/X-1/telemetry; hostile takes 2 points of it" in said.stderr.replace("profile ", "")
        assert "X-2: 1 message(s)" in said.stderr
    stopped = CliRunner().invoke(main, ["devices", "unknown", "-c", str(config), "--lang", "zh"])
    assert stopped.stdout == said.stdout, "the same when nothing runs"
    assert "没有型号能取其中的测点" in stopped.stderr
    (config.parent / "devices.csv").write_text("设备编号;名称;型号;站点\nG;;hostile;\nX-2;;hostile;\n", "utf-8")
    listed = CliRunner().invoke(main, ["devices", "unknown", "-c", str(config)])
    assert listed.stdout == "X-1;;hostile;\n", "in the columns of the list, and no more of what is listed"
