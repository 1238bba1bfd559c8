"""Scenario 29: a process that stood still while another took its place wakes up and goes on where it was.

The lock beside the journal keeps a second process out for as long as the first lives, stopped or not. Where the lock
is lost (storage that forgets it), the epoch of the newer lease fences the older process off, inside the transaction:
no order is lost, none is made twice.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from desk_kit import BOSS, NOW, World, transition

from gateway.domain.duration import HOUR
from gateway.domain.errors import InvariantBroken, StoreUnavailable
from gateway.domain.record import ImportMark
from gateway.domain.workorder import Act, Command, FaultReport
from gateway.journal.sqlite_journal import SqliteJournal
from gateway.lock import FileLock

pytestmark = pytest.mark.fault
ZOMBIE = Path(__file__).with_name("zombie.py")
FOLDERS = [str(ZOMBIE.parents[2]), str(ZOMBIE.parents[1] / "desk")]
MANY = 50


def python(*command: str) -> "subprocess.Popen[str]":
    environment = {"PYTHONPATH": ":".join(FOLDERS), "PATH": ""}
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True, env=environment)


def ended(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


def test_a_process_that_stands_still_keeps_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    code = f"from pathlib import Path; from gateway.lock import FileLock\nheld = FileLock(Path({str(path)!r}), 'run')\n"
    holder = python("-c", code + "print('held', flush=True); input()")
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGSTOP)
        with pytest.raises(StoreUnavailable, match=f"{holder.pid}.*fieldgate run"):
            FileLock(path, "run")
    finally:
        ended(holder)
    FileLock(path, "run").release()


@pytest.mark.parametrize("taken_at", [1, 17, 42])
def test_the_older_process_is_fenced_in_the_transaction(tmp_path: Path, taken_at: int) -> None:
    path, lock = tmp_path / "journal.sqlite", tmp_path / "journal.sqlite.lock"
    world = World(tmp_path / "fieldgate.sqlite")
    with closing(SqliteJournal(path, partition=0)) as first:
        zombie = python(str(ZOMBIE), str(world.path), str(first.lease(0, "a")), str(taken_at), str(MANY))
        try:
            stopped = os.waitid(os.P_PID, zombie.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            assert stopped is not None
            assert stopped.si_status == signal.SIGSTOP
            lock.unlink()  # the storage forgot it
            with closing(SqliteJournal(path, partition=0)) as second:
                epoch = second.lease(0, "b")
            desk = world.another(epoch=epoch)
            assert desk.cursor() == taken_at
            desk.apply([transition(seq, device=seq) for seq in range(1, MANY)], MANY - 1, (), NOW)
            zombie.send_signal(signal.SIGCONT)
            said, _ = zombie.communicate(timeout=30)
            assert zombie.returncode == 3, said
            assert said.splitlines()[-1] == f"partition 0 belongs to epoch {epoch}, not {epoch - 1}"
        finally:
            ended(zombie)
    assert desk.cursor() == MANY - 1
    desk.apply([transition(MANY, device=MANY)], MANY, (), NOW)
    devices = [order.device for order in world.queries.orders(limit=200).items]
    assert Counter(devices) == dict.fromkeys(range(1, MANY + 1), 1)
    assert Counter(world.kinds())["workorder.created"] == MANY


def test_no_act_of_the_older_process_is_kept(tmp_path: Path) -> None:
    """Deadlines, commands, reports, the release of imported alarms: as fenced as transitions are."""
    world = World(tmp_path / "fieldgate.sqlite")
    old, new = world.another(epoch=1), world.another(epoch=2)
    old.apply([transition(1)], 1, (), NOW)
    order = world.order()
    world.desk = old
    world.work_through(order.no, reason="watching it")  # looked at again by a deadline, two hours later
    new.apply([], 2, (), NOW)
    before = (world.queries.orders().items, world.events())
    acts = {
        "deadline": lambda: old.tick(NOW + 9 * HOUR),
        "command": lambda: old.command(Command(order.no, Act.REOPEN, BOSS, "late", reason="again"), NOW),
        "report": lambda: old.report(FaultReport(2, "E07", "hot", "热", BOSS, "report-1"), NOW),
        "unlatch": lambda: old.unlatch("0-1-0", BOSS, "late-2", NOW),
        "transition": lambda: old.apply([transition(3, device=3)], 3, (), NOW),
        "import": lambda: old.apply([], 3, [(3, ImportMark("i", "f.csv", done=True))], NOW),
    }
    for act in acts.values():
        with pytest.raises(InvariantBroken, match="belongs to epoch 2, not 1"):
            act()
    assert (world.queries.orders().items, world.events()) == before
    assert new.tick(NOW + 9 * HOUR).reopened == 1, "the deadline is left to the one that holds the partition"
