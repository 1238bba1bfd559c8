"""A wall clock that a test sets while a process runs: libfaketime, with the monotonic clock left alone."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx

LIBRARY = next(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"), None)
HOUR, DAY = 3600, 86_400


def until(year: int) -> int:
    """Seconds from now to the middle of a year."""
    return round((datetime(year, 6, 30, 12, tzinfo=UTC) - datetime.now(UTC)).total_seconds())


class FakeClock:
    """`ahead` s: how far the clock of the processes with `environment` is ahead of the true one."""

    def __init__(self, folder: Path, ahead: float = 0) -> None:
        assert LIBRARY is not None, "see the skip mark"
        self._file = folder / "faketime"
        self.ahead = ahead
        self.set(ahead)
        self.environment: Mapping[str, str] = os.environ | {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, ahead: float) -> None:
        """A step of the clock."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{ahead:+.3f}\n")
        fresh.replace(self._file)
        self.ahead = ahead

    def now(self) -> float:
        """What the processes read, s."""
        return time.time() + self.ahead


def answered(api: int, most: float = 8.0) -> float:
    """How long `/healthz` took, s; `most` when it did not answer."""
    began = time.monotonic()
    try:
        httpx.get(f"http://127.0.0.1:{api}/healthz", timeout=most).raise_for_status()
    except httpx.TransportError as error:
        print("no answer:", repr(error), f"{time.monotonic() - began:.1f} s")
        return most
    return time.monotonic() - began


def resident(pid: int) -> int:
    """MiB of memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20
