"""Lookup files of rules: tables of vendor codes, and areas on the map. All problems of a file at once.

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
from rules.format.mapping_reader import MappingReader, bilingual, texts_by_language
from rules.format.rule_compiler import LEVELS
from rules.format.yaml_tree import Items, Notes, Tree, YamlMapping, number_of, read, show, text_of

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
    top.require("entries: {E07: {name: overtemp, level: major}}")
    inside = top.inside("entries", None, "entries: {E07: {name: overtemp, level: major}}")
    tables = inside.named_tables(_ENTRY, "{name: overtemp, level: major}") if inside else ()
    entries = {code: _entry(fields) for code, fields in tables}
    if inside and not inside.table.entries:
        top.wrong("entries", "rules.codes.empty", write="entries: {E07: {name: overtemp, level: major}}")
    found = CodeTable(name, entries, top.text("source"), _titles(top, {one.name for one in entries.values()}))
    return (None if notes.problems else found), tuple(notes.problems)


def _titles(top: MappingReader, names: set[str]) -> dict[str, dict[str, str]]:
    """Titles of the names of the entries, by language."""
    inside = top.inside("titles", sorted(names), "titles: {overtemp: {en: Over temperature, zh: 过温}}")
    if inside is None:
        return {}
    return {
        name: dict(bilingual(inside, name, "", 80, f"{name}: {{en: Over temperature, zh: 过温}}"))
        for name in inside.table.entries
    }


def _entry(fields: MappingReader) -> CodeEntry:
    fields.require("name: overtemp")
    level = fields.choice("level", (*LEVELS, NO_LEVEL), NO_LEVEL)
    advice = dict(texts_by_language(fields, "advice", 500, "advice: {en: Check the fan, zh: 检查风扇}"))
    return CodeEntry(
        fields.word("name"), None if level == NO_LEVEL else Level[level.upper()], fields.word("skill"), advice
    )


def fence_file(text: str, file: str) -> tuple[dict[str, Fence], tuple[Problem, ...]]:
    """The fences of one file by name, those without a problem."""
    notes = Notes(file)
    top = _top(text, notes, None)
    out: dict[str, Fence] = {}
    for name in top.table.entries if top else ():
        before = len(notes.problems)
        fields = top.inside(name, _FENCE, f"{{{_POLYGON}}}") if top else None
        fence = _fence(name, fields) if fields else None
        if fence and len(notes.problems) == before:
            out[name] = fence
    return out, tuple(notes.problems)


def _fence(name: str, fields: MappingReader) -> Fence:
    round_, corners = fields.has("centre") or fields.has("radius"), fields.has("polygon")
    if round_ == corners:
        fields.wrong_mapping("rules.fence.shape", write=_POLYGON)
        return Fence(name)
    if round_:
        fields.require("centre: [22.5, 113.9]", "radius: 500 m")
        return Fence(name, centre=_place(fields, "centre", fields.get("centre")), radius=_metres(fields))
    tree = fields.get("polygon")
    items: Sequence[Tree] = tree.items if isinstance(tree, Items) else ()
    if len(items) < _CORNERS:
        fields.wrong("polygon", "rules.fence.corners", value=fields.shown("polygon") or "-", write=_POLYGON)
    return Fence(name, tuple(_place(fields, "polygon", item) for item in items))


def _place(fields: MappingReader, key: str, tree: Tree | None) -> tuple[float, float]:
    """(lat, lon) in degrees."""
    if tree is None:
        return 0.0, 0.0
    pair = [number_of(item) for item in tree.items] if isinstance(tree, Items) else []
    match pair:
        case [int() | float() as lat, int() | float() as lon] if abs(lat) <= 90 and abs(lon) <= 180:
            return float(lat), float(lon)
    shown = ", ".join(show(item) for item in tree.items) if isinstance(tree, Items) else show(tree)
    fields.notes.add(tree.line or fields.line(key), fields.at(key), "rules.fence.place", value=shown)
    return 0.0, 0.0


def _metres(fields: MappingReader) -> float:
    written, metre = measured(text_of(fields.get("radius"))), parse_unit("m")
    value = written[0] / metre.factor if written and written[1].dimension == metre.dimension else 0.0
    if fields.has("radius") and not (isfinite(value) and value > 0):
        fields.wrong("radius", "rules.fence.radius", write="radius: 500 m")
    return value


def _top(text: str, notes: Notes, known: Sequence[str] | None) -> MappingReader | None:
    """The mapping of a file. `known` None: its keys are names."""
    tree = read(text, notes)
    if tree is None or isinstance(tree, YamlMapping):
        return None if tree is None else MappingReader(tree, "", notes, known)
    notes.add(tree.line, "", "rules.value.mapping", value=show(tree), write="name: {..}")
    return None
