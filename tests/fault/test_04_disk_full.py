"""The disk is full for a while, then there is room again: no restart, nothing is lost, the reason is said."""

import os
from contextlib import suppress
from pathlib import Path

import httpx
import process_kit as kit
import pytest
from fault_kit import installation
from hostile_kit import ready
from mounts import tmpfs

pytestmark = kit.NEEDS_MOSQUITTO
JOURNAL = "journal: {max_bytes: 16MiB, ballast: 2MiB, free_space_floor: 2MiB}\n"


def fill(folder: Path, leave: int) -> Path:
    """Take all room but `leave` bytes, while the gateway takes and gives back room too."""
    path, size = folder / "filler", 0
    with path.open("wb") as file:
        for _ in range(20):
            disk = os.statvfs(folder)
            size += max(0, disk.f_bavail * disk.f_frsize - leave)
            with suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, max(1, size))
                return path
            size = path.stat().st_size
    raise AssertionError("the disk did not hold still")


@pytest.mark.slow_fault
def test_a_full_disk_holds_messages_back_until_there_is_room(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "small", "48m") as small, installation(tmp_path, data=small / "var", more=JOURNAL) as site:
        site.start()
        site.send(800)
        for leave in (512 * 1024, 0):
            filler = fill(small, leave)
            site.send(4_000, seconds=4)
            assert not site.gone(), site.said()[-2000:]
            assert httpx.get(f"http://127.0.0.1:{site.api}/healthz", timeout=5).status_code == 200
            if not leave:
                kit.wait_until(lambda: "no room" in str(site.readiness()), 30, "the reason is said", site.log)
            filler.unlink()
            kit.wait_until(lambda: ready(site.api), 60, "ready again, without a restart", site.log)
        site.settled()
        assert "Traceback" not in site.said()
        site.check(journal=False)  # it gave up what every consumer had, to make room
