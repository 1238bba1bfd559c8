"""The simulated meters: repeatable, and true to themselves."""

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.gas_meter import MODEL, SIZE, GasMeter, GasMeterServer

NOW = 1_800_000_000.0
moments = st.floats(1_577_836_800.0, 2_000_000_000.0)


def _meter(serial: int = 5, seed: int = 7) -> GasMeter:
    return GasMeter(serial, seed, lambda: NOW)


def test_the_same_question_gives_the_same_answer() -> None:
    assert _meter().image() == _meter().image()
    assert _meter(seed=8).image() != _meter().image()
    assert _meter(serial=6).image() != _meter().image()


@given(moments, st.floats(0, 3600.0))
def test_the_volume_is_the_integral_of_the_flow(at: float, step: float) -> None:
    meter = _meter()
    hour_end = (at // 3600 + 1) * 3600
    within = min(step, hour_end - at)
    rest = step - within
    want = (meter.flow(at) * within + (meter.flow(hour_end) * rest if rest else 0.0)) / 3600
    assert meter.volume(at + step) - meter.volume(at) == pytest.approx(want, abs=1e-6)


@given(moments, st.floats(0, 1e8))
def test_the_counter_never_falls(at: float, step: float) -> None:
    meter = _meter()
    assert meter.volume(at + step) >= meter.volume(at)


@given(moments)
def test_every_word_is_a_word_and_values_are_those_of_gas(at: float) -> None:
    meter = GasMeter(9, 7, lambda: at)
    words = meter.image()
    assert len(words) == SIZE
    assert all(0 <= word <= 0xFFFF for word in words)
    assert words[:2] == [MODEL, 9]
    assert 0 <= meter.flow(at) < 6
    assert 1.0 < meter.pressure(at) < 2.5
    assert -10 < meter.temperature(at) < 40


def test_a_closed_valve_stops_the_counter() -> None:
    time = [NOW]
    meter = GasMeter(1, 7, lambda: time[0])
    meter.valve = 1
    closed = meter.volume(time[0])
    time[0] += 86400
    assert (meter.flow(time[0]), meter.volume(time[0])) == (0.0, closed)
    meter.valve = 0
    assert meter.volume(time[0]) == pytest.approx(closed)
    time[0] += 86400
    assert meter.volume(time[0]) > closed + 0.1


def test_a_stuck_meter_repeats_itself() -> None:
    time = [NOW]
    meter = GasMeter(1, 7, lambda: time[0])
    meter.stuck = NOW
    before = meter.image()
    time[0] += 7 * 86400
    assert meter.image() == before
    meter.stuck = None
    assert meter.image() != before


def test_flags_and_lost_sensors() -> None:
    meter = _meter()
    meter.no_sensor, meter.opened, meter.valve = True, True, 3
    words = meter.image()
    assert words[14:16] == [0xFFFF, 0x8000]
    assert words[18] & 0b100011 == 0b100011


def test_a_line_has_247_unit_ids() -> None:
    for count in (0, 248):
        with pytest.raises(ValueError, match="1 to 247"):
            GasMeterServer(meters=count)


async def test_meters_answer_on_the_wire() -> None:
    """Raw bytes, so that the server is tested without our own client."""
    async with GasMeterServer(meters=3, now=lambda: NOW) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(bytes.fromhex("0102 0000 0006 02 03 000a 0002"))
        answer = await reader.readexactly(13)
        assert answer[:9] == bytes.fromhex("0102 0000 0007 02 03 04")
        low, high = struct.unpack(">2H", answer[9:])
        assert (high << 16 | low) == int(server.meters[2].volume(NOW) * 1000 + 1e-6)
        writer.write(bytes.fromhex("0103 0000 0006 02 03 0028 0001"))
        assert await reader.readexactly(9) == bytes.fromhex("0103 0000 0003 02 83 02")
        writer.write(bytes.fromhex("0104 0000 0006 02 06 000a 0001"))
        assert (await reader.readexactly(9))[7] == 0x86
        assert server.requests == {2: 3}
        writer.close()
        await writer.wait_closed()
