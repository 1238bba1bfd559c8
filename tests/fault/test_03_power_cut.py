"""The power goes under load, four times: the disk keeps what was synced and nothing else. Nothing acknowledged is lost.

A real file system is shut down without flushing (EXT4_IOC_SHUTDOWN on a loop mount), the gateway is killed, the disk is
mounted again: its journal replays as after a power cut.
"""

import os
import random
from pathlib import Path

import process_kit as kit
import pytest
from fault_kit import installation
from mounts import ext4

pytestmark = kit.NEEDS_MOSQUITTO
JOURNAL = "journal: {ballast: 0B, free_space_floor: 8MiB}\n"


@pytest.mark.slow_fault
def test_the_power_is_cut_four_times_under_load(tmp_path: Path) -> None:
    chance = random.Random(3)
    with ext4(tmp_path) as disk, installation(tmp_path, data=disk.folder / "var", more=JOURNAL) as site:
        for _ in range(4):
            site.start()
            site.send(600, seconds=chance.uniform(0.5, 2.5))
            disk.cut()
            site.kill()
            disk.unmount()
            disk.mount()
            site.restarted = True
        site.start()
        site.send(400)
        site.settled()
        site.check()


def test_without_the_sync_the_cut_would_lose_it(tmp_path: Path) -> None:
    """The disk of these tests really forgets: what is written and not synced is gone."""
    with ext4(tmp_path) as disk:
        (disk.folder / "synced").write_text("kept")
        with (disk.folder / "synced").open() as file:
            os.fsync(file.fileno())
        (disk.folder / "unsynced").write_text("gone")
        disk.cut()
        disk.unmount()
        disk.mount()
        assert (disk.folder / "synced").read_text() == "kept"
        assert not (disk.folder / "unsynced").exists() or (disk.folder / "unsynced").read_text() != "gone"
