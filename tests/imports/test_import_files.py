"""Hostile files: every row is in, or named."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import import_kit as kit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import ConfigError
from gateway.imports.columns import Columns
from gateway.imports.job import DryRunTarget, Prepared, prepare
from gateway.imports.mapping import load_map
from gateway.imports.parse_number import parse_number
from gateway.imports.timestamps import BadTime, reader_of
from gateway.settings.project import load_project

HEAD = "表号,时间,用量\n"
ROW = "GM-1,2026-01-01 00:00:00,1\n"
NOW = 1_790_000_000_000_000


async def read(folder: Path, csv: str | bytes, mapping: str = kit.MAP, name: str = "h.csv") -> Prepared:
    paper = DryRunTarget(load_project(kit.project(folder)).declared)
    file, map_file = kit.write(folder, csv, mapping, name)
    return await prepare(file, map_file, paper, "en", NOW)


def reasons(prepared: Prepared) -> list[tuple[int, str]]:
    return [(reject.row, reject.key.removeprefix("import.row.")) for reject in prepared.rejects.first]


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"", "import.file.empty"),
        (b"PK\x03\x04xxxx", "config.csv.workbook"),
        (b"\xff\xfea\x00", "import.file.utf16"),
        (b"\x1f\x8b\x08\x00broken", "config.file.unreadable"),
        ("表号,日期,用量\n".encode(), "import.column.missing"),
        ("表号,时 间,用量\n".encode(), "import.column.near"),
        ("表号,时间,时间,用量\n".encode(), "import.column.twice"),
        (b"a" * (2 << 20), "import.row.too_long"),
        (b"a\0b\n", "import.row.nul"),
    ],
)
async def test_files_that_cannot_be_used(tmp_path: Path, content: bytes, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await read(tmp_path, content)
    assert [problem.key for problem in caught.value.problems] == [key]
    for lang in ("en", "zh"):
        assert caught.value.problems[0].render(lang)


def test_header_only_and_all_rows_wrong_do_nothing(tmp_path: Path) -> None:
    config = kit.project(tmp_path)
    for content in (HEAD, HEAD + "X,2026-01-01 00:00:00,1\n"):
        assert kit.run(config, *kit.write(tmp_path, content)).exit_code == 2
    assert kit.run(config, tmp_path / "none.csv", tmp_path / "map.yaml").exit_code == 2


async def test_lines_that_are_no_rows(tmp_path: Path) -> None:
    content = (HEAD + ROW).encode() + b"GM-1,\0,1\n" + b"G" * (10 << 20) + b"\n" + "坏\n".encode("gb18030")
    content += (
        b'GM-1,"2026-01-01 01:00:00"x,2\n' + b"GM-1,2026-01-01 02:00:00,3,4\nGM-1\n" + b"GM-1,2026-01-01 03:00:00,4"
    )
    done = await read(tmp_path, content)
    assert reasons(done) == [(3, "nul"), (4, "too_long"), (5, "encoding"), (6, "quoting"), (7, "too_many"), (8, "time")]
    assert list(done.columns.value) == [1.0, 4.0]


async def test_an_open_quote_does_not_swallow_the_file(tmp_path: Path) -> None:
    rows = "".join(f"GM-1,2026-01-{1 + n // 24 % 28:02} {n % 24:02}:00:00,{n}\n" for n in range(9000))
    done = await read(tmp_path, HEAD + '"GM-1,2026-01-01 00:00:00,1\n' + rows)
    assert reasons(done)[0] == (2, "quoting")
    assert done.columns.rows > 3000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("packed", [False, True])
async def test_encodings_and_gzip(tmp_path: Path, encoding: str, packed: bool) -> None:
    content = (HEAD + ROW + "GM-1,2026-01-01 01:00:00,2\n").encode(encoding)
    name = "h.csv.gz" if packed else "h.csv"
    done = await read(tmp_path, gzip.compress(content) if packed else content, name=name)
    assert (done.columns.rows, done.rejects.count) == (2, 0)
    assert done.rejected_file.name == "h.csv.rejected.csv"


async def test_decimal_comma(tmp_path: Path) -> None:
    content = "表号;时间;用量\nGM-1;2026-01-01 00:00:00;1,5\nGM-1;2026-01-01 01:00:00;1.5\n"
    done = await read(tmp_path, content, kit.MAP + 'decimal: ","\n')
    assert list(done.columns.value) == [1.5]
    assert reasons(done) == [(3, "number")]
    done = await read(tmp_path, content)
    assert reasons(done) == [(2, "comma")]


async def test_units_scale_missing_and_states(tmp_path: Path) -> None:
    mapping = """\
device: {value: GM-1}
time: {column: t, format: s}
points:
  volume_total: {column: v, unit: L, scale: 10, missing: ["-", 0]}
  pressure: {column: p, unit: bar}
  valve: {column: s, map: {1: open, 2: closed}}
"""
    content = "t,v,p,s\n1,100,2,1\n2,-,999,closed\n3,0,,2\n4,5,1,ajar\n"
    done = await read(tmp_path, content, mapping)
    columns = done.columns
    assert list(zip(columns.value, columns.quality, strict=True)) == [
        (1.0, 2),
        (200.0, 2),
        (0.0, 2),
        (0.0, 0),
        (0.0, 0),
        (1.0, 2),
        (0.0, 0),
        (1.0, 2),
    ]
    (chunk,) = columns.chunks(1 << 20)
    assert chunk.value == [1.0, 200.0, "open", None, None, "closed", None, "closed"]
    assert reasons(done) == [(5, "state")]


async def test_long_files(tmp_path: Path) -> None:
    mapping = """\
device: {column: d}
time: {column: t, format: ms}
point: {column: p, names: {T: gun_temp}, numbers: {gun_temp: {unit: degF}}}
value: {column: v}
component: {column: c}
quality: {column: q}
"""
    content = "d,t,p,v,c,q\nC-1,2000,T,212,2,good\nC-1,1000,gun_temp,32,1,uncertain\nGM-1,1000,pressure,5,,\n"
    content += "C-1,1000,gun_temp,32,3,\nC-1,1000,gun_temp,32,,\nC-1,1000,soc,1,1,\nGM-1,1000,pressure,5,1,\n"
    content += "C-1,1,T,1,1,fine\n"
    done = await read(tmp_path, content, mapping)
    (chunk,) = done.columns.chunks(1 << 20)
    rows = [(chunk.devices[d], chunk.points[p], t) for d, p, t in zip(chunk.device, chunk.point, chunk.at, strict=True)]
    assert rows == [
        ("C-1", ("gun_temp", 1), 1_000_000),
        ("C-1", ("gun_temp", 2), 2_000_000),
        ("GM-1", ("pressure", 0), 1_000_000),
    ]
    assert chunk.value == pytest.approx([0.0, 100.0, 5.0])
    assert chunk.quality == [1, 2, 2]
    names = ["component", "component", "point", "no_components", "quality"]
    assert [key.removeprefix("import.point.") for _, key in reasons(done)] == names


def test_a_map_names_all_its_problems_at_once(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(
        "device: {column: a, value: b}\ntime: {colum: t, zone: Asia/Shangai}\npoints: {x: {column: c, unit: furlong}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_map(file)
    problems = {(problem.path, problem.line) for problem in caught.value.problems}
    assert {("device", 1), ("time.colum", 2), ("time.zone", 2), ("points.x.unit", 3)} <= problems
    assert all(problem.render("zh") != problem.render("en") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("points", "key"),
    [
        ("volume_totl: {column: 用量}", "import.map.point_near"),
        ("volume_total: {column: 用量, unit: kPa}", "import.map.dimension"),
        ("volume_total: {column: 用量, component: 1}", "import.point.no_components"),
        ("volume_total: {column: 用量, map: {a: b}}", "import.map.not_state"),
        ("valve: {column: 用量, scale: 2}", "import.map.state_number"),
        ("valve: {column: 用量, map: {a: ajar}}", "import.map.state_text"),
    ],
)
async def test_a_map_that_does_not_fit_the_points(tmp_path: Path, points: str, key: str) -> None:
    mapping = kit.MAP.replace("volume_total: {column: 用量, unit: m3}", points)
    with pytest.raises(ConfigError) as caught:
        await read(tmp_path, HEAD + ROW, mapping)
    assert [problem.key for problem in caught.value.problems] == [key]


# --- times
BERLIN = ZoneInfo("Europe/Berlin")
WALL = "%Y-%m-%d %H:%M:%S"


def test_the_hour_that_never_was_and_the_one_that_was_twice() -> None:
    moment = reader_of(WALL, BERLIN)
    with pytest.raises(BadTime, match="time_gap"):
        moment("2026-03-29 02:30:00", None)
    first = moment("2026-10-25 02:30:00", None)
    assert moment("2026-10-25 02:30:00", first) == first + 3_600_000_000
    assert moment("2026-10-25 02:30:00", first - 1) == first


@given(st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)))  # noqa: DTZ001 - local
def test_times_are_those_of_the_zone(naive: datetime) -> None:
    for zone in (ZoneInfo("Asia/Shanghai"), BERLIN, ZoneInfo("America/New_York")):
        whole = naive.replace(microsecond=0)
        try:
            at = reader_of(WALL, zone)(whole.strftime(WALL), None)
        except BadTime:
            assert datetime.fromtimestamp(whole.replace(tzinfo=zone).timestamp(), zone).replace(tzinfo=None) != whole
            continue
        assert datetime.fromtimestamp(at / 1e6, zone).replace(tzinfo=None) == whole
        assert (
            reader_of("iso", zone)(whole.isoformat() + "Z", None) == int(whole.replace(tzinfo=UTC).timestamp()) * 10**6
        )


@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_numbers_come_back(value: float) -> None:
    assert parse_number(repr(value)) == value
    assert parse_number(repr(value).replace(".", ","), ",") == value


@pytest.mark.parametrize("text", ["", "nan", "inf", "0x1", "1_0", "1 2", "１", "--1", "9" * 65, "1,5"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        parse_number(text)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), min_size=1, max_size=60), st.integers(400, 2000))
def test_chunks_hold_every_reading_once_by_device_and_time(rows: list[tuple[int, int]], size: int) -> None:
    columns = Columns([f"D{n}" for n in range(4)], [("p", 0)])
    for index, (device, at) in enumerate(rows):
        columns.device.append(device)
        columns.point.append(0)
        columns.at.append(at)
        columns.value.append(float(index))
        columns.quality.append(2)
    chunks = list(columns.chunks(size))
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    out = [(c.devices[d], t, v) for c in chunks for d, t, v in zip(c.device, c.at, c.value, strict=True)]
    assert out == sorted(
        ((f"D{d}", t, float(i)) for i, (d, t) in enumerate(rows)), key=lambda row: (row[0], row[1], row[2])
    )


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "config" / "import").glob("*.yaml")), ids=lambda p: p.name
)
def test_sample_maps_load(path: Path) -> None:
    assert load_map(path).columns()


async def test_gb18030_lines_in_a_utf8_file_are_rejected(tmp_path: Path) -> None:
    content = (HEAD + ROW + "GM-2,2026-01-01 00:00:00,1\n").encode() + "表,2026-01-01 00:00:00,1\n".encode("gb18030")
    assert reasons(await read(tmp_path, content)) == [(4, "encoding")]
