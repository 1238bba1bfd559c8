"""Project for one Modbus device: its registers from a profile of the library, or named by the user."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from gateway.adapter_ports import RegisterFormats
from gateway.adapters import SOURCES
from gateway.domain.device import PointKind, PointSpec
from gateway.domain.text import Lang, localize
from gateway.domain.units import UnitError, parse_unit
from gateway.starter.sample import ProposedPoint, read_sample

LINK = "bus"


@dataclass(frozen=True, slots=True)
class NamedRegister:
    """`at` counts from 0, `unit` is that of the register after `scale`."""

    name: str
    at: int
    type: str = "u16"
    order: str = ""
    scale: str = "1"
    unit: str = ""

    @property
    def kind(self) -> PointKind:
        """Counter if the name suggests it (`energy`, `volume`), else gauge."""
        return read_sample({self.name: 1.0}).points[0].kind if self.unit else PointKind.GAUGE


@dataclass(frozen=True, slots=True)
class ModbusAnswers:
    """The device `unit` (0 to 255) at `where` (host:port), its `registers` in `table` (none = those of the profile).
    `values`: point -> value read, in its unit; the limit is set above one of them."""

    where: str
    unit: int = 1
    registers: tuple[NamedRegister, ...] = ()
    table: str = "holding"
    values: Mapping[str, float] | None = None


def register(text: str) -> NamedRegister:
    """Parse `temp:15:i16:0.1:degC`, also with spaces; `u32/CDAB` with another word order. Raises ValueError with the
    wrong part."""
    name, at, kind, scale, unit = [*re.split(r"[:\s]+", text.strip(), maxsplit=4), "", "", "", ""][:5]
    type_, _, order = (kind or "u16").partition("/")
    wrong = (
        (not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name), name), (not re.fullmatch(r"\d{1,5}", at), at),
        (type_ not in _FORMATS.types, type_), (bool(order) and order not in _FORMATS.orders, order),
        (not re.fullmatch(r"\d*\.?\d+(e-?\d+)?", scale or "1") or float(scale or "1") == 0, scale),
        (not _known(unit), unit),
    )  # fmt: skip
    for flaw, part in wrong:
        if flaw:
            raise ValueError(part)
    return NamedRegister(name, int(at), type_, order, scale or "1", unit)


_FORMATS = SOURCES["modbus"].registers or RegisterFormats((), ())


def _known(unit: str) -> bool:
    try:
        parse_unit(unit)
    except UnitError:
        return False
    return True


def specs(registers: tuple[NamedRegister, ...]) -> Iterator[tuple[PointSpec, ProposedPoint]]:
    """Points of these registers, each with an empty place."""
    for one in registers:
        yield PointSpec(one.name, one.kind, one.unit), ProposedPoint(one.name, "", one.kind, one.unit, 20.0)


def with_value(proposed: ProposedPoint, answers: ModbusAnswers) -> ProposedPoint:
    """The same point with the value read from the device."""
    values = answers.values or {}
    return replace(proposed, value=values[proposed.name]) if proposed.name in values else proposed


def source(answers: ModbusAnswers, lang: Lang) -> list[str]:
    """The source section of `gateway.yaml`."""
    return [
        f"  bus:                           # {localize('init.note.wired', lang)}",
        "    type: modbus",
        "    every: 10s",
        f'    links: {{{LINK}: {{tcp: "{answers.where}"}}}}',
        f"    devices_from: registry       # {localize('init.note.units', lang)}",
    ]


def profile(answers: ModbusAnswers, name: str, kind: str, lang: Lang) -> str:
    """`profiles/NAME.yaml`."""
    lines = [
        "# " + localize("init.note.registers", lang),
        f"id: {name}",
        f"kind: {kind}",
        f'source: "{localize("init.registers", lang)}"',
        "points:",
    ]
    for one in answers.registers:
        parts = [] if one.kind is PointKind.GAUGE else [f"kind: {one.kind.value}"]
        parts += [f"unit: {one.unit}"] if one.unit else []
        note = "" if one.unit else f"   # {localize('init.note.unit', lang)}"
        lines.append(f"  {one.name}: {{{', '.join([*parts, 'every: 10s'])}}}{note}")
    lines += ["modbus:", f"  table: {answers.table}", "  points:"]
    for one in answers.registers:
        parts = [f"at: {one.at}", f"type: {one.type}"]
        parts += [f"order: {one.order}"] if one.order else []
        parts += [f"scale: {one.scale}"] if float(one.scale) != 1 else []
        lines.append(f"    {one.name}: {{{', '.join(parts)}}}")
    return "\n".join(lines) + "\n"
