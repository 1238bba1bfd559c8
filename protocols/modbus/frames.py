"""Which frame is the response to a request: pure, and stricter than the library that decodes it afterwards.

Modbus TCP frame: transaction u16, protocol u16 = 0, length u16 (of the rest), unit u8, function u8, data. The library
takes transaction 0 for any, and does not compare the number of registers or bits; a wrong value is worse than none.
"""

from dataclasses import dataclass

_HEADER = 6
_SHORTEST, _LONGEST = 3, 254
_OF_BITS = (1, 2)
_WRITTEN = 6
"""Length of the response to a write: unit, function, address, value or number."""


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """The request under way: `count` registers, or bits of function 1 and 2.

    `transaction` is what went over the wire; `echo`: what the response to a write repeats (b"" = it is a read).
    """

    transaction: int
    unit: int
    function: int
    count: int
    echo: bytes = b""

    @property
    def octets(self) -> int:
        """Bytes of data in its response: two for a register, one for up to eight bits."""
        return (self.count + 7) // 8 if self.function in _OF_BITS else 2 * self.count


@dataclass(frozen=True, slots=True)
class SortedFrames:
    """What a receive buffer holds.

    `answer` the response to the request (None = not yet) · `strays` whole frames of other transactions or units before
    it · `rest` bytes after it · `garbled` why nothing more can be believed ("" = fine) · `doubt` what came that is no
    answer, while one may still come (serial frames).
    """

    answer: bytes | None = None
    strays: int = 0
    rest: int = 0
    garbled: str = ""
    doubt: str = ""


def sift(buffer: bytes, request: PendingRequest) -> SortedFrames:
    """Find the answer in all bytes received since the request was sent."""
    start, strays = 0, 0
    while len(buffer) - start >= _HEADER:
        frame = buffer[start:]
        length = int.from_bytes(frame[4:6], "big")
        if frame[2:4] != b"\0\0":
            return SortedFrames(strays=strays, garbled="protocol id")
        if not _SHORTEST <= length <= _LONGEST:
            return SortedFrames(strays=strays, garbled="length")
        if len(frame) < _HEADER + length:
            break
        frame = frame[: _HEADER + length]
        start += len(frame)
        if int.from_bytes(frame[0:2], "big") != request.transaction or frame[6] != request.unit:
            strays += 1
            continue
        wrong = _wrong(frame, length, request)
        return SortedFrames(None if wrong else frame, strays, len(buffer) - start, wrong)
    if start < len(buffer) and buffer[start + 2 : start + 4].strip(b"\0"):
        return SortedFrames(strays=strays, garbled="protocol id")
    return SortedFrames(strays=strays)


def _wrong(frame: bytes, length: int, request: PendingRequest) -> str:
    if frame[7] == request.function | 0x80:
        return "" if length == _SHORTEST else "exception length"
    if frame[7] != request.function:
        return "function"
    if request.echo:
        return "" if length == _WRITTEN and frame[8:12] == request.echo else "echo"
    return "" if length == 3 + request.octets and frame[8] == request.octets else "register count"
