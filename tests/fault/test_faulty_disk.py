"""The shim itself: what the other fault tests lean on."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from faulty_disk import FaultyDisk

pytestmark = pytest.mark.fault

PROBE = """
import os, sys
handle = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
for call in sys.argv[2:]:
    try:
        os.write(handle, b"x") if call == "write" else os.fsync(handle) if call == "fsync" else os.fdatasync(handle)
        print("ok")
    except OSError as error:
        print(error.errno)
"""


def probe(disk: FaultyDisk, path: Path, *calls: str) -> list[str]:
    command = [sys.executable, "-c", PROBE, str(path), *calls]
    return subprocess.run(command, env=disk.environment, capture_output=True, text=True, timeout=20).stdout.split()


def test_rules_meet_the_calls_and_files_they_name_and_end_after_their_times(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    assert probe(disk, tmp_path / "a.one", "write", "fsync") == ["ok", "ok"]
    disk.rules("fsync EIO .one 1", "write ENOSPC .two")
    assert probe(disk, tmp_path / "a.one", "write", "fsync", "fsync") == ["ok", "5", "ok"]
    assert probe(disk, tmp_path / "a.one", "fdatasync", "fsync") == ["5", "ok"]
    assert probe(disk, tmp_path / "a.two", "write", "write", "fsync") == ["28", "28", "ok"]
    disk.rules("fsync 300 .one")
    began = time.monotonic()
    assert probe(disk, tmp_path / "a.one", "fsync") == ["ok"]
    assert time.monotonic() - began > 0.3
