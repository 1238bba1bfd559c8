"""A gateway that starts while an import has its data gets it; the import goes on through the gateway."""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import httpx
import import_kit as kit
import pytest

from gateway.domain.errors import StoreError
from gateway.journal import JournalReader
from simulators.servers import free_port
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore

METERS = 160
END = datetime(2026, 6, 1)  # noqa: DTZ001 - local time of the file


class Now:
    def now(self) -> int:
        return time.time_ns() // 1000


def spawn(folder: Path, *command: str) -> "subprocess.Popen[str]":
    line = [sys.executable, "-m", "gateway", *command]
    with (folder / f"{command[0]}.log").open("w") as log:
        return subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT, text=True)


def until(what: str, condition: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def project(folder: Path, port: int) -> tuple[Path, Path, Path, int]:
    """The main file, the file to import, its map, how many readings it has."""
    codes = [f"GM-{n}" for n in range(METERS)]
    config = kit.project(folder, port=port, devices="code,profile\n" + "".join(f"{code},gas\n" for code in codes))
    rows = [line for code in codes for line in kit.hourly(END, 9, code).splitlines()[1:]]
    file, mapping = kit.write(folder, "表号,时间,用量\n" + "\n".join(rows) + "\n")
    return config, file, mapping, len(rows)


@pytest.mark.fault
@pytest.mark.slow_fault
def test_the_gateway_starts_and_the_import_goes_on_through_it(tmp_path: Path) -> None:
    port = free_port()
    config, file, mapping, count = project(tmp_path, port)
    importing = spawn(tmp_path, "import", str(file), "--map", str(mapping), "-c", str(config), "--lang", "en")
    gateway = None
    try:
        journal = tmp_path / "data" / "journal.sqlite"
        until("the import began", lambda: journal.exists() and _head(journal) > 2)
        assert importing.poll() is None
        gateway = spawn(tmp_path, "run", "-c", str(config), "--lang", "en")
        until("the gateway is ready", lambda: ready(port))
        assert importing.wait(120) == 0, (tmp_path / "import.log").read_text()
    finally:
        for process in (importing, gateway):
            if process is not None:
                process.terminate()
                process.wait(30)
    assert "a gateway starts and takes over the data" in (tmp_path / "import.log").read_text()
    assert "an import has the data and is asked to give way" in (tmp_path / "run.log").read_text()
    assert not list((tmp_path / "data").glob("*.wanted"))
    store = DuckDbStore(tmp_path / "data" / "series", DuckDbConfig(), Now())
    try:
        assert sum(len(batch) for batch in store.scan(0, 2**62)) == store.stats().rows == count
    finally:
        store.close()


def _head(journal: Path) -> int:
    try:
        reader = JournalReader(journal)
    except StoreError:  # not made yet
        return 0
    try:
        last = reader.last(0)
        return last.seq if last else 0
    finally:
        reader.close()


@pytest.mark.fault
def test_what_cannot_have_the_data_says_who_has_it(tmp_path: Path) -> None:
    config, file, mapping, _ = project(tmp_path, 0)
    gateway = spawn(tmp_path, "run", "-c", str(config))
    try:
        until("the gateway is up", lambda: "gateway live" in (tmp_path / "run.log").read_text())
        for command, lang, words in (
            (["import", str(file), "--map", str(mapping)], "en", "(fieldgate run) has the data in"),
            (["run"], "zh", "（fieldgate run）正在使用"),
        ):
            line = [sys.executable, "-m", "gateway", *command, "-c", str(config), "--lang", lang]
            refused = subprocess.run(line, capture_output=True, text=True, timeout=60)
            assert refused.returncode in {1, 2}
            assert words in refused.stderr
            assert str(gateway.pid) in refused.stderr
    finally:
        os.kill(gateway.pid, signal.SIGTERM)
        gateway.wait(30)
