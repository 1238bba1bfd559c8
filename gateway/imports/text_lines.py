"""Lines of an exported text file: gzip or plain, with detected encoding; unusable lines are reported and left out."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, Problem

LONGEST: Final = 1 << 20
"""Bytes of a line; a longer one is not a row."""
_SCRAP: Final = 2_000  # characters kept of an unusable line
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
Refuse = Callable[[int, str, str], None]
"""(line, reason key, text kept of it)"""


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as probe:
            packed = probe.read(2) == b"\x1f\x8b"
        stream: BinaryIO
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:  # type: ignore[assignment]
            yield stream
    except FileNotFoundError:
        raise ConfigError([Problem(str(path), "", "config.file.missing", {"value": str(path)})]) from None
    except (OSError, EOFError, zlib.error) as error:  # also for a truncated or damaged gzip file
        raise ConfigError(
            [Problem(str(path), "", "config.file.unreadable", {"value": str(path), "reason": reason(error)})]
        ) from None


def _raw(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """(line, complete); of a line that is too long only the beginning."""
    while line := stream.readline(LONGEST):
        if len(line) < LONGEST or line.endswith(b"\n"):
            yield line, True
            continue
        while (rest := stream.readline(LONGEST)) and not rest.endswith(b"\n"):
            pass
        yield line, False


def encoding_of(path: Path, wanted: str = "auto") -> str:
    """`wanted`, or the encoding that fits most of the lines that are not plain ASCII.

    Raises ConfigError for files that are not text: workbooks, UTF-16, empty files.
    """
    valid = invalid = 0
    with _opened(path) as stream:
        head = stream.read(4)
        if not head:
            raise ConfigError([Problem(str(path), "", "import.file.empty")])
        if head.startswith(_WORKBOOKS):
            raise ConfigError([Problem(str(path), "", "config.csv.workbook")])
        if head.startswith(_UTF16):
            raise ConfigError([Problem(str(path), "", "import.file.utf16")])
        if wanted != "auto":
            return "utf-8" if wanted == "utf-8-sig" else wanted
        if head.startswith(_BOM):
            return "utf-8"
    with _opened(path) as stream:
        for line, whole in _raw(stream):
            if whole and not line.isascii():
                try:
                    line.decode("utf-8")
                    valid += 1
                except UnicodeDecodeError:
                    invalid += 1
    return "utf-8" if valid >= invalid else "gb18030"


class Lines:
    """Iterates the text lines of a file. `number` is the line read last, from 1; `begin` the first line returned since
    `begin` was set to 0."""

    def __init__(self, path: Path, encoding: str, refuse: Refuse) -> None:
        self._path, self._encoding, self._refuse = path, encoding, refuse
        self.number = self.begin = 0

    def __iter__(self) -> Iterator[str]:
        with _opened(self._path) as stream:
            for raw, whole in _raw(stream):
                self.number += 1
                line = raw.removeprefix(_BOM) if self.number == 1 else raw
                if not whole:
                    self._refuse(self.number, "import.row.too_long", line[:_SCRAP].decode(self._encoding, "replace"))
                elif b"\0" in line:
                    self._refuse(self.number, "import.row.nul", line[:_SCRAP].decode(self._encoding, "replace"))
                else:
                    try:
                        text = line.decode(self._encoding)
                    except UnicodeDecodeError:
                        scrap = line[:_SCRAP].decode(self._encoding, "replace")
                        self._refuse(self.number, "import.row.encoding", scrap)
                        continue
                    self.begin = self.begin or self.number
                    yield text
