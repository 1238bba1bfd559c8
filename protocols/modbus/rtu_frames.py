"""Which frame on a serial bus is the response to a request: pure.

RTU frame (MODBUS over Serial Line V1.02, 2.5.1): unit u8, function u8, data, CRC-16 low byte first. There are no
transaction numbers, and a response does not repeat the address: unit, function, number of bytes and CRC are all there
is. Noise, echoes and frames of others may stand before the response.
"""

from protocols.modbus.frames import PendingRequest, SortedFrames

REQUEST = 8
"""Bytes of a request to read."""
AROUND = 5
"""Bytes of a response around its data: unit, function, number of bytes, CRC."""
_ERROR = 5
_READS = (1, 2, 3, 4)
_ECHOES = (5, 6, 15, 16)


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC = tuple(_entry(byte) for byte in range(256))


def crc(data: bytes) -> bytes:
    """CRC-16 of MODBUS as it goes over the wire (section 6.2.2: polynomial 0xA001, start 0xFFFF)."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def sift_rtu(buffer: bytes, request: PendingRequest) -> SortedFrames:
    """Find the answer in all bytes received since the request was sent. `strays` counts whole frames of others and, as
    one, the bytes that are no frame; `doubt` names what came in place of the answer."""
    start, strays, noise = 0, 0, 0
    while start < len(buffer):
        frame = _frame(buffer, start)
        if not frame:
            start, noise = start + 1, 1
            continue
        start += len(frame)
        if _answers(frame, request):
            return SortedFrames(frame, strays + noise, len(buffer) - start)
        strays += 1
    return SortedFrames(strays=strays, doubt="" if not buffer else "other frame" if strays else "checksum")


def _frame(buffer: bytes, start: int) -> bytes:
    """The whole frame with a right CRC that begins at `start`, b"" when there is none."""
    for length in _lengths(buffer[start : start + 3]):
        frame = buffer[start : start + length]
        if len(frame) == length and crc(frame[:-2]) == frame[-2:]:
            return frame
    return b""


def _lengths(head: bytes) -> tuple[int, ...]:
    """How long a frame that begins so may be: a response, a request of another master or an echo."""
    if len(head) < 3:
        return ()
    function = head[1]
    if function & 0x80:
        return (_ERROR,)
    if function in _READS:
        return (AROUND + head[2], REQUEST)
    return (REQUEST,) if function in _ECHOES else ()


def _answers(frame: bytes, request: PendingRequest) -> bool:
    if frame[0] != request.unit:
        return False
    if frame[1] == request.function | 0x80:
        return True
    if request.echo:
        return frame[1] == request.function and frame[2:-2] == request.echo
    return frame[1] == request.function and len(frame) == AROUND + request.octets and frame[2] == request.octets
