"""The folder on disk: what lies there, opening, moving, deleting. Blocking; every call may raise OSError."""

import errno
import io
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

DONE, FAILED, WHY = "done", "failed", ".why.txt"
Stamp = tuple[int, int, int]
"""(inode, size, mtime ns) of a file."""


def stamp_of(found: os.stat_result) -> Stamp:
    """Changes when the file does."""
    return found.st_ino, found.st_size, found.st_mtime_ns


@dataclass(frozen=True, slots=True)
class FolderContent:
    """Files by name that fit the pattern; how many lie in `failed/`."""

    files: Mapping[str, Stamp] = field(default_factory=dict)
    failed: int = 0


def look(folder: Path, pattern: str) -> FolderContent:
    """Plain files only: no links, no pipes, no names that begin with a point (of programs that still write)."""
    files: dict[str, Stamp] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and fnmatchcase(entry.name, pattern) and (found := _plain(entry)):
                files[entry.name] = stamp_of(found)
    failed = 0
    if (folder / FAILED).is_dir():
        with os.scandir(folder / FAILED) as entries:
            failed = sum(not entry.name.endswith(WHY) for entry in entries)
    return FolderContent(files, failed)


def _plain(entry: "os.DirEntry[str]") -> os.stat_result | None:
    """None for what is no plain file, or gone."""
    try:
        return entry.stat(follow_symlinks=False) if entry.is_file(follow_symlinks=False) else None
    except FileNotFoundError:
        return None


def open_file(path: Path) -> io.BufferedReader:
    """Open a plain file; neither follows a link nor waits for a pipe."""
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return os.fdopen(number, "rb")


def move(path: Path, target: str) -> Path:
    """Move a file to the folder `target` beside it; a name that is taken gets a number. Returns where it is."""
    folder = path.parent / target
    if folder.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    folder.mkdir(exist_ok=True)
    place, number = folder / path.name, 0
    while os.path.lexists(place) or os.path.lexists(place.with_name(place.name + WHY)):
        number += 1
        place = folder / f"{path.stem}.{number}{path.suffix}"
    path.rename(place)
    return place


def delete_old(folder: Path, before: int) -> None:
    """Delete files that were moved to `done/` before `before` µs."""
    if not (folder / DONE).is_dir() or (folder / DONE).is_symlink():
        return
    with os.scandir(folder / DONE) as entries:
        for entry in entries:
            # a rename sets the time of the last change of the entry, not that of the content
            if (found := _plain(entry)) and found.st_ctime_ns // 1000 < before:
                Path(entry.path).unlink(missing_ok=True)
