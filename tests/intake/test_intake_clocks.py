"""Wrong clocks: the columns agree with the rule written out row by row (RULES section 5, Clocks)."""

import math

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.clocks import YEAR_2000, Watermark, clamp, mark_suspect
from gateway.domain.reading import Flag, Quality, Reading, batch_of

LIMIT = 300_000_000
RECEIVED = 1_790_000_000_000_000
AT = st.one_of(
    st.sampled_from([RECEIVED + LIMIT, RECEIVED + LIMIT + 1, YEAR_2000, YEAR_2000 - 1, 0, -1, -(2**63), 2**63 - 1]),
    st.integers(RECEIVED - 10**9, RECEIVED + 10**9),
)


@st.composite
def _reading(draw: st.DrawFn) -> Reading:
    quality = draw(st.sampled_from(Quality))
    value = math.nan if quality is Quality.BAD else draw(st.floats(allow_nan=False))
    flags = draw(st.sampled_from([Flag.NONE, Flag.IMPORTED]))
    return Reading(draw(st.integers(0, 9)), 1, draw(AT), value, quality, flags, RECEIVED)


def _expected(reading: Reading) -> Reading:
    early = reading.at < YEAR_2000 and not reading.flags & Flag.IMPORTED
    if not early and reading.at <= reading.received + LIMIT:
        return reading
    quality = Quality.BAD if reading.quality is Quality.BAD else Quality.UNCERTAIN
    flags = reading.flags | Flag.CLAMPED
    return Reading(reading.device, 1, reading.received, reading.value, quality, flags, reading.received)


@given(st.lists(st.lists(_reading(), min_size=1, max_size=4), max_size=6))
def test_clamping_is_the_rule_written_out(frames: list[list[Reading]]) -> None:
    batch = batch_of(frames)
    clamped, wrong = clamp(batch, LIMIT)
    flat = [reading for frame in frames for reading in frame]
    expected = [_expected(reading) for reading in flat]
    assert repr(clamped.readings()) == repr(expected)  # repr: NaN equals itself
    if wrong is None:
        assert clamped is batch
        assert repr(expected) == repr(flat)
    else:
        assert wrong.tolist() == [
            repr(a) != repr(b) or bool(b.flags & Flag.CLAMPED) for a, b in zip(flat, expected, strict=True)
        ]
    assert clamped.quality.dtype == batch.quality.dtype
    assert clamped.flags.dtype == batch.flags.dtype
    assert clamped.at.dtype == batch.at.dtype


def test_suspect_rows_keep_their_other_flags() -> None:
    batch = batch_of([[Reading(1, 1, RECEIVED, 1.0, flags=Flag.IMPORTED)]])
    assert mark_suspect(batch).readings()[0].flags == Flag.IMPORTED | Flag.CLOCK_SUSPECT


@given(st.lists(st.integers(0, 50)), st.integers(0, 50))
def test_the_watermark_never_goes_back(times: list[int], start: int) -> None:
    mark, newest = Watermark(start), start
    for now in times:
        assert mark.observe(now) == (now < newest)
        newest = max(newest, now)
        assert mark.newest == newest
