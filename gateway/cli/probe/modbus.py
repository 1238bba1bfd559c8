"""`fieldgate probe modbus`"""

import asyncio
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.new_files import check_project, fail, name_from, write_project, zone
from gateway.cli.options import report_language
from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceError
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.probe.scan import ScannedBlock
    from gateway.probe.sunspec import SunSpecDevice
    from gateway.probe_ports import Interpretation, RegisterProbe

PORT = 502
TABLES = ("holding", "input", "coil", "discrete")
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


@click.command("modbus")
@click.argument("where", metavar="HOST[:PORT]|/dev/TTY")
@click.option("--unit", "units", default="1", show_default=True, help="Unit id; a range for --scan.", metavar="N[-N]")
@click.option("--table", type=click.Choice(TABLES), default="holding", show_default=True, help="Table of the block.")
@click.option("--at", type=click.IntRange(0, 65_535), help="First address, from 0, of a block to read.")
@click.option("--count", type=click.IntRange(1, 125), default=10, show_default=True, help="Registers of the block.")
@click.option("--expect", type=float, help="A value the device shows now: what agrees with it is marked.")
@click.option("--scan", help="Read this range of addresses block by block.", metavar="FROM-TO")
@click.option(
    "--register",
    "registers",
    multiple=True,
    help="A register for --write, such as `temp:15:i16:0.1:degC`.",
    metavar="NAME:AT[:TYPE[/ORDER][:SCALE[:UNIT]]]",
)
@click.option(
    "--pause", type=click.IntRange(0, 10_000), default=50, show_default=True, help="Milliseconds between two requests."
)
@click.option(
    "--timeout", type=click.IntRange(10, 60_000), default=1000, show_default=True, help="Milliseconds for an answer."
)
@click.option(
    "--link",
    type=click.Choice(["tcp", "tls", "rtu_tcp"]),
    default="tcp",
    help="What is spoken to HOST: `tcp`, `tls` (Modbus over TLS) or `rtu_tcp` (RTU behind a serial server).",
    metavar="KIND",
)
@click.option("--baud", type=click.IntRange(110, 10_000_000), help="Speed of a serial line.")
@click.option("--parity", type=click.Choice(["none", "even", "odd"]), help="Parity of a serial port.")
@click.option(
    "--device",
    default="DEV-1",
    show_default=True,
    help="Code of the device in the list that is written.",
    metavar="CODE",
)
@click.option("--timezone", help="[default: that of this machine]")
@click.option("--write", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write the files here.")
@report_language
def modbus(where: str, folder: Path | None, lang: Lang, **given: Any) -> None:
    """Look at a Modbus device: its identification and SunSpec models, or a block of registers in every
    interpretation side by side.

    With --at it reads one block, once, and marks what is plausible (*); with --expect what agrees with a known value,
    scales included. With --scan it reads a range, one small request after another, and stops at a unit that refuses or
    is silent. Nothing is ever written to a device.

    Exit status 0 something was read, 1 nothing was, 2 not possible.

    \b
    Example: fieldgate probe modbus 10.0.3.7 --unit 17 --at 100 --count 20 --expect 230.1
             fieldgate probe modbus 10.0.3.7:502 --write my-inverter
             fieldgate probe modbus 10.0.3.7 --unit 1-5 --scan 0-200
    """
    look = _Look(_link(where, given), _span(given["units"], 255, lang), lang, given)
    try:
        found = asyncio.run(look.run())
    except SourceError as error:
        fail(localize("probe.away", lang, where=where, why=reason(error)))
    click.echo("\n".join(found.lines))
    if not found.read:
        click.echo(localize("probe.silent", lang), err=True)
        sys.exit(1)
    if folder is not None:
        files = look.files(found, name_from(folder.resolve().name))
        if not files:
            click.echo(localize("probe.no_block", lang), err=True)
            sys.exit(1)
        write_project(folder, files, lang)
        check_project(folder / "gateway.yaml", lang)


def _link(where: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Keys of a link, as in the configuration."""
    if where.startswith("/"):
        keys = {"rtu": where} | ({"parity": given["parity"]} if given["parity"] is not None else {})
    else:
        has_port = where.rpartition(":")[2].isdecimal() and ":" in where
        keys = {given["link"]: where if has_port else f"{where}:{PORT}"}
    keys |= {"baud": given["baud"]} if given["baud"] is not None else {}
    return keys | {"timeout": f"{given['timeout']}ms", "pause": f"{given['pause']}ms"}


def _span(text: str, most: int, lang: Lang) -> range:
    match = _RANGE.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not first <= last <= most:
        fail(localize("probe.range", lang, value=text, most=most))
    return range(first, last + 1)


@dataclass(slots=True)
class _Found:
    """The page, and what can be written: a SunSpec device, or what a block can mean. `read`: a unit answered."""

    lines: list[str]
    read: bool = False
    sunspec: "SunSpecDevice | None" = None
    block: "Sequence[Interpretation]" = ()


class _Look:
    """One look at a device."""

    def __init__(self, link: Mapping[str, str], units: range, lang: Lang, given: Mapping[str, Any]) -> None:
        self._link, self._units, self._lang, self._given = link, units, lang, given
        self._span = _span(given["scan"], 65_535, lang) if given["scan"] is not None else range(0)
        self._registers = [_register(text, lang) for text in given["registers"]]

    async def run(self) -> _Found:
        """Read what the options name."""
        from pydantic import ValidationError

        from gateway.adapters import SOURCES

        opened = SOURCES["modbus"].open_probe
        assert opened is not None
        try:
            probe = opened(self._link)
        except ValidationError:
            fail(localize("probe.where", self._lang, value=next(iter(self._link.values()))))
        try:
            if self._given["scan"] is not None:
                return await self._scan(probe)
            if self._given["at"] is not None:
                return await self._block(probe)
            return await self._device(probe)
        finally:
            await probe.close()

    async def _scan(self, probe: "RegisterProbe") -> _Found:
        from gateway.probe.scan import scan

        found = _Found([])
        async for block in scan(probe, self._units, self._given["table"], self._span):
            found.lines.append(_scanned(block, self._lang))
            found.read = found.read or bool(block.words or block.refused)
        return found

    async def _block(self, probe: "RegisterProbe") -> _Found:
        from gateway.adapters import SOURCES
        from gateway.probe.page import block_page

        at, table = self._given["at"], self._given["table"]
        count = min(self._given["count"], 65_536 - at)
        answer = await probe.read(self._units[0], table, at, count)
        if answer.error:
            return _Found([localize("probe.no_answer", self._lang, reason=answer.error)], bool(answer.refused))
        interpret = SOURCES["modbus"].interpret
        assert interpret is not None
        if table in ("coil", "discrete"):
            return _Found([f"{at + n:>6}  {bit}" for n, bit in enumerate(answer.words)], read=True)
        meanings = interpret(at, answer.words, self._given["expect"])
        lines = list(block_page(at, answer.words, meanings))
        if self._given["expect"] is not None:
            lines += ["", *_agreeing(meanings, self._given["expect"], self._lang)]
        return _Found(lines, read=True, block=meanings)

    async def _device(self, probe: "RegisterProbe") -> _Found:
        """Identification, then SunSpec."""
        from gateway.probe.sunspec import find_device, points_of

        unit, found = self._units[0], _Found([])
        answered = False

        async def read(address: int, count: int) -> Sequence[int] | None:
            nonlocal answered
            answer = await probe.read(unit, "holding", address, count)
            answered = answered or bool(answer.words or answer.refused)
            return answer.words or None

        device = await find_device(read)
        about = await probe.identify(unit) if answered else {}
        shown = localize("probe.join", self._lang).join(
            f"{localize(f'probe.object.{key}', self._lang)} {text}" for key, text in about.items()
        )
        found.lines.append(localize("probe.identity" if about else "probe.no_identity", self._lang, shown=shown))
        found.read, found.sunspec = answered, device
        if device is None:
            found.lines.append(localize("probe.no_sunspec", self._lang))
            return found
        found.lines.append(
            localize("probe.sunspec", self._lang, at=device.base, maker=device.text("Mn"), model=device.text("Md"))
        )
        for model in device.models:
            label = model.table["label"] if model.table is not None else "-"
            found.lines.append(f"  {model.at:>6}  {model.id:>5}  {label}")
        found.lines.append(localize("probe.implemented", self._lang, count=len(points_of(device))))
        if device.cut:
            found.lines.append(localize("probe.cut", self._lang))
        return found

    def files(self, found: _Found, name: str) -> Mapping[str, str]:
        """Files of a project for what was found, empty when there is nothing to write."""
        from gateway.probe.project_files import ProjectAnswers
        from gateway.probe.register_files import RegisterDevice, best_points, block_files, sunspec_files

        answers = ProjectAnswers(name, self._given["timezone"] or zone(), self._lang)
        link = {key: json.dumps(value) for key, value in self._link.items()}
        device = RegisterDevice(self._given["device"], self._units[0], link)
        if found.sunspec is not None:
            return sunspec_files(answers, device, found.sunspec)
        points = self._registers or best_points(found.block)
        return block_files(answers, device, self._given["table"], points) if points else {}


def _register(text: str, lang: Lang) -> Any:
    from gateway.probe.register_files import RegisterPoint
    from gateway.starter import register

    try:
        one = register(text)
    except ValueError as error:
        fail(localize("init.register", lang, written=text, part=error))
    return RegisterPoint(one.name, one.at, one.type, one.order, one.scale, one.unit)


def _scanned(block: "ScannedBlock", lang: Lang) -> str:
    place = localize("probe.place", lang, unit=block.unit, first=block.address, last=block.address + block.count - 1)
    if block.words:
        return f"{place}  " + " ".join(f"{word:04X}" for word in block.words)
    return f"{place}  {localize('probe.stops', lang, reason=block.error)}"


def _agreeing(found: "Sequence[Interpretation]", expect: float, lang: Lang) -> list[str]:
    from gateway.probe.page import meaning
    from gateway.probe.register_files import agreement

    best = sorted((one for one in found if one.scale), key=agreement)
    if not best:
        return [localize("probe.none_agrees", lang, value=f"{expect:g}")]
    return [localize("probe.agrees", lang, value=f"{expect:g}"), *(f"  {line}" for line in _lines(best, meaning))]


def _lines(found: "Sequence[Interpretation]", meaning: Any) -> Iterator[str]:
    for one in found:
        yield f"{one.address:>6}  {meaning(one)}" + (f"  scale: {one.scale:g}" if one.scale != 1 else "")
