"""Lists of sites, customers and devices as spreadsheets leave them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.device import Life, Profile
from gateway.domain.errors import Problem
from gateway.settings.inventory import Inventory, attribute, load_inventory

PROFILES = {"dc": Profile("dc", "charger", (), components=2), "gm": Profile("gm", "gas_meter", ())}
ZONE = "Asia/Shanghai"
SITES = "编号,名称,时区\nS1,城西充电站,Asia/Shanghai\nS2,London,Europe/London\n"
CUSTOMERS = "户号,名称,手机,站点\nC1,城西物业,13800000001,S1;S2\n"


def load(folder: Path, devices: str | bytes, sites: str = SITES, customers: str = CUSTOMERS) -> Inventory:
    for name, text in (("sites.csv", sites), ("customers.csv", customers), ("devices.csv", devices)):
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    found = load_inventory(folder / "sites.csv", folder / "customers.csv", folder / "devices.csv", PROFILES, ZONE)
    for problem in found.problems + found.warnings:
        assert problem.render("en")
        assert problem.render("zh")
    return found


def problems(found: Inventory) -> list[tuple[str, int, str, str]]:
    return [(Path(p.file).stem, p.line, p.path, p.key.removeprefix("config.csv.")) for p in found.problems]


DEVICES = (
    "设备编号,名称,型号,站点,客户,枪数,状态,投运日期,标签,额定温度(℃),厂家\n"
    "D1,1 号桩,dc,S1,C1,1,在用,2026/6/15,快充;地面,95,甲\n"
    "D2,2 号桩,dc,S2,,,在建,2026-06-15 08:30,,,\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_whatever_the_spreadsheet_wrote(tmp_path: Path, encoding: str, separator: str) -> None:
    text = DEVICES.replace(";", "|").replace(",", separator).replace("\n", "\r\n")
    found = load(tmp_path, text.encode(encoding))
    assert found.problems == []
    first, second = found.devices.values()
    assert (first.code, first.kind, first.site, first.customer, first.components) == ("D1", "charger", "S1", "C1", 1)
    assert first.registered == 1_781_452_800_000_000  # midnight in Shanghai
    assert first.tags == ("快充", "地面")
    assert first.attrs == {"额定温度": 95.0, "厂家": "甲"}
    assert (second.life, second.components) == (Life.PLANNED, 2)
    assert second.registered == 1_781_508_600_000_000  # 08:30 in London, summer time
    assert second.attrs == {}


def test_english_headers_in_any_order_and_case(tmp_path: Path) -> None:
    found = load(tmp_path, "Profile,CODE, Site ,guns,serial\ngm,G1,S1,0,007\n")
    (device,) = found.devices.values()
    assert (device.profile, device.code, device.site, device.attrs) == ("gm", "G1", "S1", {"serial": "007"})


def test_every_mistake_of_every_file_at_once(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        "code,profile,site,customer,components,life,registered\n"
        "D1,dc,ST1,C10,2,在用,2026-06-15\n"
        "D1,dc,ST9,C10,many,在用,2026-06-15\n"
        "3.2E+14,dc,ST1,C10,2,whatever,46188\n"
        "Ｄ４,dcc,ST1,C11,2,,15.06.2026\n"
        " D5,gm,ST1,,,,\n"
        ",dc,ST1,,,,\n"
        "D7,dc,ST1,,99,,\n"
        "D\u200b8,dc,ST9,,,,2026-13-01\n",
        "编号,时区\nST1,Asia/Shangai\nST1,\n",
        "户号,手机,语言,站点\nC10,1.38E+10,fr,ST1;ST7\nC2,call me,,\n",
    )
    assert problems(found) == [
        ("sites", 2, "row 2, column 时区", "config.timezone"),
        ("sites", 3, "row 3, column 编号", "twice"),
        ("customers", 2, "row 2, column 手机", "excel_number"),
        ("customers", 2, "row 2, column 语言", "config.type.choice"),
        ("customers", 3, "row 3, column 手机", "phone"),
        ("customers", 2, "row 2, column 站点", "unknown_site_near"),
        ("devices", 3, "row 3, column code", "twice"),
        ("devices", 3, "row 3, column components", "components"),
        ("devices", 4, "row 4, column code", "excel_number"),
        ("devices", 4, "row 4, column life", "life"),
        ("devices", 4, "row 4, column registered", "date_serial"),
        ("devices", 5, "row 5, column code", "wide"),
        ("devices", 5, "row 5, column registered", "date"),
        ("devices", 6, "row 6, column code", "spaces"),
        ("devices", 7, "row 7, column code", "cell_missing"),
        ("devices", 8, "row 8, column components", "components"),
        ("devices", 9, "row 9, column code", "invisible"),
        ("devices", 9, "row 9, column registered", "date"),
        ("devices", 5, "row 5, column profile", "unknown_profile_near"),
        ("devices", 3, "row 3, column site", "unknown_site_near"),
        ("devices", 5, "row 5, column customer", "unknown_customer_near"),
    ]
    texts = [p.render("en") for p in found.problems]
    assert any("rows 3, 9" in text and "ST1" in text for text in texts)
    assert any("3.2E+14" in text and "format the column as Text" in text for text in texts)
    assert any("write D4" in text for text in texts)


def test_a_phone_number_never_stands_in_a_problem(tmp_path: Path) -> None:
    found = load(tmp_path, "code,profile\n", customers="户号,手机\nC1,138-call-me-0001\n")
    assert "0001" not in found.problems[0].render("en")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b"PK\x03\x04rest", "workbook"),
        ("设备编号，型号\nD1，dc\n".encode(), "wide_comma"),
        (b"", "empty"),
        (b"code,profile\nD1,\xff\xff\n", "encoding"),
        (b'code,profile\nD1,"dc\n', "broken"),
        (b"code,profile\nD1,dc,extra\n", "too_many"),
        (b"name,profile\nD1,dc\n", "column_missing"),
        (b"coed,profile\nD1,dc\n", "column_missing_near"),
        (b"code,profile,code\nD1,dc,D2\n", "column_twice"),
    ],
)
def test_a_file_that_is_no_list(tmp_path: Path, text: bytes, key: str) -> None:
    found = load(tmp_path, text)
    assert [kind for _, _, _, kind in problems(found)] == [key]


def test_a_missing_file_is_one_problem_and_its_references_none(tmp_path: Path) -> None:
    path = tmp_path / "devices.csv"
    path.write_text("code,profile,site\nD1,dc,S1\n", "utf-8")
    found = load_inventory(tmp_path / "no.csv", None, path, PROFILES, ZONE)
    assert [p.key for p in found.problems] == ["config.file.missing"]
    assert list(found.devices) == ["D1"]


def test_quoted_cells_rows_and_lines(tmp_path: Path) -> None:
    found = load(tmp_path, 'code,profile,name\n"D1",dc,"two\nlines"\n\n,,\nD2,xx,y\n')
    assert found.devices["D1"].name == "two\nlines"
    assert problems(found) == [("devices", 6, "row 5, column profile", "unknown_profile")]


def test_cut_digits_are_a_warning(tmp_path: Path) -> None:
    found = load(tmp_path, "code,profile\n898600000000000000,dc\n8986000000000001,dc\n")
    assert found.problems == []
    assert [(p.line, p.key) for p in found.warnings] == [(2, "config.csv.rounded")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("95 degC", 95.0),
        ("95℃", 95.0),
        ("203 degF", 95.0),
        ("2400 m3/day", 100.0),
        ("7", 7.0),
        ("-1.5", -1.5),
        ("true", True),
        ("FALSE", False),
        ("2026/6/5", "2026-06-05"),
        ("2026年6月5日", "2026-06-05"),
        ("007", "007"),
        ("0", 0.0),
        ("0.5", 0.5),
        ("89860012345678901234", "89860012345678901234"),
        ("12 号楼", "12 号楼"),
        ("是", "是"),
        ("1.5e-3", 0.0015),
    ],
)
def test_cells_become_attributes(text: str, value: object) -> None:
    got = attribute(text)
    assert type(got) is type(value)
    assert got == (pytest.approx(value) if isinstance(value, float) else value)


def column(folder: Path, header: str, *cells: str) -> Inventory:
    rows = "".join(f"D{i},dc,{cell}\n" for i, cell in enumerate(cells))
    return load(folder, f"code,profile,{header}\n{rows}")


def test_units_of_a_column(tmp_path: Path) -> None:
    found = column(tmp_path, "trip", "95 degC", "90", "abc", "95 V")
    assert problems(found) == [
        ("devices", 5, "row 5, column trip", "other_dimension"),
        ("devices", 3, "row 3, column trip", "without_unit"),
        ("devices", 4, "row 4, column trip", "without_unit"),
    ]
    found = column(tmp_path, "trip(degF)", "203", "95 degC", "abc", "95 V", "")
    assert [line for _, line, _, _ in problems(found)] == [4, 5]
    assert [d.attrs.get("trip") for d in found.devices.values()][:2] == [pytest.approx(95), 95.0]
    found = column(tmp_path, "楼栋", "12 A", "甲座", "乙座")
    assert found.problems == []
    assert found.devices["D0"].attrs == {"楼栋": "12 A"}
    found = column(tmp_path, "n", *["1"] * 10, "1O")
    assert [(p.line, p.key) for p in found.warnings] == [(12, "config.csv.odd_text")]
    found = column(tmp_path, "imei", "8.98E+14")
    assert [kind for _, _, _, kind in problems(found)] == ["excel_number"]


def test_addresses_stay_as_written(tmp_path: Path) -> None:
    found = load(tmp_path, "code,profile,modbus_link,modbus_unit,modbus_every\nD1,gm,line-1,17,10s\n")
    assert found.devices["D1"].attrs == {"modbus_link": "line-1", "modbus_unit": "17", "modbus_every": "10s"}


def test_thirty_thousand_rows_are_one_list(tmp_path: Path) -> None:
    rows = "".join(f"D{i:05d},桩 {i},dc,S1,C1,2,在用,2026-06-15,95 degC,甲\n" for i in range(30_000))
    found = load(tmp_path, "设备编号,名称,型号,站点,客户,枪数,状态,投运日期,trip,厂家\n" + rows)
    assert found.problems == []
    assert len(found.devices) == 30_000
    found = load(tmp_path, "code,profile,site\n" + "".join(f"D{i},dc,S9\n" for i in range(30_000)))
    assert [p.fields["rows"] for p in found.problems] == ["2, 3, 4, 5, 6, 7, 8, 9 … (30000)"]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80) | st.text('code,profile;"\nD1dc枪，\t 95℃=', max_size=80).map(str.encode))
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, blob: bytes) -> None:
    folder = tmp_path_factory.mktemp("csv", numbered=True)
    found = load(folder, blob)
    assert found.problems or found.devices or b"\n" in blob or b"," in blob or b"\r" in blob


def test_a_cell_is_named_in_the_language() -> None:
    """C8: `row 4, column code` stood in Chinese reports."""
    problem = Problem("devices.csv", "row 4, column 场站", "config.csv.cell_missing", {}, 4)
    assert problem.render("en") == "devices.csv:4 row 4, column 场站: the cell is empty; fill it in"
    assert problem.render("zh") == "devices.csv:4 第 4 行 场站 列：单元格为空；请填写"
