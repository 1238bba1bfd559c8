"""The machine: versions, disk, clock, file permissions."""

import ctypes
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import duckdb
from pysqlite3 import dbapi2 as sqlite

from gateway.domain.byte_size import format_size
from gateway.domain.clocks import BUILT
from gateway.domain.duration import DAY, MINUTE, SECOND, iso
from gateway.domain.finding import DoctorFinding, bad, ok, warn
from gateway.domain.language_values import DurationText
from gateway.journal.schema import OLDEST_SQLITE
from gateway.settings.disk_forecast import DiskForecast

PYTHON: Final = (3, 11)
SOON: Final = 30 * DAY
DUCKDB: Final = "1.5."
"""The file format of the series store; 2.x changes it."""
MOSQUITTO: Final = (2, 0)
UNSYNCHRONISED: Final = 0x40  # STA_UNSYNC of adjtimex(2)


def versions(mosquitto: str) -> Iterator[DoctorFinding]:
    """Findings about versions. `mosquitto`: its version, "" = not installed on this machine."""
    python = ".".join(map(str, sys.version_info[:3]))
    found = {"python": python, "sqlite": sqlite.sqlite_version, "duckdb": duckdb.__version__}
    yield ok("doctor.versions", **found)
    if sys.version_info[:2] < PYTHON:
        yield bad("doctor.python", "doctor.python.do", found=python)
    if tuple(map(int, sqlite.sqlite_version.split("."))) < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        yield bad("doctor.sqlite", "doctor.sqlite.do", found=sqlite.sqlite_version, needed=needed)
    if not duckdb.__version__.startswith(DUCKDB):
        yield bad("doctor.duckdb", "doctor.duckdb.do", found=duckdb.__version__, needed=f"{DUCKDB}x")
    if not mosquitto:
        return
    old = tuple(int(part) for part in mosquitto.split(".")[:2] if part.isdigit()) < MOSQUITTO
    yield (
        warn("doctor.mosquitto_old", "doctor.mosquitto_old.do", found=mosquitto)
        if old
        else ok("doctor.mosquitto", found=mosquitto)
    )


def mosquitto_version() -> str:
    """Version of the mosquitto on this machine, "" if there is none."""
    words = _output_of("mosquitto", "-h").split()
    return words[2] if words[:2] == ["mosquitto", "version"] and len(words) > 2 else ""


def _output_of(name: str, *arguments: str) -> str:
    """Output of a program of this machine, "" if there is none."""
    program = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if program is None:
        return ""
    try:
        command = [program, *arguments]  # a path that `which` gave, and no shell
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""


def disk(room: DiskForecast) -> DoctorFinding:
    """Finding about free space, the floor, and the time left at the expected rate."""
    fields = {"free": format_size(room.free), "floor": format_size(room.floor), "lasts": room.time_left_text()}
    if room.free <= room.floor:
        return bad("doctor.disk", "doctor.disk_full.do", **fields)
    if room.lasts is not None and room.lasts < SOON:
        return warn("doctor.disk", "doctor.disk_soon.do", **fields)
    return ok("doctor.disk", **fields)


def clock(now: int, newest: int) -> DoctorFinding:
    """Findings about the clock. `newest` µs: the newest record of the journal, 0 = none."""
    if now < BUILT:
        return bad("doctor.clock", "doctor.clock_unset.do", now=iso(now))
    if newest > now + MINUTE:
        behind = DurationText((newest - now) // SECOND * SECOND)
        return bad("doctor.clock_behind", "doctor.clock_unset.do", now=iso(now), behind=behind)
    return ok("doctor.clock", now=iso(now))


class _Timex(ctypes.Structure):
    """The beginning of `struct timex`, and space for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("rest", ctypes.c_long * 64),
    )  # fmt: skip


def kernel_clock() -> bool | None:
    """True if the kernel regards its clock as synchronised; None if that is unknown."""
    state = _Timex()  # modes 0: asks, and sets nothing
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.byref(state))
    except (AttributeError, OSError):  # not Linux
        return None
    return None if answer < 0 else not state.status & UNSYNCHRONISED


def chrony() -> str:
    """Output of `chronyc tracking`, "" without chrony, which may keep the clock without the kernel's flag
    (`rtcsync`)."""
    return _output_of("chronyc", "-n", "tracking")


def clock_kept(kernel: bool | None, tracking: str) -> DoctorFinding:
    """True if the clock is synchronised by the kernel or chrony. Pure."""
    leap = next((line.partition(":")[2].strip() for line in tracking.splitlines() if line.startswith("Leap")), "")
    if kernel or leap == "Normal":
        return ok("doctor.clock_kept")
    key = "doctor.clock_unknown" if kernel is None and not leap else "doctor.clock_free"
    return warn(key, "doctor.clock_unset.do")


def modes(private: Mapping[Path, str]) -> Iterator[DoctorFinding]:
    """Findings about permissions: private files and folders -> what each of them holds."""
    wrong = False
    for path, kind in private.items():
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & 0o077:
            wrong = True
            want = "0700" if path.is_dir() else "0600"
            yield bad("doctor.mode", "doctor.mode.do", path=path, mode=f"{mode:04o}", want=want, kind=kind)
    if not wrong:
        yield ok("doctor.modes", count=len(private))
