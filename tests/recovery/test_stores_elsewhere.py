"""A store of readings that keeps no files in the data folder: backup and recovery leave it to its own tools."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from test_backup import house

from gateway.adapters import SERIES
from gateway.app.build import build
from gateway.cli import main
from gateway.clock import SystemClock
from gateway.domain.errors import StoreUnavailable
from gateway.settings import load_project


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation that ran once. Its store is the embedded one, registered as if its files were elsewhere."""
    config = house(tmp_path)

    async def run_once() -> None:
        app = build(load_project(config, {}), SystemClock())
        await app.start()
        await app.stop()

    asyncio.run(run_once())
    monkeypatch.setitem(SERIES, "duckdb", replace(SERIES["duckdb"], files=None))
    return config


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, [*words])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "copy them with its own tools"), ("zh", "用该数据库自己的工具备份")]
)
def test_a_backup_is_made_without_its_readings(config: Path, lang: str, words: str, tmp_path: Path) -> None:
    status, output = run("backup", str(tmp_path / "copy"), "-c", str(config), "--lang", lang)
    assert (status, words in output) == (0, True), output
    assert (tmp_path / "copy" / "data" / "journal.sqlite").exists()
    assert not (tmp_path / "copy" / "data" / "series").exists()


@pytest.mark.parametrize(("lang", "words"), [("en", "repaired by its own tools"), ("zh", "自己的工具修复")])
def test_recovery_leaves_it_alone(config: Path, lang: str, words: str, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (tmp_path / "var" / "series").iterdir()}
    status, output = run("recover", "-c", str(config), "--lang", lang)
    assert (status, words in output) == (0, True), output
    assert {path: path.read_bytes() for path in (tmp_path / "var" / "series").iterdir()} == before


def test_numbering_goes_on_above_its_cursor(config: Path, tmp_path: Path) -> None:
    """Journal and database are gone: the store alone has the number of the newest record."""
    settings = load_project(config, {}).settings
    store = SERIES["duckdb"].build(settings.data_dir, settings.history, SystemClock())
    cursor = store.cursor(settings.partition)
    store.close()
    assert cursor > 0
    for path in (*(tmp_path / "var").glob("journal.sqlite*"), *(tmp_path / "var").glob("fieldgate.sqlite*")):
        path.unlink()
    assert run("recover", "-c", str(config))[0] == 1
    project = load_project(config, {})

    async def head() -> int:
        app = build(project, SystemClock())
        await app.start()
        await app.stop()
        return app.stores.journal.head(settings.partition)

    assert asyncio.run(head()) > cursor


@pytest.mark.parametrize(("lang", "words"), [("en", "cannot be reached"), ("zh", "无法连接")])
def test_one_that_is_away_stops_no_recovery(
    config: Path, lang: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise StoreUnavailable("no route to host")

    monkeypatch.setitem(SERIES, "duckdb", replace(SERIES["duckdb"], build=away))
    status, output = run("recover", "-c", str(config), "--lang", lang)
    assert (status, words in output, "no route" in output) == (0, True, True), output


def test_check_reads_what_there_is(config: Path) -> None:
    status, output = run("check", "--data", "-c", str(config), "--lang", "en")
    assert (status, "all files are whole" in output) == (0, True), output
