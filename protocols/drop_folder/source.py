"""Files of a folder -> parcels; a file is moved to `done/` when all of it is in the journal."""

import asyncio
import io
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import structlog

from gateway.adapter_ports import SourceServices
from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError
from gateway.domain.language_values import Phrase
from gateway.domain.metric import MetricSample
from gateway.domain.record import Parcel, Raw
from gateway.domain.text import localize
from gateway.ports import Emit
from protocols.drop_folder.blocks import FileBlock, UnreadableLines, blocks, form_of
from protocols.drop_folder.config import DropFolderConfig
from protocols.drop_folder.folder import DONE, FAILED, WHY, Stamp, delete_old, look, move, open_file, stamp_of
from protocols.drop_folder.settling import Settling
from protocols.mapping.mapper import Mapped, Mapper
from protocols.mapping.message_stats import MessageStats
from protocols.mapping.read_messages import ReadMessage, emit_mapped
from protocols.mapping.unused_log import UnusedEntry, UnusedLog

_AT_ONCE = 4
"""Blocks that are read and wait for the journal together."""
_KEPT = 1024
"""Bytes of a file that cannot be read, in its dead letter."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Piece:
    """Blocks read together; `more`: the file may go on; `failure`: why it does not."""

    blocks: list[FileBlock]
    more: bool
    failure: UnreadableLines | None = None


class DropFolderSource:
    """One folder. Reading and moving go through threads, the folder may lie on a network."""

    def __init__(self, name: str, config: DropFolderConfig, services: SourceServices) -> None:
        self.stats = MessageStats()
        self._name, self._config, self._services = name, config, services
        self._mapper = self._made()
        self._settling = Settling()
        self._unmoved: dict[str, tuple[Stamp, str]] = {}
        """Files that are in the journal and could not be moved, with the reason of their failure ("" = none): they are
        not read again, unless they change."""
        self._trouble: Phrase | None = Phrase("source.waiting")
        self._refused: set[str] = set()
        self._failed = 0
        self._deleted = 0.0

    @property
    def name(self) -> str:
        """Its key in the configuration."""
        return self._name

    def samples(self) -> Iterator[MetricSample]:
        """Values of `SOURCE_METRICS`, now."""
        return self.stats.samples()

    def unused(self) -> list[tuple[str, UnusedEntry]]:
        """What files held that nobody used since the start: (the route's filter, what was counted)."""
        return self.stats.unused.by_filter([route.filter for route in self._config.routes])

    def trouble(self) -> Phrase | None:
        """The folder or a file of it cannot be used, or files lie in `failed/`."""
        if self._trouble is None and self._failed:
            return Phrase("drop.failed", {"count": self._failed})
        return self._trouble

    def use(self, config: DropFolderConfig, services: SourceServices) -> bool:
        """From now on this configuration, on the event loop of `run`; False: `run` goes on with it."""
        self._config, self._services = config, services
        self._mapper = self._made()
        self.stats.misfits, self.stats.unused = 0, UnusedLog()  # routes are counted by their place
        return False

    def _made(self) -> Mapper:
        services = self._services
        return Mapper(self._name, self._config, services.directory, services.as_sent, services.retention)

    async def run(self, emit: Emit) -> None:
        """Look and emit until cancelled. What the journal does not take is read again in the next round."""
        try:
            while True:
                self._trouble = await self._round(emit)
                await asyncio.sleep(self._config.every / SECOND)
        finally:
            self.stats.connected = False

    async def _round(self, emit: Emit) -> Phrase | None:
        """Take every file that is whole; returns what keeps it from doing so."""
        config, now = self._config, asyncio.get_running_loop().time()
        try:
            content = await asyncio.to_thread(look, config.folder, config.files)
            if config.keep and now - self._deleted >= min(config.keep, MINUTE) / SECOND:
                self._deleted = now
                await asyncio.to_thread(delete_old, config.folder, self._services.clock.now() - config.keep)
        except OSError as error:
            self.stats.connected = False
            key = "drop.missing" if isinstance(error, FileNotFoundError) else "drop.unreadable"
            return Phrase(key, {"error": reason(error)} if key == "drop.unreadable" else {})
        if not self.stats.connected:
            self._trouble = None  # now, and not when a large file is read
        self.stats.connected, self._failed = True, content.failed
        files = content.files
        self._unmoved = {name: kept for name, kept in self._unmoved.items() if files.get(name) == kept[0]}
        trouble: Phrase | None = None
        refused, self._refused = self._refused, set[str]()
        for name in self._settling.ready(files, now, config.settle / SECOND):
            try:
                await self._take(config.folder / name, files[name], emit)
            except StoreError:
                return trouble  # the journal has said why
            except FileNotFoundError:
                continue  # taken away meanwhile
            except OSError as error:
                trouble = Phrase("drop.file_error", {"error": reason(error)})
                self._refused.add(name)
                if name not in refused:
                    log.warning("file not taken", source=self._name, file=_printable(name), error=reason(error))
        return trouble

    # ---- one file
    async def _take(self, path: Path, stamp: Stamp, emit: Emit) -> None:
        if path.name in self._unmoved:
            await self._move(path)
            return
        topic = f"{self._name}/{_printable(path.name)}"
        form = form_of(self._config.routes, topic)
        rows = 0
        with closing(await asyncio.to_thread(open_file, path)) as file:
            start = await asyncio.to_thread(file.peek, _KEPT)
            failure, label = None, "bad_payload"
            if form is None:
                failure, label = UnreadableLines.of("drop.unmatched", topic=topic), "unmatched"
            else:
                encoding = "utf-8-sig" if self._config.encoding == "utf-8" else self._config.encoding
                text = io.TextIOWrapper(file, encoding, newline=form.newline)
                made = blocks(text, form, self._config.block, self._config.max_payload)
                more = True
                while more:
                    piece = await asyncio.to_thread(_next, made)
                    await self._journal(piece.blocks, topic, emit)
                    rows += sum(len(block.rows) for block in piece.blocks)
                    more, failure = piece.more, piece.failure
        if stamp_of(await asyncio.to_thread(os.lstat, path)) != stamp:
            return  # it is still being written, or another lies there: it is read when it has settled
        if failure is None:
            self._unmoved[path.name] = stamp, ""
            await self._move(path)
            log.info("file read", source=self._name, file=_printable(path.name), rows=rows)
        else:
            raw = Raw(self._name, topic, label, start[:_KEPT], self._services.clock.now(), str(failure))
            await self._fail(raw, emit)
            lang = self._services.language
            why = localize("drop.why", lang, file=_printable(path.name), reason=failure.text(lang))
            self._unmoved[path.name] = stamp, why
            await self._move(path)
            log.warning("file failed", source=self._name, file=_printable(path.name), error=failure)

    async def _move(self, path: Path) -> None:
        why = self._unmoved[path.name][1]
        if why:
            await asyncio.to_thread(_move_with_reason, path, why)
            self._failed += 1
        else:
            await asyncio.to_thread(move, path, DONE)
        del self._unmoved[path.name]

    async def _fail(self, raw: Raw, emit: Emit) -> None:
        """The dead letter of a file."""
        self.stats.received += 1
        empty = self._mapper.map([], np.zeros(0, np.int64))
        try:
            await emit(Parcel(self._name, empty.batch, (raw,), messages=1))
        except BaseException:
            self.stats.returned += 1
            raise
        self.stats.rejected[raw.reason] += 1

    async def _journal(self, read: list[FileBlock], topic: str, emit: Emit) -> None:
        """A parcel for each block, all under way at once; returns when all are on disk."""
        found = []
        for block in read:
            found.append(self._map(block, topic))
            await asyncio.sleep(0)  # other sources go on
        tasks = [emit_mapped(self._name, self._mapper, mapped, n, self.stats, emit) for mapped, n in found]
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def _map(self, block: FileBlock, topic: str) -> tuple[Mapped, int]:
        mapped = self._mapped(block.payloads(), topic)
        if len(block.rows) == 1 or block.each or not any(raw.reason == "bad_payload" for raw in mapped.rejected):
            return mapped, len(block.payloads())
        return self._mapped(block.one_by_one(), topic), len(block.rows)

    def _mapped(self, payloads: list[bytes], topic: str) -> Mapped:
        received = np.full(len(payloads), self._services.clock.now(), np.int64)
        return self._mapper.map([ReadMessage(topic, payload) for payload in payloads], received)


def _next(made: Iterator[FileBlock]) -> _Piece:
    found: list[FileBlock] = []
    try:
        found.extend(islice(made, _AT_ONCE))  # those before an error stay in the list
    except UnreadableLines as error:
        return _Piece(found, False, error)
    return _Piece(found, len(found) == _AT_ONCE)


def _move_with_reason(path: Path, text: str) -> None:
    place = move(path, FAILED)
    place.with_name(place.name + WHY).write_text(text, "utf-8")


def _printable(name: str) -> str:
    """A name of the file system, also one that is no UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")
