"""Durations as people write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.duration import DAY, HOUR, SECOND, format_duration, from_us, iso, parse_duration, to_us


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("500ms", 500_000),
        ("2m10s", 130 * SECOND),
        ("15d9h", 15 * DAY + 9 * HOUR),
        ("-14d", -14 * DAY),
        ("1.5h", 5400 * SECOND),
    ],
)
def test_parse(text: str, us: int) -> None:
    assert parse_duration(text) == us


@pytest.mark.parametrize("text", ["", "5", "m", "5 parsecs", "-", "1h-2m", "２m"])
def test_what_is_not_a_duration_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write 500ms"):
        parse_duration(text)


@given(st.integers(-(10**15), 10**15))
def test_format_is_the_inverse(us: int) -> None:
    assert parse_duration(format_duration(us)) == us


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001
def test_instants_are_exact(moment: datetime) -> None:
    assert from_us(to_us(moment)) == moment


def test_iso() -> None:
    assert iso(1_700_000_000_123_456) == "2023-11-14T22:13:20.123Z"
