"""B11: the shapes in which people have their files: lines before the header, no header, date and time apart, words for
quality, units in the cells, decimal commas here and there."""

import re
from pathlib import Path

import import_kit as kit
import pytest

from gateway.domain.duration import iso
from gateway.domain.errors import ConfigError
from gateway.imports.job import DryRunTarget, Prepared, prepare
from gateway.settings import load_project

NOW = 1_790_000_000_000_000
ROWS = "GM-1,2026-01-01 00:00:00,1\nGM-1,2026-01-01 01:00:00,2\n"
HEAD = "表号,时间,用量\n"
TIME = 'time: {column: t, format: "%d-%m-%Y %H:%M", zone: Europe/Amsterdam}\n'
DUTCH = "device: {value: GM-1}\n" + TIME


async def read(folder: Path, csv: str | bytes, mapping: str = kit.MAP) -> Prepared:
    paper = DryRunTarget(load_project(kit.project(folder)).declared)
    file, map_file = kit.write(folder, csv, mapping, "h.csv")
    return await prepare(file, map_file, paper, "en", NOW)


def reasons(done: Prepared) -> list[tuple[int, str, str]]:
    return [(one.row, one.column, one.key.removeprefix("import.row.")) for one in done.rejects.first]


async def flaws(folder: Path, csv: str, mapping: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        await read(folder, csv, mapping)
    assert all(problem.render(lang) for problem in caught.value.problems for lang in ("en", "zh"))
    return [(problem.path, problem.key) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "before",
    [
        "\n",
        "\r\n \n,,\n",
        "Meter export\nfrom;to;\n\n",
        '"broken\nGM-1: "x" y\n',
        "Report;2026;by;station\n表号 时间 用量\n",
    ],
)
async def test_the_header_is_found_behind_what_stands_before_it(tmp_path: Path, before: str) -> None:
    done = await read(tmp_path, before + HEAD + ROWS + "GM-1,never,3\n")
    assert list(done.columns.value) == [1.0, 2.0]
    assert reasons(done) == [(before.count("\n") + 4, "时间", "time")]


@pytest.mark.parametrize("junk", [b"\x00\x01\n", b"\xff\xfe\xfa\n", b"x" * (2 << 20) + b"\n"])
async def test_lines_before_the_header_are_no_rows_whatever_they_are(tmp_path: Path, junk: bytes) -> None:
    done = await read(tmp_path, b"export\n" + junk + (HEAD + ROWS).encode())
    assert (list(done.columns.value), reasons(done)) == ([1.0, 2.0], [])


async def test_skip_says_how_many_lines_stand_before_the_header(tmp_path: Path) -> None:
    csv = "表号,时间,用量\nwhat stands here looks like a header\n" + HEAD + ROWS + "GM-9,2026-01-01 00:00:00,3\n"
    done = await read(tmp_path, csv, kit.MAP + "skip: 2\n")
    assert list(done.columns.value) == [1.0, 2.0]
    assert reasons(done) == [(6, "表号", "device")]
    kept = done.rejected_file.read_text("utf-8-sig").replace("GM-9", "GM-2")
    again = await read(tmp_path, kept, kit.MAP + "skip: 2\n")  # what is corrected goes in with the same map
    assert (list(again.columns.value), again.rejects.count) == ([3.0], 0)
    assert await flaws(tmp_path, csv, kit.MAP + "skip: 1\n") == [
        ("device.column", "import.column.missing"),
        ("time.column", "import.column.missing"),
        ("points.volume_total.column", "import.column.missing"),
    ]


NUMBERED = """\
header: false
device: {column: 1}
time: {column: 3, format: s}
points: {volume_total: {column: 2, unit: m3}}
"""


async def test_without_a_header_columns_are_numbers(tmp_path: Path) -> None:
    done = await read(tmp_path, "\nGM-1;1.5;1767225600\nGM-2;2.5;1767225600\nGM-2;x;1767225600\n", NUMBERED)
    assert (list(done.columns.value), done.columns.devices) == ([1.5, 2.5], ["GM-1", "GM-2"])
    assert reasons(done) == [(4, "2", "number")]
    kept = done.rejected_file.read_text("utf-8-sig").replace(";x;", ";9;")
    again = await read(tmp_path, kept, NUMBERED)
    assert (list(again.columns.value), again.rejects.count) == ([9.0], 0)
    done = await read(tmp_path, b"\xff\n\nGM-1;1.5;1767225600\n", NUMBERED + "skip: 1\nencoding: utf-8\n")
    assert (list(done.columns.value), reasons(done)) == ([1.5], [])


async def test_a_number_is_the_place_of_a_column_beside_a_header_too(tmp_path: Path) -> None:
    twice = kit.MAP.replace("column: 用量", "column: 4")
    done = await read(tmp_path, "表号,时间,用量,用量\nGM-1,2026-01-01 00:00:00,1,2\n", twice)
    assert list(done.columns.value) == [2.0]


async def test_maps_without_a_header_that_cannot_be(tmp_path: Path) -> None:
    assert await flaws(tmp_path, "GM-1;1;2\n", NUMBERED.replace("column: 2", "column: 用量")) == [
        ("", "import.map.no_header")
    ]
    assert await flaws(tmp_path, "GM-1;1;2\n", NUMBERED.replace("column: 2", "column: 7")) == [
        ("points.volume_total.column", "import.column.number")
    ]
    assert await flaws(tmp_path, "\n\n \n", NUMBERED) == [("", "import.file.empty")]


async def test_date_and_time_may_stand_apart(tmp_path: Path) -> None:
    apart = "device: {value: GM-1}\npoints: {volume_total: {column: v, unit: m3}}\n"
    time = 'time: {columns: [d, t], format: "%d.%m.%Y %H:%M", zone: Europe/Berlin}\n'
    done = await read(tmp_path, "d;t;v\n01.01.2026; 00:15 ;1\n01.01.2026;;2\n", apart + time)
    assert [iso(at) for at in done.columns.at] == ["2025-12-31T23:15:00.000Z"]
    assert reasons(done) == [(3, "d + t", "time")]
    done = await read(tmp_path, "d,t,v\n2026-01-01,00:15,1\n", apart + "time: {columns: [d, t], zone: UTC}\n")
    assert [iso(at) for at in done.columns.at] == ["2026-01-01T00:15:00.000Z"]
    for wrong in ("{columns: [d], zone: UTC}", "{column: d, columns: [d, t], zone: UTC}", "{zone: UTC}"):
        assert await flaws(tmp_path, "d,t,v\n", apart + f"time: {wrong}\n") == [("time", "import.map.time_column")]


@pytest.mark.parametrize("long", [False, True])
async def test_words_for_quality(tmp_path: Path, long: bool) -> None:
    points = "point: {column: p}\nvalue: {column: v}\n" if long else "points: {volume_total: {column: v, unit: m3}}\n"
    quality = "quality: {column: Soort, map: {Geschat: uncertain, Gemeten: good, 9: bad}}\n"
    rows = ["1;Gemeten", "2; Geschat ", "3;9", "4;", "5;GOOD", "6;Raar"]
    csv = "t;p;v;Soort\n" + "".join(f"01-01-2026 0{n}:00;volume_total;{row}\n" for n, row in enumerate(rows))
    done = await read(tmp_path, csv, DUTCH + points + quality)
    assert list(zip(done.columns.value, done.columns.quality, strict=True)) == [(1, 2), (2, 1), (3, 0), (4, 2), (5, 2)]
    assert reasons(done) == [(7, "Soort", "quality")]
    wrong = "quality: {column: Soort, map: {x: fine}}\n"
    assert [path for path, _ in await flaws(tmp_path, csv, DUTCH + points + wrong)] == ["quality.map.x"]


async def test_a_unit_inside_the_cell_counts(tmp_path: Path) -> None:
    mapping = DUTCH + 'points: {volume_total: {column: v, unit: L, decimal: ","}, pressure: {column: p}}\n'
    cells = [
        "12,5 m³;1 bar",
        "12,5;101.3",
        "12,5L;1e2 kPa",
        "250 dm3;-0.5 mbar",
        "1,5 kWh;1",
        "2 flurbs;1",
        "3;1,5 bar",
    ]
    csv = "t;v;p\n" + "".join(f"01-01-2026 0{n}:00;{row}\n" for n, row in enumerate(cells))
    done = await read(tmp_path, csv, mapping)
    by_point: dict[str, list[float]] = {"volume_total": [], "pressure": []}
    for point, value in zip(done.columns.point, done.columns.value, strict=True):
        by_point[done.columns.points[point][0]].append(value)
    assert by_point["volume_total"] == pytest.approx([12.5, 0.0125, 0.0125, 0.25])
    stored = load_project(kit.project(tmp_path)).vocabulary["gas_meter"]["pressure"].unit
    factor = {"kPa": 1.0, "Pa": 1000.0}[stored]
    assert by_point["pressure"] == pytest.approx([100 * factor, 101.3, 100 * factor, -0.05 * factor])
    assert reasons(done) == [(6, "v", "unit"), (7, "v", "number"), (8, "p", "comma")]
    assert "in kWh" in done.rejects.first[0].render("en")


async def test_a_decimal_comma_of_one_column(tmp_path: Path) -> None:
    points = 'points: {volume_total: {column: v, unit: m3, decimal: ","}, pressure: {column: p}}\n'
    done = await read(tmp_path, 't,v,p\n01-01-2026 00:00,"1,5",2.5\n', DUTCH + points)
    assert list(done.columns.value) == [1.5, 2.5]
    other = 'decimal: ","\npoints: {volume_total: {column: v, unit: m3}, pressure: {column: p, decimal: "."}}\n'
    done = await read(tmp_path, "t;v;p\n01-01-2026 00:00;1,5;2.5\n", DUTCH + other)
    assert list(done.columns.value) == [1.5, 2.5]
    state = 'points: {valve: {column: v, decimal: ","}}\n'
    assert await flaws(tmp_path, "t;v\n", DUTCH + state) == [("points.valve", "import.map.state_number")]


async def test_the_example_of_the_docs(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "import.md").read_text("utf-8")
    rows, mapping = (
        re.search(rf"<!-- import: {kind} -->\n```\w*\n(.*?)```", text, re.DOTALL)[1]  # type: ignore[index]
        for kind in ("rows", "map")
    )
    paper = DryRunTarget(load_project(kit.project(tmp_path, devices="code,profile\nGM-000100,gas\n")).declared)
    done = await prepare(*kit.write(tmp_path, rows, mapping), paper, "en", NOW)
    assert (list(done.columns.value), list(done.columns.quality), done.rejects.count) == ([1204.5, 1204.9], [2, 1], 0)
    assert iso(done.columns.at[0]) == "2025-12-31T23:00:00.000Z"
