"""The slow part of a backtest, in this process or divided by device among several processes."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import IO

import msgspec
from msgspec import Struct

from gateway.adapter_ports import HistoryReader
from gateway.backtest.gateway_client import HistoryPlace, open_history
from gateway.backtest.runner import run_players
from gateway.domain.device import Customer, Device, Point, Site
from gateway.domain.errors import StoreError
from gateway.domain.record import MeterExchanged
from rules.backtest import BacktestEpisode, PlayedRegistry, Player
from rules.engine.windows.counter_glitches import Glitches
from rules.format import compile_source

LEAST = 3_000_000
"""Number of readings from which a second process pays: its start takes a second."""
MOST = 8
ReportProgress = Callable[[int], None]


class Task(Struct, frozen=True):
    """Input of a worker. `sets` of rule sources; `spans` (start, end, rows) in µs are read for these devices and points
    of `history`."""

    history: HistoryPlace
    sets: list[list[bytes]]
    sites: list[Site]
    customers: list[Customer]
    devices: list[Device]
    points: list[Point]
    zone: str
    warm: int
    start: int
    end: int
    spans: list[tuple[int, int, int]]
    everyone: bool  # no other device has stored readings: read without a filter
    exchanges: list[MeterExchanged] = []


class RuleSetEpisodes(Struct, frozen=True):
    """Episodes of one set of rules."""

    episodes: list[BacktestEpisode]
    before: int
    merged: int


class TaskResult(Struct, frozen=True):
    """Result of a task: readings judged, and episodes of each set of rules."""

    readings: int
    sets: list[RuleSetEpisodes]


Message = int | TaskResult | str
"""Readings judged since the last message, the result, or the text of an error."""
_encoder = msgspec.msgpack.Encoder()
_tasks = msgspec.msgpack.Decoder(Task)
_messages = msgspec.msgpack.Decoder(Message)


def judge(task: Task, progress: ReportProgress) -> TaskResult:
    """Run the task in this process. Raises StoreError."""
    with open_history(task.history) as history:
        players, readings = _run_sets(task, history, progress)
        return TaskResult(readings, _reevaluated(task, history, players))


def _run_sets(
    task: Task, history: HistoryReader, progress: ReportProgress, known: Sequence[Glitches | None] = ()
) -> tuple[list[Player], int]:
    """Play the history. Returns one player for each set of rules, and the number of readings."""
    ids, points = [one.id for one in task.devices], [one.id for one in task.points]
    mine = [one for one in task.exchanges if one.device in set(ids)]
    place = PlayedRegistry(task.sites, task.customers, task.devices, task.points, mine)
    players = [
        Player([compile_source(source) for source in one], place, task.zone, task.warm, task.start, glitches)
        for one, glitches in zip(task.sets, known or [None] * len(task.sets), strict=True)
    ]
    before = history.before(task.warm, ids, points)
    chosen = None if task.everyone else ids
    pieces = (history.rows(start, end, chosen, points) for start, end, _ in task.spans)
    return players, run_players(players, before, pieces, task.end, progress)


def _reevaluated(task: Task, history: HistoryReader, players: Sequence[Player]) -> list[RuleSetEpisodes]:
    """Episodes of each player. Devices with a counter glitch in which something was booked are judged again, with the
    glitches known from the start (decision 020); all devices, when a rule compares several."""
    glitched = {device for player in players for device in player.glitched_devices}
    if not glitched:
        return [_found(task, player) for player in players]
    whole = any(player.joined for player in players)
    devices = task.devices if whole else [one for one in task.devices if one.id in glitched]
    part = msgspec.structs.replace(task, devices=devices, everyone=task.everyone and whole)
    again = [
        _found(task, one) for one in _run_sets(part, history, lambda _: None, [one.glitches for one in players])[0]
    ]
    if whole:
        return again
    for player in players:
        player.episodes.leave_out(glitched)
    return [_joined([_found(task, player), one]) for player, one in zip(players, again, strict=True)]


def _found(task: Task, player: Player) -> RuleSetEpisodes:
    return RuleSetEpisodes(player.episodes.counted(task.end), player.episodes.before, player.episodes.merged)


def judge_in_processes(task: Task, progress: ReportProgress, workers: int) -> TaskResult:
    """Run the task in `workers` processes, each with a share of the devices. Only for rules that use one device at a
    time."""
    if workers < 2:
        return judge(task, progress)
    shares = [msgspec.structs.replace(task, devices=task.devices[k::workers], everyone=False) for k in range(workers)]
    lock = Lock()

    def report(rows: int) -> None:
        with lock:
            progress(rows)

    with ThreadPoolExecutor(workers) as pool:
        answers = list(pool.map(lambda share: _in_worker_process(share, report), shares))
    sets = [_joined([answer.sets[k] for answer in answers]) for k in range(len(task.sets))]
    return TaskResult(sum(answer.readings for answer in answers), sets)


def _joined(parts: Sequence[RuleSetEpisodes]) -> RuleSetEpisodes:
    episodes = sorted(
        (one for part in parts for one in part.episodes),
        key=lambda one: (one.raised, one.rule, one.thing, one.identity),
    )
    return RuleSetEpisodes(episodes, sum(part.before for part in parts), sum(part.merged for part in parts))


def _in_worker_process(task: Task, progress: ReportProgress) -> TaskResult:
    """Run one task in a child process: the task goes to its standard input, length-prefixed messages come from its
    standard output."""
    command = [sys.executable, "-m", "gateway.backtest.task"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:  # noqa: S603 - this module
        assert worker.stdin is not None and worker.stdout is not None, "asked for"  # noqa: PT018
        worker.stdin.write(_encoder.encode(task))
        worker.stdin.close()
        while (message := _received(worker.stdout)) is not None:
            if isinstance(message, TaskResult):
                return message
            if isinstance(message, str):
                raise StoreError(message)
            progress(message)
    raise StoreError(f"a part of the backtest ended with status {worker.returncode}")


def _received(pipe: IO[bytes]) -> Message | None:
    head = pipe.read(8)
    return _messages.decode(pipe.read(int.from_bytes(head, "little"))) if len(head) == 8 else None


def _send(pipe: IO[bytes], message: Message) -> None:
    blob = _encoder.encode(message)
    pipe.write(len(blob).to_bytes(8, "little") + blob)
    pipe.flush()


def main() -> None:
    """Entry of a worker process: reads a task from standard input, writes messages to standard output."""
    out = sys.stdout.buffer
    task = _tasks.decode(sys.stdin.buffer.read())
    try:
        answer: Message = judge(task, lambda rows: _send(out, rows))
    except StoreError as error:
        answer = str(error)
    _send(out, answer)


if __name__ == "__main__":
    main()
