"""Only the answer that was asked for passes; everything else is waited out, counted or ends the connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.modbus.frames import PendingRequest, SortedFrames, sift

ASKED = PendingRequest(transaction=7, unit=17, function=3, count=2)


def _frame(transaction: int = 7, unit: int = 17, body: bytes = b"\3\4\0\1\0\2") -> bytes:
    return transaction.to_bytes(2, "big") + b"\0\0" + (len(body) + 1).to_bytes(2, "big") + bytes([unit]) + body


GOOD = _frame()


def test_the_answer_passes() -> None:
    assert sift(GOOD, ASKED) == SortedFrames(GOOD)
    assert sift(_frame(body=b"\x83\2"), ASKED) == SortedFrames(_frame(body=b"\x83\2"))


@given(st.integers(0, len(GOOD) - 1))
def test_half_an_answer_is_waited_for(length: int) -> None:
    assert sift(GOOD[:length], ASKED) == SortedFrames()


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 255), st.binary(min_size=2, max_size=40)), max_size=4))
def test_foreign_frames_are_skipped_and_counted(foreign: list[tuple[int, int, bytes]]) -> None:
    foreign = [one for one in foreign if one[:2] != (7, 17)]
    before = b"".join(_frame(*one) for one in foreign)
    assert sift(before + GOOD, ASKED) == SortedFrames(GOOD, strays=len(foreign))
    assert sift(before, ASKED) == SortedFrames(strays=len(foreign))


def test_transaction_0_is_no_joker() -> None:
    assert sift(_frame(transaction=0), ASKED) == SortedFrames(strays=1)
    assert sift(_frame(unit=0), ASKED) == SortedFrames(strays=1)


def test_what_follows_the_answer_is_reported() -> None:
    assert sift(GOOD + b"\1\2\3", ASKED) == SortedFrames(GOOD, rest=3)


@given(
    st.sampled_from(
        [
            (_frame(body=b"\3\2\0\1"), "register count"),
            (_frame(body=b"\3\4\0\1\0\2\0\3"), "register count"),
            (_frame(body=b"\3\6\0\1\0\2"), "register count"),
            (_frame(body=b"\4\4\0\1\0\2"), "function"),
            (_frame(body=b"\x84\2"), "function"),
            (_frame(body=b"\x83\2\2"), "exception length"),
            (b"\0\7\xa5\x5a\0\7\x11\3\4\0\1\0\2", "protocol id"),
            (b"\0\7\0\1", "protocol id"),
            (b"\0\7\0\0\0\1\x11", "length"),
            (b"\0\7\0\0\1\0\x11", "length"),
        ]
    )
)
def test_what_cannot_be_believed_ends_it(case: tuple[bytes, str]) -> None:
    blob, why = case
    seen = sift(blob, ASKED)
    assert (seen.answer, seen.garbled) == (None, why)


@pytest.mark.parametrize("function", [1, 2])
@pytest.mark.parametrize(("count", "octets"), [(1, 1), (8, 1), (9, 2), (19, 3), (2000, 250)])
def test_bits_come_eight_to_a_byte(function: int, count: int, octets: int) -> None:
    asked = PendingRequest(transaction=7, unit=17, function=function, count=count)
    right = _frame(body=bytes([function, octets]) + bytes(octets))
    assert sift(right, asked) == SortedFrames(right)
    for other in {octets - 1, octets + 1} - {0, 251}:
        short = sift(_frame(body=bytes([function, other]) + bytes(other)), asked)
        assert (short.answer, short.garbled) == (None, "register count")
    assert sift(_frame(body=bytes([3 - function, octets]) + bytes(octets)), asked).garbled == "function"


@given(st.binary(max_size=300))
def test_noise_is_never_an_answer_unless_it_is_one(noise: bytes) -> None:
    seen = sift(noise, ASKED)
    if seen.answer is not None:
        assert seen.answer[:4] == b"\0\7\0\0"
        assert seen.answer[6] == 17
        assert seen.answer[7:9] == b"\3\4" or seen.answer[7] == 0x83


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_outside_the_data_is_noticed(place: int, change: int) -> None:
    """The words themselves have no checksum on TCP; everything around them is compared."""
    blob = bytearray(GOOD)
    blob[place] ^= change
    seen = sift(bytes(blob), ASKED)
    if place < 9:
        assert seen.answer is None
