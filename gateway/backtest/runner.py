"""Stored history through one or two sets of rules: reading and judging side by side."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Empty, Full, Queue
from threading import Event, Thread

from gateway.domain.reading import Batch
from rules.backtest import Player, by_device

AHEAD = 8  # batches read ahead
LOOK = 0.1  # s
ReportProgress = Callable[[int], None]
"""Called with the number of readings judged since the last call."""


def run_players(
    players: Sequence[Player], before: Batch, pieces: Iterable[Batch], until: int, progress: ReportProgress
) -> int:
    """Run the readings through the players and return their number. `before`: the newest values at the beginning,
    sorted by time."""
    parts = pieces if any(player.joined for player in players) else (part for one in pieces for part in by_device(one))
    for player in players:
        player.feed(before)
    judged = 0
    for batch in read_ahead(parts):
        for player in players:
            player.feed(batch)
        judged += len(batch)
        progress(len(batch))
    for player in players:
        player.until(until)
    return judged


def read_ahead(pieces: Iterable[Batch]) -> Iterator[Batch]:
    """The same batches, read ahead in another thread."""
    queue: Queue[Batch | BaseException | None] = Queue(AHEAD)
    stop = Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stop.is_set():
            try:
                queue.put(item, timeout=LOOK)
                return
            except Full:
                continue

    def read() -> None:
        try:
            for piece in pieces:
                put(piece)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            put(error)

    reader = Thread(target=read, name="history", daemon=True)
    reader.start()
    try:
        while True:
            try:
                item = queue.get(timeout=LOOK)
            except Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        reader.join()
