"""Files that rules look things up in: tables of vendor codes, and areas on the map. All problems of a file at once.

config/codes/charger_faults.yaml
    source: fault list of the vendor, edition 3
    entries:
      none: {name: ok}                                   # no level: no fault
      E07: {name: overtemp, level: major, skill: power_electronics, advice: {en: Check the fan, zh: 检查风扇}}
      "*": {name: other, level: minor}                   # every other code
    titles: {overtemp: {en: Over temperature, zh: 过温}}  # what people call the names

config/fences.yaml
    depot: {polygon: [[22.53, 113.91], [22.53, 113.95], [22.56, 113.93]]}    # lat, lon
    yard: {centre: [22.5, 113.9], radius: 500 m}
"""

from collections.abc import Sequence
from math import isfinite

from gateway.domain.alarm import Level
from gateway.domain.code_table import CodeEntry, CodeTable
from gateway.domain.errors import Problem
from gateway.domain.fence import Fence
from gateway.domain.units import parse_unit
from rules.expr.attribute_test import measured
from rules.format.mapping_reader import MappingReader, both
from rules.format.rule_compiler import LEVELS
from rules.format.yaml_tree import Items, Notes, Scalar, Tree, YamlMapping, join, read, show

NO_LEVEL = "none"
_ENTRY = ("name", "level", "skill", "advice")
_FENCE = ("polygon", "centre", "radius")
_POLYGON = "polygon: [[22.53, 113.91], [22.53, 113.95], [22.56, 113.93]]"
_CORNERS = 3


def code_table(text: str, file: str, name: str) -> tuple[CodeTable | None, tuple[Problem, ...]]:
    """The table of one file; None when it has problems."""
    notes = Notes(file)
    top = _top(text, notes, ("source", "entries", "titles"))
    if top is None:
        return None, tuple(notes.problems)
    top.require("entries", "entries: {E07: {name: overtemp, level: major}}")
    table = top.table_of("entries", "entries: {E07: {name: overtemp, level: major}}")
    entries: dict[str, CodeEntry] = {}
    for code, tree in table.entries.items() if table else ():
        path, line = join("entries", code), table.lines.get(code, 0) if table else 0
        if isinstance(tree, YamlMapping):
            entries[code] = _entry(MappingReader(tree, path, notes, _ENTRY))
        else:
            notes.add(line, path, "rules.value.mapping", value=show(tree), write="{name: overtemp, level: major}")
    if table is not None and not table.entries:
        top.wrong("entries", "rules.codes.empty", write="entries: {E07: {name: overtemp, level: major}}")
    found = CodeTable(name, entries, top.text("source"), _titles(top, {one.name for one in entries.values()}))
    return (None if notes.problems else found), tuple(notes.problems)


def _titles(top: MappingReader, names: set[str]) -> dict[str, dict[str, str]]:
    """What people call the names of the entries."""
    table = top.table_of("titles", "titles: {overtemp: {en: Over temperature, zh: 过温}}")
    inside = None if table is None else MappingReader(table, "titles", top.notes, sorted(names))
    if table is None or inside is None:
        return {}
    return {
        name: dict(both(inside, name, "", 80, f"{name}: {{en: Over temperature, zh: 过温}}")) for name in table.entries
    }


def _entry(fields: MappingReader) -> CodeEntry:
    fields.require("name", "name: overtemp")
    level = fields.choice("level", (*LEVELS, NO_LEVEL), NO_LEVEL)
    advice = fields.table_of("advice", "advice: {en: Check the fan, zh: 检查风扇}")
    said: dict[str, str] = {}
    if advice is not None:
        inside = MappingReader(advice, fields.at("advice"), fields.notes, ("en", "zh"))
        said = {lang: text for lang in ("en", "zh") if (text := inside.text(lang, most=500))}
    return CodeEntry(
        fields.word("name"), None if level == NO_LEVEL else Level[level.upper()], fields.word("skill"), said
    )


def fence_file(text: str, file: str) -> tuple[dict[str, Fence], tuple[Problem, ...]]:
    """The fences of one file by name, those without a problem."""
    notes = Notes(file)
    top = _top(text, notes, None)
    out: dict[str, Fence] = {}
    for name, tree in top.table.entries.items() if top else ():
        line = top.line(name) if top else 0
        if not isinstance(tree, YamlMapping):
            notes.add(line, name, "rules.value.mapping", value=show(tree), write=f"{{{_POLYGON}}}")
            continue
        before = len(notes.problems)
        fence = _fence(name, MappingReader(tree, name, notes, _FENCE))
        if len(notes.problems) == before:
            out[name] = fence
    return out, tuple(notes.problems)


def _fence(name: str, fields: MappingReader) -> Fence:
    round_, corners = fields.has("centre") or fields.has("radius"), fields.has("polygon")
    if round_ == corners:
        fields.notes.add(fields.line(), fields.path, "rules.fence.shape", write=_POLYGON)
        return Fence(name)
    if round_:
        fields.require("centre", "centre: [22.5, 113.9]")
        fields.require("radius", "radius: 500 m")
        return Fence(name, centre=_place(fields, "centre", fields.get("centre")), radius=_metres(fields))
    tree = fields.get("polygon")
    items: Sequence[Tree] = tree.items if isinstance(tree, Items) else ()
    if len(items) < _CORNERS:
        fields.wrong("polygon", "rules.fence.corners", value=show(tree) if tree else "-", write=_POLYGON)
    return Fence(name, tuple(_place(fields, "polygon", item) for item in items))


def _place(fields: MappingReader, key: str, tree: Tree | None) -> tuple[float, float]:
    """(lat, lon) in degrees."""
    if tree is None:
        return 0.0, 0.0
    pair = [item.value for item in tree.items if isinstance(item, Scalar)] if isinstance(tree, Items) else []
    found = [float(one) for one in pair if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(found) != 2 or len(pair) != 2 or not (abs(found[0]) <= 90 and abs(found[1]) <= 180):
        shown = ", ".join(map(str, pair)) or show(tree)
        fields.notes.add(tree.line or fields.line(key), fields.at(key), "rules.fence.place", value=shown)
        return 0.0, 0.0
    return found[0], found[1]


def _metres(fields: MappingReader) -> float:
    tree = fields.get("radius")
    if tree is None:
        return 0.0
    raw = tree.value if isinstance(tree, Scalar) else None
    metre = parse_unit("m")
    written = measured(raw) if isinstance(raw, str) else None
    value = 0.0
    if written and written[1].dimension == metre.dimension:
        value = written[0] / metre.factor
    if not isfinite(value) or value <= 0:
        fields.wrong("radius", "rules.fence.radius", value=show(tree), write="radius: 500 m")
    return value


def _top(text: str, notes: Notes, known: Sequence[str] | None) -> MappingReader | None:
    """The mapping of a file. `known` None: its keys are names."""
    tree = read(text, notes)
    if tree is None or isinstance(tree, YamlMapping):
        return None if tree is None else MappingReader(tree, "", notes, tuple(tree.entries) if known is None else known)
    notes.add(tree.line, "", "rules.value.mapping", value=show(tree), write="name: {..}")
    return None
