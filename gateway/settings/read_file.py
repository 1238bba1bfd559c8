"""Configuration files are read without blocking and up to a limit: only regular files of a bounded size."""

import os
import stat
from pathlib import Path


class UnreadableFile(Exception):
    """File that is not read; `key` and `fields` give the reason."""

    def __init__(self, key: str, **fields: object) -> None:
        self.key, self.fields = key, fields
        super().__init__(key)


def read_file(path: Path, most: int) -> bytes:
    """Contents of a file. Pipes, devices and folders are refused without waiting. Raises UnreadableFile, OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableFile("config.file.special", value=str(path))
        blob = file.read(most + 1)
    if len(blob) > most:
        raise UnreadableFile("config.file.too_big", size=max(found.st_size, len(blob)), limit=most)
    return blob
