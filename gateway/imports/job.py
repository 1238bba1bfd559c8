"""One import from the file to the result."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.text import Lang
from gateway.import_service.points import found_in
from gateway.import_service.wire import Begin, Begun, Chunk, ImportScope, Result, Taken
from gateway.imports.columns import Columns
from gateway.imports.csv_reader import FileReader, device_codes
from gateway.imports.import_file import open_table, rejected_file
from gateway.imports.mapping import load_map
from gateway.imports.rejects import Rejects
from gateway.imports.target import ImportRefused, ImportTarget
from gateway.imports.upload import send
from gateway.ports import LastIds, RegistryContents
from gateway.registry import DeclaredInventory, difference

__all__ = ["DryRunTarget", "Prepared", "prepare", "send"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """File that was read completely. Wrong rows are in `rejects`, and in the file beside it."""

    columns: Columns
    rejects: Rejects
    rejected_file: Path


async def prepare(file: Path, map_file: Path, target: ImportTarget, lang: Lang, now: int) -> Prepared:
    """Read and check everything; nothing is sent except the look-up. `now` µs.

    Raises ConfigError for a map or a file that cannot be used at all, GatewayError of the target.
    """
    mapping = load_map(map_file)
    table = open_table(file, mapping)
    codes = await asyncio.to_thread(device_codes, table, mapping, Rejects(None))  # a large file takes long
    found = await target.lookup(codes)
    reader = FileReader(table, mapping, found, str(map_file), now)
    beside = rejected_file(file)
    rejects = Rejects(
        beside, table.encoding, table.delimiter, lang, header=table.header, skip=table.skip, named=table.named
    )
    try:
        columns = await asyncio.to_thread(reader.read, rejects)
    finally:
        rejects.close()
    return Prepared(columns, rejects, beside)


class DryRunTarget:
    """Target of a dry run without a gateway: look-ups are answered from the lists of the configuration."""

    def __init__(self, wanted: DeclaredInventory, oldest: int = 0) -> None:
        self._wanted, self._oldest = wanted, oldest

    async def lookup(self, codes: Sequence[str]) -> ImportScope:
        """Implements ImportTarget."""
        rows = difference(RegistryContents((), (), (), ()), self._wanted, 0, LastIds()).rows
        return found_in(rows.devices, rows.points, self._wanted.profiles, codes, self._oldest)

    async def begin(self, wanted: Begin) -> Begun:
        """Raises ImportRefused."""
        raise ImportRefused(f"{wanted.file}: a dry run sends nothing")

    async def rows(self, number: str, chunk: Chunk) -> Taken:
        """Raises ImportRefused."""
        raise ImportRefused(f"{number}, chunk {chunk.number}: a dry run sends nothing")

    async def end(self, number: str, chunks: int) -> Result | None:
        """Raises ImportRefused."""
        raise ImportRefused(f"{number}, {chunks} chunks: a dry run sends nothing")
