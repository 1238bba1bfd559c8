"""Calendar spans: `30 days`, `6 months`, `1 year`. Their length depends on the date they are counted from."""

import re

from rules.compiled import CalendarSpan
from rules.format.mapping_reader import MappingReader
from rules.format.yaml_tree import Tree, show, text_of

_WRITTEN = re.compile(r"([1-9][0-9]{0,3})\s*(day|week|month|year)s?", re.ASCII)
_SIZE = {
    "day": CalendarSpan(0, 1),
    "week": CalendarSpan(0, 7),
    "month": CalendarSpan(1, 0),
    "year": CalendarSpan(12, 0),
}
_MOST = 20  # years: longer ones are slips of the pen
_MEANT = re.compile(
    r"([0-9]+|[半一二两三四五六七八九十]+)?\s*个?\s*(d|day|w|week|m|mon|month|q|quarter|y|yr|year|天|日|周|星期|月|季|年)"
)
_UNITS = {
    "d": "days", "w": "weeks", "m": "months", "y": "years",
    "天": "days", "日": "days", "周": "weeks", "星": "weeks", "月": "months", "年": "years",
}  # fmt: skip
_FIGURES = {figure: k for k, figure in enumerate("一二三四五六七八九十", 1)} | {"两": 2}


def span(fields: MappingReader, key: str, example: str) -> CalendarSpan | None:
    """The span below `key`; None when it is not written, or after a problem was noted."""
    tree = fields.get(key)
    if tree is None:
        return None
    match = _WRITTEN.fullmatch(text_of(tree))
    if match is None:
        fields.wrong(key, "rules.value.span", write=f"{key}: {_guess(tree) or example}")
        return None
    count, size = int(match[1]), _SIZE[match[2]]
    found = CalendarSpan(count * size.months, count * size.days)
    if found.months > 12 * _MOST or found.days > 366 * _MOST:
        fields.wrong(key, "rules.value.range", span=f"1 day … {_MOST} years")
        return None
    return found


def _guess(tree: Tree) -> str:
    """Suggested correction of `6m`, `180d`, `半年`, `三个月`."""
    raw = show(tree).strip().lower()
    match = _MEANT.match(raw)
    if match is None:
        return ""
    figure, unit = match[1] or "1", match[2]
    if figure == "半":
        return "6 months" if unit == "年" else ""
    if not figure.isascii() and len(figure) > 1:
        return ""
    count = int(figure) if figure.isascii() else _FIGURES[figure]
    if unit[0] in {"q", "季"}:
        count, unit = 3 * count, "months"
    word = _UNITS[unit[0]]
    return f"{count} {word if count > 1 else word[:-1]}" if count else ""
