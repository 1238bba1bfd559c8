"""Stored history in pieces of like size."""

from collections.abc import Callable

from gateway.domain.reading import I64

PIECE = 400_000
"""Readings of one piece, about."""
BUCKETS = 2_048
Counts = Callable[[int, int, int], I64]
"""(start, end, width) -> readings in each bucket of `width` µs of [start, end)."""


def pieces(counts: Counts, start: int, end: int) -> list[tuple[int, int, int]]:
    """Pieces (start, end, rows) of similar size, in order of time; together they hold all readings of [start, end)."""
    found: list[tuple[int, int, int]] = []
    if end > start:
        _divide(counts, start, end, found)
    return found


def _divide(counts: Counts, start: int, end: int, found: list[tuple[int, int, int]]) -> None:
    width = max(1, -((start - end) // BUCKETS))
    begin, rows = start, 0
    for number, count in enumerate(counts(start, end, width).tolist()):
        here, after = start + number * width, min(end, start + (number + 1) * width)
        large = count > 2 * PIECE and width > 1
        if rows and (large or rows + count > PIECE):
            found.append((begin, here, rows))
            begin, rows = here, 0
        if large:
            _divide(counts, here, after, found)
            begin = after
        else:
            begin = begin if rows else here
            rows += count
    if rows:
        found.append((begin, end, rows))
