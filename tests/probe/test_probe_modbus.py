"""`fieldgate probe modbus` against a real server: every interpretation of a block, a scan, SunSpec, and what is written
runs in a gateway."""

import asyncio
import os
import struct
import threading
import tty
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from backtest.installation_kit import free_port, running, wait_for
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from latin import HAN, left

from gateway.cli import main
from gateway.probe.register_files import best_points
from gateway.probe.sunspec import SunSpecDevice, find_device, points_of, tables
from protocols.modbus.interpret import interpretations, scale_to
from protocols.modbus.words import ByteOrder, Format, Type, encode
from simulators.modbus_server import ModbusServer
from simulators.sunspec import SunSpecUnit, common, der, inverter, meter


@dataclass
class PlainUnit:
    """Registers 0 to 59; 40 to 44 are refused."""

    size: int = 60
    reserved: tuple[tuple[int, int], ...] = ((40, 44),)
    words: list[int] = field(default_factory=lambda: [0] * 60)

    def image(self) -> list[int]:
        return self.words


def plain() -> PlainUnit:
    unit = PlainUnit()
    unit.words[4:6] = struct.unpack(">2H", struct.pack(">f", 230.1))[::-1]  # low word first
    unit.words[10] = 2301
    unit.words[12:15] = struct.unpack(">3H", b"AC-17\0")
    unit.words[20:22] = [0x0012, 0x3456]
    return unit


@dataclass(frozen=True)
class Bus:
    """The server and its address."""

    server: ModbusServer
    where: str


@pytest.fixture(scope="module")
def bus() -> Iterator[Bus]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    units = {1: SunSpecUnit(), 2: plain(), 3: SunSpecUnit((common(), der()), base=0, identification={})}
    server = ModbusServer(units)

    async def stop() -> None:
        await server.__aexit__(None, None, None)

    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    yield Bus(server, f"127.0.0.1:{server.port}")
    asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def probe(bus: Bus, *arguments: str) -> Result:
    shown = CliRunner().invoke(main, ["probe", "modbus", bus.where, "--pause", "0", "--lang", "en", *arguments])
    assert shown.exception is None or isinstance(shown.exception, SystemExit), shown.output
    return shown


def test_identification_and_models(bus: Bus) -> None:
    shown = probe(bus)
    assert shown.exit_code == 0, shown.output
    assert "vendor Example Solar; product ES-10K; revision 1.2.3" in shown.output
    assert "SunSpec at 40000: Example Solar ES-10K" in shown.output
    assert " 40002      1  Common" in shown.output
    assert " 40070    103  Inverter (Three Phase)" in shown.output
    assert "203  wye-connect" in shown.output


def test_a_block_in_every_interpretation(bus: Bus) -> None:
    shown = probe(bus, "--unit", "2", "--at", "4", "--count", "12", "--expect", "230.1")
    assert shown.exit_code == 0, shown.output
    assert "f32/CDAB=230.1* <<<" in shown.output
    assert "ascii=AC-17*" in shown.output
    agrees = shown.output.partition("agrees with 230.1:\n")[2]
    assert agrees.splitlines()[0] == "       4  f32/CDAB=230.1*"
    assert "      10  u16=2301*  scale: 0.1" in agrees


def test_a_value_that_is_not_there(bus: Bus) -> None:
    assert "nothing in this block agrees with 77.7" in probe(bus, "--unit", "2", "--at", "4", "--expect", "77.7").output


def test_a_scan_stops_where_a_unit_refuses(bus: Bus) -> None:
    before = dict(bus.server.requests)
    shown = probe(bus, "--unit", "2", "--scan", "0-59")
    lines = shown.output.splitlines()
    assert lines[0].startswith("unit 2, 0 to 9:")
    assert lines[-1].startswith("unit 2, 40 to 49:  not read any further: ")
    assert bus.server.requests[2] - before.get(2, 0) <= 6


def test_a_unit_that_is_silent(bus: Bus) -> None:
    shown = probe(bus, "--unit", "9", "--timeout", "50")
    assert shown.exit_code == 1, shown.output
    assert "no unit answered" in shown.output


def test_what_is_written_for_a_block_passes_the_check(bus: Bus, tmp_path: Path) -> None:
    shown = probe(bus, "--unit", "2", "--at", "4", "--count", "12", "--expect", "230.1", "--write", str(tmp_path / "a"))
    assert shown.exit_code == 0, shown.output
    profile = next((tmp_path / "a" / "profiles").iterdir()).read_text("utf-8")
    assert "expected_4: {at: 4, type: f32, order: CDAB}" in profile
    named = ("--register", "volt:4:f32/CDAB:1:V", "--register", "total:20:u32:0.001:m3")
    shown = probe(bus, "--unit", "2", "--at", "4", *named, "--write", str(tmp_path / "b"))
    assert shown.exit_code == 0, shown.output
    tried = CliRunner().invoke(main, ["try", "modbus", "DEV-1", "-c", str(tmp_path / "b"), "--lang", "en"])
    assert "volt                     230.1" in tried.output
    assert "1193.046 m3" in tried.output


def test_scale_factors_behind_the_request_of_the_value(bus: Bus, tmp_path: Path) -> None:
    """Model 701: the powers of ten stand at its end."""
    shown = probe(bus, "--unit", "3", "--write", str(tmp_path / "a"))
    assert shown.exit_code == 0, shown.output
    tried = CliRunner().invoke(main, ["try", "modbus", "DEV-1", "-c", str(tmp_path / "a"), "--lang", "en"])
    assert "voltage_ll               400.3 V" in tried.output, tried.output
    assert "power                    2.75 kW" in tried.output


STORED = {
    "current": (16.4, "A"), "voltage_a": (230.1, "V"), "power": (3.774, "kW"), "frequency": (49.98, "Hz"),
    "energy": (1234.567, "kWh"), "temp_cabinet": (41.5, "degC"), "status": ("MPPT", ""),
    "event_1": ("DC_DISCONNECT", ""), "voltage_ab": (400.2, "V"), "power_203": (-1.5, "kW"),
    "energy_export": (87.5, "kWh"),
}  # fmt: skip


def test_a_gateway_polls_what_was_found(bus: Bus, tmp_path: Path) -> None:
    folder, port = tmp_path / "site", free_port()
    shown = probe(bus, "--device", "INV-1", "--timezone", "Asia/Shanghai", "--write", str(folder))
    assert shown.exit_code == 0, shown.output
    file = folder / "gateway.yaml"
    text = file.read_text("utf-8").replace("data_dir: var", "data_dir: data").replace("every: 10s", "every: 1s")
    file.write_text(f"{text}\napi: {{port: {port}}}\nhealth: {{port: 0}}\n", "utf-8")
    with running(file, port) as api:
        wait_for(lambda: STORED.items() <= latest(api).items(), 20)
        assert not {"voltage_bc", "dc_power", "energy_import"} & latest(api).keys(), "not implemented"


def latest(api: httpx.Client) -> dict[str, tuple[object, str]]:
    found = api.get("/v1/devices/INV-1").json().get("latest", [])
    return {one["point"]: (round(v, 9) if isinstance(v := one["value"], float) else v, one["unit"]) for one in found}


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "--unit 2",
        "--unit 2 --at 4 --expect 230.1",
        "--unit 2 --at 4 --expect 7",
        "--unit 2 --at 40",
        "--unit 2-3 --scan 30-60",
        "--unit 9 --timeout 50",
    ],
)
def test_pages_are_chinese(bus: Bus, arguments: str) -> None:
    shown = CliRunner().invoke(main, ["probe", "modbus", bus.where, "--lang", "zh", *arguments.split()])
    assert HAN.search(shown.output)
    own = {
        "ascii",
        "bits",
        "scale",
        "Example",
        "Solar",
        "Common",
        "Inverter",
        "Three",
        "Phase",
        "connect",
        "abcn",
        "meter",
        "three",
        "phase",
    }
    assert not [word for word in left(shown.output, own) if len(word) > 3], shown.output


def crc(frame: bytes) -> bytes:
    """CRC-16 of a serial frame (MODBUS over Serial Line V1.02, 6.2.2), low byte first."""
    value = 0xFFFF
    for octet in frame:
        value ^= octet
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value.to_bytes(2, "little")


@pytest.fixture
def serial_port() -> Iterator[str]:
    """A pty behind which unit 7 has the registers 100, 101, …; it ends with the port."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)

    def answer() -> None:
        waiting = b""
        while True:
            try:
                waiting += os.read(ours, 64)
            except OSError:
                return
            if len(waiting) >= 8:
                unit, function, at, count = struct.unpack(">BBHH", waiting[:6])
                waiting = waiting[8:]
                if unit == 7 and function == 3:
                    words = struct.pack(f">{count}H", *range(100 + at, 100 + at + count))
                    frame = bytes([unit, function, 2 * count]) + words
                    os.write(ours, frame + crc(frame))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield os.ttyname(theirs)
    os.close(theirs)
    thread.join(5)
    os.close(ours)


def test_a_serial_port(serial_port: str, tmp_path: Path) -> None:
    more = (
        "--unit",
        "7",
        "--at",
        "30",
        "--count",
        "3",
        "--baud",
        "19200",
        "--parity",
        "none",
        "--write",
        str(tmp_path),
    )
    shown = CliRunner().invoke(main, ["probe", "modbus", serial_port, "--lang", "en", *more])
    assert shown.exit_code == 0, (shown.output, shown.exception)
    assert "    30  0082  u16,i16=130*" in shown.output
    assert f'bus: {{rtu: "{serial_port}", parity: "none", baud: 19200' in (tmp_path / "gateway.yaml").read_text("utf-8")


# ---- pure


@given(
    st.sampled_from([Type.U16, Type.I32, Type.F32, Type.U64, Type.F64]),
    st.sampled_from(list(ByteOrder)),
    st.integers(1000, 30_000),
    st.sampled_from([1, 0.1, 0.01, 0.001]),
)
def test_the_true_interpretation_is_among_those_that_agree(
    kind: Type, order: ByteOrder, raw: int, scale: float
) -> None:
    try:
        form = Format(kind, order)
    except ValueError:
        return
    words = encode(form, raw)
    found = interpretations(100, [0, *words, 0], raw * scale)
    agreeing = {(one.address, one.type, one.order) for one in found if one.scale}
    assert (101, kind.value, order.value) in agreeing or kind is Type.U16


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=20), st.none() | st.floats(-1e6, 1e6))
def test_any_block_has_interpretations_and_points_that_do_not_overlap(words: list[int], expect: float | None) -> None:
    found = interpretations(0, words, expect)
    assert {one.address for one in found} == set(range(len(words)))
    points = best_points(found)
    used = [at for one in points for at in range(one.at, one.at + (one.length or Format(Type(one.type)).registers))]
    assert len(used) == len(set(used))


@pytest.mark.parametrize(
    ("raw", "expect", "scale"),
    [(2301, 230.1, 0.1), (230.1, 230.1, 1), (5, 230.1, 0), (-15, 1.5, 0), (2300900, 230.1, 1e-4)],
)
def test_scales(raw: float, expect: float, scale: float) -> None:
    assert scale_to(raw, expect) == pytest.approx(scale)


def found_in(words: Sequence[int]) -> SunSpecDevice | None:
    async def read(address: int, count: int) -> Sequence[int] | None:
        part = words[address : address + count]
        return part if len(part) == count else None

    return asyncio.run(find_device(read))


@given(st.lists(st.integers(0, 0xFFFF), max_size=80), st.integers(0, 160))
def test_a_damaged_device_ends_the_walk(noise: list[int], cut: int) -> None:
    """Whatever stands behind the marker: the walk ends, and points are of whole models alone."""
    words = [0x5375, 0x6E53, *common(), *inverter()]
    found = found_in([*words[:cut], *noise])
    if found is not None:
        points_of(found)
    assert found_in([*words, *meter(), 0xFFFF, 0]) == found_in([*words, *meter(), 0xFFFF, 0, *noise])


def test_the_tables_have_the_models_that_are_named() -> None:
    wanted = {1, 101, 102, 103, 111, 112, 113, 201, 202, 203, 204, 211, 212, 213, 214, 124, 701, 713, 714, 802}
    assert wanted <= set(tables())
    for model in tables().values():
        assert all(2 <= one["at"] < model["length"] + 2 for one in model["points"])
