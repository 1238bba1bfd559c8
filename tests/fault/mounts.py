"""Disks of our own: a small one in memory, and one whose power can be cut. Skips the test where mounting is not
permitted."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SHUTDOWN, NO_FLUSH = 0x8004587D, 2  # EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip(f"{command[0]} is not permitted here: {done.stderr.strip()}")


def needs(*programs: str) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    """A disk of `size` in memory."""
    needs("mount", "umount")
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", f"size={size}", "fieldgate-test", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, timeout=60)


class Disk:
    """An ext4 file system in a file. `cut` is a power cut: what was not synced is gone."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image, self.folder = image, folder

    def mount(self) -> None:
        run("mount", "-o", "loop", str(self._image), str(self.folder))

    def cut(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, SHUTDOWN, NO_FLUSH.to_bytes(4, "little"))
        except OSError as error:
            pytest.skip(f"EXT4_IOC_SHUTDOWN is not permitted here: {error}")
        finally:
            os.close(handle)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=False, capture_output=True, timeout=60)


@contextmanager
def ext4(folder: Path, size: int = 256 * 1024 * 1024) -> Iterator[Disk]:
    """Mounted at `folder`/disk."""
    needs("mount", "umount", "mkfs.ext4")
    image, place = folder / "disk.img", folder / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(size)
    run("mkfs.ext4", "-q", "-F", str(image))
    disk = Disk(image, place)
    disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()
