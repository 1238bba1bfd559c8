"""`fieldgate series export` on an installation with a day of history: what is in the file, from every store that has
one here, without a gateway and beside one."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import postgres_kit
import pytest
from backtest.installation_kit import csv, free_port, import_history, project, run, running
from click.testing import Result

from gateway.backtest.installation import open_installation
from gateway.domain.correction import Correction, CorrectionKind
from gateway.domain.duration import to_us
from gateway.domain.reading import Reading, batch_of, encode_batch
from gateway.store import AuditedAct
from gateway.store.corrections import Corrections
from sinks.series import pieces


def installation(folder: Path, store: str, port: int = 0) -> Path:
    config = project(folder, port=port)
    if store == "postgres":
        given = ", ".join(f"{key}: {value}" for key, value in postgres_kit.settings().items())
        config.write_text(config.read_text("utf-8") + f"series: {{{given}}}\n", "utf-8")
    return config


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def config(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = installation(tmp_path_factory.mktemp("export"), request.param)
    took = import_history(made, csv())
    assert took.exit_code == 0, took.output
    return made


def export(config: Path, target: Path, *more: str) -> Result:
    return run("series", "export", "--parquet", str(target), "-c", str(config), *more)


def rows(target: Path, text: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(text.replace("FILE", f"read_parquet('{target}')")).fetchall()


def test_every_reading_with_its_names(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 500)
    target = tmp_path / "it's all.parquet"
    made = export(config, target)
    assert made.exit_code == 0, made.output
    assert f"{24 * 60 * 4} readings" in made.output
    named = str(target).replace("'", "''")
    assert rows(Path(named), "SELECT count(*), count(DISTINCT time), min(time)::VARCHAR FROM FILE") == [
        (24 * 60 * 4, 24 * 60, "2026-05-31 16:00:00+00")
    ]
    found = rows(
        Path(named),
        "SELECT device, site, point, component, value, unit, text, quality, flags FROM FILE WHERE device = 'CH-2' "
        "AND time = '2026-06-01 04:00:00+00' ORDER BY point",
    )
    assert found == [
        ("CH-2", "S1", "gun_temp", 0, 95.0, "degC", None, "good", "imported"),
        ("CH-2", "S1", "status", 0, 1.0, "", "charging", "good", "imported"),
    ]
    assert rows(Path(named), "SELECT count(*) FROM (SELECT time < lag(time) OVER () AS b FROM FILE) WHERE b") == [(0,)]
    assert [path.name for path in tmp_path.iterdir()] == [target.name], "nothing else is left"


def test_a_span_of_some_devices_and_points(config: Path, tmp_path: Path) -> None:
    target = tmp_path / "some.parquet"
    span = ("--from", "2026-06-01T12:00", "--to", "2026-06-01T12:10")
    made = export(config, target, *span, "--devices", "CH-2", "--points", "gun_temp")
    assert made.exit_code == 0, made.output
    found = rows(target, "SELECT DISTINCT device, point FROM FILE")
    assert found == [("CH-2", "gun_temp")]
    assert rows(target, "SELECT count(*), sum((value = 95)::INT) FROM FILE") == [(10, 5)]


def test_a_span_without_readings_is_a_file_without_rows(config: Path, tmp_path: Path) -> None:
    target = tmp_path / "none.parquet"
    assert export(config, target, "--from", "2026-01-01", "--to", "2026-01-02").exit_code == 0
    assert rows(target, "SELECT count(*) FROM FILE") == [(0,)]


def test_what_is_there_is_not_overwritten(config: Path, tmp_path: Path) -> None:
    target = tmp_path / "taken.parquet"
    target.write_text("mine", "utf-8")
    made = export(config, target)
    assert (made.exit_code, target.read_text("utf-8")) == (2, "mine")
    assert "is there already" in made.output


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (("--devices", "CH-3"), "CH-1"),
        (("--points", "gun_tmp"), "gun_temp"),
        (("--from", "soon"), "write 2026-05-01"),
        (("--from", "2026-06-02", "--to", "2026-06-01"), "not after"),
    ],
)
def test_what_is_asked_wrongly_is_named(config: Path, tmp_path: Path, more: tuple[str, ...], word: str) -> None:
    made = export(config, tmp_path / "no.parquet", *more)
    assert made.exit_code == 2
    assert word in made.output
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(config: Path, tmp_path: Path) -> None:
    made = export(config, tmp_path / "no" / "it.parquet")
    assert made.exit_code == 2
    assert "cannot be written" in made.output


def test_corrected_readings_have_their_originals(config: Path, tmp_path: Path) -> None:
    with open_installation(config) as installation:
        device = next(one.id for one in installation.known.devices if one.code == "CH-2")
        point = next(one.id for one in installation.known.points if one.name == "gun_temp")
        at = to_us(datetime(2026, 6, 1, 4, tzinfo=UTC))
        known = Corrections(installation.database, installation.settings.tenant)
        for key, value in (("c1", 95.0), ("c2", 41.0)):
            batch = batch_of([[Reading(device, point, at, value, received=at)]])
            how, blob = CorrectionKind.VALUE, encode_batch(batch)
            made = Correction(key, device, point, at, at + 1, how, "", "wang", at, 1, 40.0, originals=blob)
            known.correct(made, AuditedAct(at, "wang", "", "reading.correct"))
    target = tmp_path / "corrected.parquet"
    took = export(config, target, "--devices", "CH-2")
    assert took.exit_code == 0, took.output
    found = rows(
        target, "SELECT time::VARCHAR, original, original_quality, correction FROM FILE WHERE correction <> ''"
    )
    assert found == [("2026-06-01 04:00:00+00", 95.0, "good", "c2")]


@pytest.mark.fault
@pytest.mark.parametrize("store", ["duckdb", "postgres"])
def test_beside_a_running_gateway(store: str, tmp_path: Path) -> None:
    port = free_port()
    config = installation(tmp_path, store, port)
    target = tmp_path / "live.parquet"
    with running(config, port):
        took = import_history(config, csv())
        assert took.exit_code == 0, took.output
        count = 0
        while count < 24 * 60 * 4:  # the store is written about once a second
            with suppress(FileNotFoundError):
                target.unlink()
            made = export(config, target)
            assert made.exit_code == 0, made.output
            ((count,),) = rows(target, "SELECT count(*) FROM FILE")  # type: ignore[assignment]
    assert count == 24 * 60 * 4
