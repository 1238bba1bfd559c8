"""Batch codec and views."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.reading import Batch, Quality, Reading, batch_of, concat, decode_batch, encode_batch

READING = st.builds(
    Reading,
    device=st.integers(0, 2**31 - 1),
    point=st.integers(0, 2**31 - 1),
    at=st.integers(-(2**62), 2**62),
    value=st.floats(allow_nan=False),
    quality=st.sampled_from(Quality),
    received=st.just(0),
)


@given(st.lists(st.lists(READING, min_size=1, max_size=5), max_size=5))
def test_a_batch_survives_its_encoding(frames: list[list[Reading]]) -> None:
    batch = batch_of(frames)
    again = decode_batch(encode_batch(batch))
    assert again.readings() == batch.readings()
    assert again.frames == len(frames)


@given(st.binary(max_size=200))
def test_damaged_bytes_are_refused_or_read_never_a_crash(blob: bytes) -> None:
    try:
        assert isinstance(decode_batch(blob), Batch)
    except ValueError:
        pass


def test_concat_renumbers_frames() -> None:
    one = batch_of([[Reading(1, 1, 10, 1.0, received=5)], [Reading(1, 1, 20, 2.0, received=6)]])
    two = batch_of([[Reading(2, 1, 30, 3.0, received=7)]])
    both = concat([one, two])
    assert both.frame.tolist() == [0, 1, 2]
    assert both.received.tolist() == [5, 6, 7]


def test_select_keeps_frames() -> None:
    batch = batch_of([[Reading(1, 1, 10, 1.0)], [Reading(2, 1, 20, math.nan, Quality.BAD)]])
    assert batch.select(np.array([False, True])).readings()[0].quality is Quality.BAD


@pytest.mark.parametrize("size", [0, 7, 9])
def test_a_wrong_length_is_an_error(size: int) -> None:
    with pytest.raises(ValueError, match="batch of"):
        decode_batch(b"\0" * size if size != 9 else b"\0" * 9)
