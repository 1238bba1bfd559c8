"""Registers of a Modbus device -> files of a project. Pure: values in, texts out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.device import PointKind
from gateway.domain.text import localize
from gateway.probe.key_words import valid_name
from gateway.probe.project_files import ProjectAnswers
from gateway.probe.sunspec import READ, SunSpecDevice, SunSpecPoint, kind_of, points_of
from gateway.probe_ports import Interpretation
from gateway.starter.yaml_and_csv_text import cell, quoted

LINK = "bus"
_FLOATS = ("f32", "f64")


@dataclass(frozen=True, slots=True)
class RegisterDevice:
    """Where it answers. `code` is that of the device in the list, `link` the keys of the link as written."""

    code: str
    unit: int
    link: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RegisterPoint:
    """A point and its register. `scale` as written; `guess`: nobody confirmed it."""

    name: str
    at: int
    type: str
    order: str = ""
    scale: str = "1"
    unit: str = ""
    length: int = 0
    guess: bool = False


def best_points(found: Iterable[Interpretation]) -> list[RegisterPoint]:
    """Points for a block without a document: what agrees with the expected value, then texts and floats, then single
    registers; no register is in two of them."""
    order = {"ascii": 1, "f32": 2}
    chosen: dict[int, Interpretation] = {}
    ranked = sorted(
        (one for one in found if one.scale or (one.plausible and one.type in ("ascii", "f32", "u16", "i16"))),
        key=lambda one: (not one.scale, *agreement(one), order.get(one.type, 3), one.order != "ABCD", one.address),
    )
    for one in ranked:
        places = range(one.address, one.address + one.count)
        if not any(place in chosen for place in places):
            chosen |= dict.fromkeys(places, one)
    points = []
    for one in dict.fromkeys(chosen[at] for at in sorted(chosen)):
        scale = f"{one.scale:g}" if one.scale else "1"
        length = one.count if one.type in ("ascii", "bcd") else 0
        named = f"expected_{one.address}" if one.scale else f"r{one.address}"
        points.append(RegisterPoint(named, one.address, one.type, one.order, scale, "", length, not one.scale))
    return points


def agreement(one: Interpretation) -> tuple[bool, float, int, int]:
    """Order of those that agree with a value, the best first: plausible, near, a usual scale, few registers."""
    usual = [1.0, 0.1, 0.01, 0.001]
    rarity = usual.index(one.scale) if one.scale in usual else len(usual)
    return not one.plausible, round(one.off, 4), rarity if one.scale else 0, one.count if one.scale else 0


def block_files(
    answers: ProjectAnswers, device: RegisterDevice, table: str, points: Sequence[RegisterPoint]
) -> dict[str, str]:
    """Path in the project -> text."""
    profile = valid_name(f"model_{device.code}")
    lines = [*_head(answers, profile, profile, localize("probe.note.registers", answers.lang)), "points:"]
    for point in points:
        parts = ["kind: state"] if point.type == "ascii" else [f"unit: {quoted(point.unit)}"] if point.unit else []
        note = f"   # {localize('probe.note.unit', answers.lang)}" if not parts else ""
        lines.append(f"  {quoted(point.name)}: {{{', '.join(parts)}}}{note}")
    lines += ["modbus:", f"  table: {table}", "  points:"]
    for point in points:
        parts = [f"at: {point.at}", f"type: {point.type}"]
        parts += [f"order: {point.order}"] if point.order and point.order != "ABCD" else []
        parts += [f"length: {point.length}"] if point.length else []
        parts += [f"scale: {point.scale}"] if float(point.scale) != 1 else []
        lines.append(f"    {quoted(point.name)}: {{{', '.join(parts)}}}")
    return _project(answers, device, profile, lines)


def sunspec_files(answers: ProjectAnswers, device: RegisterDevice, found: SunSpecDevice) -> dict[str, str]:
    """Path in the project -> text; the profile has every measured point that the device implements."""
    maker, model = found.text("Mn"), found.text("Md")
    profile = valid_name(f"sunspec_{maker}_{model}", "sunspec_device")[:50].rstrip("_")
    ids = ", ".join(str(one.id) for one in found.models)
    lines = [*_head(answers, profile, kind_of(found), f"SunSpec models {ids}; {tables_source()}"), ""]
    lines[-1:] = [f"vendor: {quoted(maker)}"] if maker and "${" not in maker else []
    lines += [f"model: {quoted(model)}"] if model and "${" not in model else []
    points = points_of(found)
    lines += ["points:", *(f"  {one.name}: {{{', '.join(_declared(one))}}}" for one in points)]
    lines += ["modbus:", "  table: holding", f"  max_registers: {READ}", "  points:"]
    lines += [f"    {one.name}: {{{', '.join(_placed(one))}}}" for one in points]
    return _project(answers, device, profile, lines)


def tables_source() -> str:
    """The origin of the tables, for the profile."""
    return "github.com/sunspec/models (Apache-2.0)"


def _declared(point: SunSpecPoint) -> Iterator[str]:
    if point.kind is not PointKind.GAUGE:
        yield f"kind: {point.kind.value}"
    if point.unit:
        yield f"unit: {quoted(point.unit)}"
    yield "every: 10s"
    if point.texts:
        texts = [text for _, text in point.texts]
        values = dict.fromkeys(["none", *texts] if point.flags else texts)
        yield f"values: [{', '.join(map(quoted, values))}]"
    if point.label:
        yield f"title: {quoted(point.label[:80])}"


def _placed(point: SunSpecPoint) -> Iterator[str]:
    yield f"at: {point.at}"
    yield f"type: {point.type}"
    if point.missing:
        yield f'missing: ["{point.missing}"]'
    if point.scale != 1:
        yield f"scale: {point.scale:g}"
    if point.scale_at is not None:
        yield f"scale_from: {{at: {point.scale_at}{', apart: true' if point.apart else ''}}}"
    if point.texts:
        texts = ", ".join(f"{number}: {quoted(text)}" for number, text in point.texts)
        yield f"{'flags' if point.flags else 'map'}: {{{texts}}}"


def _head(answers: ProjectAnswers, profile: str, kind: str, source: str) -> list[str]:
    return [
        f"# {localize('probe.note.register_profile', answers.lang)}",
        f"id: {quoted(profile)}",
        f"kind: {quoted(kind)}",
        f"source: {quoted(source)}",
    ]


def _project(answers: ProjectAnswers, device: RegisterDevice, profile: str, lines: Sequence[str]) -> dict[str, str]:
    keys = ", ".join(f"{key}: {value}" for key, value in device.link.items())
    main = [
        f"# {localize('probe.note.main_registers', answers.lang)}",
        f"name: {quoted(answers.name)}",
        f"timezone: {answers.timezone}",
        f"language: {answers.lang}",
        "data_dir: var",
        "registry: {devices: devices.csv}",
        "profiles: profiles",
        "rules: rules",
        "",
        "sources:",
        "  meters:",
        "    type: modbus",
        "    every: 10s",
        f"    links: {{{LINK}: {{{keys}}}}}",
        "    devices_from: registry",
    ]
    heads = ("设备编号", "名称", "型号") if answers.lang == "zh" else ("code", "name", "profile")
    rows = (
        (*heads, "modbus_link", "modbus_unit"),
        (device.code, device.code, profile, LINK, str(device.unit)),
    )
    return {
        "gateway.yaml": "\n".join(main) + "\n",
        "devices.csv": "".join(",".join(map(cell, row)) + "\n" for row in rows),
        f"profiles/{profile}.yaml": "\n".join(lines) + "\n",
        "rules/.gitkeep": "",
        ".gitignore": "var/\nsecrets/\n",
    }
