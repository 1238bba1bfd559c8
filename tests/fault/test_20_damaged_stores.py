"""Damaged or missing files: said at the start with the command that mends, moved aside, made again from the journal.

A small installation whose readings come over the import service, so that every number is known.
"""

import json
import re
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from pysqlite3 import dbapi2 as sqlite

from gateway.cli import main
from gateway.clock import SystemClock
from gateway.domain.text import catalogue
from gateway.journal import JournalReader
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore

pytestmark = pytest.mark.fault
CONFIG = """\
name: gw
timezone: UTC
language: en
data_dir: data
registry: {devices: devices.csv}
api: {port: 0}
journal: {ballast: 0B}
desk: {order_types: {verify_meter: {}}}
"""
PROFILE = """\
kind: gas_meter
points:
  volume_total: {unit: m3, kind: counter, every: 1h, counter: {reset: swap, resolution: 0.001}}
  pressure: {unit: kPa}
"""
RULES = """\
format: 1
rules:
- id: gas.high
  title: {en: High pressure, zh: 压力过高}
  watch: {kind: gas_meter}
  when: "pressure > 100 kPa"
  clear: "pressure < 50 kPa"
  then: {order: {type: verify_meter, level: minor}}
"""
MAP = """\
device: {column: device}
time: {column: time, format: "%Y-%m-%d %H:%M:%S", zone: UTC}
points: {volume_total: {column: total, unit: m3}, pressure: {column: pressure, unit: kPa}}
"""
METERS, HOURS, HIGH = 12, 60, 4
READINGS = METERS * HOURS * 2


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder, self.data, self.config = folder, folder / "data", folder / "gateway.yaml"
        files = {"gateway.yaml": CONFIG, "profiles/gas.yaml": PROFILE, "rules/r.yaml": RULES, "map.yaml": MAP}
        files["devices.csv"] = "code,profile\n" + "".join(f"GM-{n},gas\n" for n in range(METERS))
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)

    def fieldgate(self, *command: str) -> Result:
        return CliRunner().invoke(main, [*command, "-c", str(self.config), "--lang", "en"], catch_exceptions=False)

    def bring(self) -> Result:
        """The same history, again or for the first time."""
        lines = [
            f"GM-{n},2026-01-{1 + hour // 24:02d} {hour % 24:02d}:00:00,{100 + hour},{200 if n < HIGH else 20}"
            for n in range(METERS)
            for hour in range(HOURS)
        ]
        file = self.folder / "h.csv"
        file.write_text("device,time,total,pressure\n" + "\n".join(lines) + "\n")
        return self.fieldgate("import", str(file), "--map", str(self.folder / "map.yaml"))

    def readings(self) -> int:
        store = DuckDbStore(self.data / "series", DuckDbConfig(), SystemClock())
        try:
            count = sum(len(batch) for batch in store.scan(0, 2**62))
            assert store.stats().rows == count, "nothing is stored twice"
        finally:
            store.close()
        return count

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite.connect(str(self.data / "fieldgate.sqlite"))) as db:
            found: list[tuple[Any, ...]] = db.execute(query).fetchall()
        return found

    def whole(self) -> None:
        """A start finds nothing wrong; the same history again changes nothing."""
        again = self.bring()
        assert again.exit_code == 0, again.output
        assert self.readings() == READINGS
        assert self.rows("SELECT count(*) FROM work_order WHERE state <> 'closed'") == [(HIGH,)]
        assert self.fieldgate("check", "--data").exit_code == 0

    def refused(self, *words: str) -> None:
        """A start says what is wrong and what mends it; a look says it too."""
        started = self.bring()
        assert started.exit_code == 2
        for word in (*words, "`fieldgate recover`"):
            assert word in started.output
        looked = self.fieldgate("check", "--data")
        assert looked.exit_code == 2
        assert "`fieldgate recover`" in looked.output


@pytest.fixture(scope="module")
def data_made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Site(tmp_path_factory.mktemp("made"))
    assert made.bring().exit_code == 0
    made.whole()
    return made.data


@pytest.fixture
def site(tmp_path: Path, data_made_once: Path) -> Site:
    copy = Site(tmp_path)
    shutil.copytree(data_made_once, copy.data)
    return copy


def segment(site: Site) -> Path:
    (path,) = (site.data / "series").glob("late*.duckdb")
    return path


def zero(path: Path, start: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(bytes(size))


def pages_of(path: Path, table: str) -> list[int]:
    """Root and leaf pages of a table, by SQLite's own word."""
    with closing(sqlite.connect(str(path))) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    return [int(root)]


def asides(site: Site) -> list[str]:
    return sorted(path.name for path in site.data.rglob("*.damaged-*"))


def test_nothing_wrong_is_nothing_lost(site: Site) -> None:
    done = site.fieldgate("recover")
    assert (done.exit_code, "nothing is lost" in done.output) == (0, True)
    assert asides(site) == []
    site.whole()


def test_a_zeroed_page_of_the_database_is_found_at_the_start_and_the_rest_kept(site: Site) -> None:
    path = site.data / "fieldgate.sqlite"
    before = site.rows("SELECT count(*) FROM alarm")[0][0]
    (page,) = pages_of(path, "audit")
    zero(path, (page - 1) * 4096, 4096)
    site.refused("fieldgate.sqlite is damaged")
    assert asides(site) == [], "a start changes nothing"
    done = site.fieldgate("recover")
    assert done.exit_code == 1
    assert "LOST: rows of the table audit" in done.output
    assert any(name.startswith("fieldgate.sqlite.damaged-") for name in asides(site))
    assert site.rows("SELECT count(*) FROM alarm")[0][0] == before
    site.whole()


def test_a_database_that_is_gone_comes_back_from_the_journal_with_its_numbers(site: Site) -> None:
    devices = site.rows("SELECT id, code FROM device ORDER BY id")
    points = site.rows("SELECT id, name FROM point ORDER BY id")
    (site.data / "fieldgate.sqlite").unlink()
    site.refused("missing:", "fieldgate.sqlite")
    assert not (site.data / "fieldgate.sqlite").exists(), "no fresh start"
    done = site.fieldgate("recover")
    assert (done.exit_code, "LOST: the database" in done.output) == (1, True)
    assert site.rows("SELECT id, code FROM device ORDER BY id") == devices
    assert site.rows("SELECT id, name FROM point ORDER BY id") == points
    site.whole()


@pytest.mark.parametrize("how", ["gone", "zeroed", "header"])
def test_a_segment_comes_back_from_the_journal(site: Site, how: str) -> None:
    path = segment(site)
    if how == "gone":
        path.unlink()
    elif how == "header":
        zero(path, 0, 12_288)
    else:
        zero(path, 3 * 4096, path.stat().st_size - 3 * 4096)
    site.refused(path.name)
    done = site.fieldgate("recover")
    assert (done.exit_code, "LOST" in done.output) == (1, True)
    assert "stored again at the next start" in done.output
    site.whole()


def test_the_whole_series_folder_comes_back_from_the_journal(site: Site) -> None:
    for path in (site.data / "series").iterdir():
        path.unlink()
    (site.data / "series").rmdir()
    site.refused("missing:", "series")
    assert site.fieldgate("recover").exit_code == 1
    site.whole()


def test_a_journal_that_is_gone_is_said_and_the_gateway_goes_on(site: Site) -> None:
    for path in site.data.glob("journal.sqlite*"):
        path.unlink()
    site.refused("missing:", "journal.sqlite")
    done = site.fieldgate("recover")
    assert (done.exit_code, "LOST: the journal" in done.output) == (1, True)
    site.whole()


def test_a_damaged_record_is_said_by_number_and_time(site: Site) -> None:
    path = site.data / "journal.sqlite"
    with closing(JournalReader(path)) as reader:
        last = reader.last(0)
    assert last is not None
    with closing(sqlite.connect(str(path))) as db:
        db.execute("UPDATE record SET body = x'00' WHERE seq = ?", (last.seq - 1,))
        db.commit()
    site.refused("journal.sqlite is damaged")
    done = site.fieldgate("recover")
    assert done.exit_code == 1, done.output
    assert f"LOST: records {last.seq - 1} to {last.seq - 1} of the journal, received between 20" in done.output
    site.whole()


def test_readings_that_end_before_the_journal_begins_are_said(site: Site) -> None:
    (live,) = (site.data / "series").glob("live*.duckdb")
    with closing(duckdb.connect(str(live))) as series:
        series.execute("UPDATE progress SET seq = 1")
    with closing(sqlite.connect(str(site.data / "journal.sqlite"), isolation_level=None)) as db:
        db.execute("UPDATE meta SET value = 3 WHERE key = 'floor'")
    started = site.bring()
    assert (started.exit_code, "end at record 1" in started.output, "`fieldgate recover`" in started.output) == (
        2,
        True,
        True,
    )
    done = site.fieldgate("recover")
    assert (done.exit_code, "LOST: readings of records 1 to 3" in done.output) == (1, True)
    site.whole()


def test_another_file_in_the_place_of_a_store_is_no_fresh_start(site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other") if (tmp_path / "other").mkdir() is None else None
    assert other is not None
    assert other.bring().exit_code == 0
    (other.data / "fieldgate.sqlite").replace(site.data / "fieldgate.sqlite")
    started = site.bring()
    assert (started.exit_code, "it was replaced" in started.output) == (2, True)


def test_a_marker_that_cannot_be_read_is_said(site: Site) -> None:
    (site.data / "stores.json").write_text("{")
    started = site.bring()
    assert (started.exit_code, "stores.json cannot be read" in started.output) == (2, True)
    done = site.fieldgate("recover")
    assert (done.exit_code, "written again" in done.output) == (0, True)
    site.whole()
    assert set(json.loads((site.data / "stores.json").read_text())["stores"]) == {"database", "journal", "series"}


def test_a_list_of_segments_that_cannot_be_read_is_said(site: Site) -> None:
    (site.data / "series" / "segments.json").write_text("[]")
    started = site.bring()
    assert (started.exit_code, "segments.json cannot be read" in started.output) == (2, True)
    done = site.fieldgate("recover")
    assert (done.exit_code, "written again" in done.output) == (0, True)
    site.whole()


def test_a_recovery_that_was_cut_off_before_its_last_step_is_finished(site: Site) -> None:
    path, live = site.data / "fieldgate.sqlite", segment(site)
    path.rename(path.with_name(path.name + ".recovering"))
    (live.parent / "recovering").mkdir()
    live.rename(live.parent / "recovering" / live.name)
    done = site.fieldgate("recover")
    assert (done.exit_code, "LOST" in done.output) == (0, False), done.output
    site.whole()


def test_nothing_to_recover_makes_nothing(tmp_path: Path) -> None:
    empty = Site(tmp_path)
    done = empty.fieldgate("recover")
    assert (done.exit_code, "there is no data" in done.output) == (2, True)
    assert {path.name for path in empty.data.iterdir()} == {"journal.sqlite.lock"}


def test_every_command_a_text_names_exists() -> None:
    known = {name: main.get_command(None, name) for name in main.list_commands(None)}  # type: ignore[arg-type]
    named = set()
    for key, texts in catalogue().items():
        for text in texts:
            for command, rest in re.findall(r"`fieldgate ([a-z-]+)([^`]*)`", text):
                assert command in known, f"{key} names `fieldgate {command}`"
                options = {name for parameter in known[command].params for name in parameter.opts}  # type: ignore[union-attr]
                assert set(re.findall(r"--[a-z-]+", rest)) <= options, f"{key}: `fieldgate {command}{rest}`"
                named.add(command)
            assert "with recovery" not in text
            assert "恢复方式" not in text
    assert {"recover", "migrate"} <= named


def test_what_is_salvaged_of_a_segment_is_what_can_be_read(tmp_path: Path) -> None:
    from sinks.series.duckdb import repair
    from sinks.series.duckdb.segment import attach

    path = tmp_path / "live-20260101.duckdb"
    with closing(duckdb.connect(":memory:")) as db:
        made = attach(db, path, "live", sealed=False)
        db.execute(
            f"INSERT INTO {made.name}.reading SELECT 1, 1, range, hash(range)::DOUBLE, 192, 0, hash(range) % 1000000,"
            f" range FROM range(1000000)"
        )
        db.execute(f"UPDATE {made.name}.meta SET first = 0, last = 999999, rows = 1000000")
        db.execute(f"CHECKPOINT {made.name}")
    assert repair.damage(path) == ""
    middle = path.stat().st_size // 2 // 262_144 * 262_144 + 12_288
    zero(path, middle + 1000, 5000)
    assert repair.damage(path) != ""
    aside, kept, lost = repair.replace(path)
    assert aside.exists()
    assert 0 < lost <= 4 * repair.GROUP
    assert kept + lost == 1_000_000
    assert repair.damage(path) == ""
    with closing(duckdb.connect(":memory:")) as db:
        db.execute(f"ATTACH '{path}' AS it (READ_ONLY)")
        assert db.execute("SELECT count(*), count(DISTINCT ts) FROM it.reading").fetchall() == [(kept, kept)]
        assert db.execute("SELECT rows FROM it.meta").fetchall() == [(kept,)]
