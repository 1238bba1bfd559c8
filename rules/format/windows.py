"""The windows of `let`: `over: 10m`, `per: day`, `per: "month(from: 26)"`, `per: night(01:00-05:00)`."""

import re

from gateway.domain.duration import SECOND
from rules.compiled import Calendar, Over, Period, Window
from rules.expr.token import full_width
from rules.format.fields import Fields
from rules.format.tree import show

_PER = re.compile(r"(hour|day|week|month)(?:\(\s*from:\s*([0-9]{1,2})\s*\))?")
_NIGHT = re.compile(r"night\(\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*\)")
_DAY = 24 * 60  # minutes


def window(fields: Fields) -> Window | None:
    """`over` or `per`, one of them; None after its problem was noted."""
    if fields.has("over") and fields.has("per"):
        fields.wrong("per", "rules.let.window_twice")
        return None
    if fields.has("over"):
        return length(fields)
    if not fields.has("per"):
        fields.notes.add(fields.line(), fields.path, "rules.let.window")
        return None
    return _calendar(fields)


def length(fields: Fields) -> Over | None:
    """`over`."""
    fields.require("over", "over: 10m")
    found = fields.duration("over", 0, least=SECOND)
    return Over(found) if found else None


def _calendar(fields: Fields) -> Calendar | None:
    text = show(fields.table.entries["per"])
    if found := full_width(text):
        fields.wrong("per", "rules.yaml.full_width", character=found[0], write=found[1])
        return None
    if match := _NIGHT.fullmatch(text):
        (begin, end) = (60 * int(match[i]) + int(match[i + 1]) for i in (1, 3))
        minutes = int(match[2]) < 60 and int(match[4]) < 60
        if minutes and begin < _DAY and end <= _DAY and begin != end % _DAY:
            return Calendar(Period.NIGHT, begin=begin, end=end % _DAY)
    elif (match := _PER.fullmatch(text)) and (not match[2] or (match[1] == "month" and 1 <= int(match[2]) <= 31)):
        return Calendar(Period(match[1]), int(match[2] or 1))
    fields.wrong("per", "rules.let.per", value=text)
    return None
