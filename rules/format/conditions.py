"""The condition of a rule: `when`, `levels`, `members` or one of the stateful forms (RULES section 5)."""

from collections.abc import Mapping, Sequence

from gateway.domain.alarm import Level
from rules.compiled import Condition
from rules.format.build import Build
from rules.format.deadlines import due, every, silence
from rules.format.fields import Fields
from rules.format.levels import TIMING, levels, plain
from rules.format.runs import streak, votes
from rules.format.sequence import sequence
from rules.format.tree import YamlMapping, show

FORMS = ("when", "levels", "members", "silent", "streak", "votes", "due", "every", "sequence")
_NESTED = ("silent", "streak", "votes", "due", "every", "sequence")
_JOINED = ("all", "any", "members")
_ENDS = ("clear",)
_ALLOWED: Mapping[str, Sequence[str]] = {
    "when": TIMING, "members": TIMING, "streak": _ENDS, "votes": _ENDS, "due": _ENDS, "every": _ENDS,
    "sequence": _ENDS,
}  # fmt: skip
_WHEN = '"gun_temp >= 85 degC"'
GROUPED = ("when", "levels", "members", "streak", "votes", "sequence")
"""The forms a group can have: the others are about one device's own word, date or counter."""


def form_of(rule: Fields) -> tuple[str, Fields] | None:
    """The only form of a rule and the mapping it stands in; None after its problems were noted."""
    written = [form for form in FORMS if rule.has(form)]
    if not written:
        rule.notes.add(rule.line(), rule.path, "rules.condition.none", write=f"when: {_WHEN}")
        return None
    if len(written) > 1:
        rule.wrong(written[1], "rules.condition.several", first=written[0], second=written[1])
        return None
    form, when = written[0], rule.get("when")
    if not isinstance(when, YamlMapping) or set(_JOINED) & set(when.entries):
        return form, rule
    inside = Fields(when, rule.at("when"), rule.notes, (*_NESTED, *_JOINED))
    nested = [name for name in _NESTED if inside.has(name)]
    if len(nested) != 1 or len(when.entries) != 1:
        rule.wrong("when", "rules.value.condition", value=show(when))
        return None
    return nested[0], inside


def condition(rule: Fields, form: str, holder: Fields, build: Build, level: Level) -> Condition | None:
    """The condition; None after its problems were noted. `holder` is the mapping in which the key `form` stands."""
    for key in TIMING:
        if rule.has(key) and key not in _ALLOWED.get(form, ()):
            beside = "rules.condition.beside_levels" if form == "levels" else "rules.condition.misplaced"
            rule.wrong(key, beside, name=key, form=form)
    if rule.has("again") and form != "sequence":
        rule.wrong("again", "rules.condition.misplaced", name="again", form=form)
    match form:
        case "when" | "members":
            return plain(rule, form, build, level)
        case "levels":
            return levels(rule, build)
        case "silent":
            return silence(holder, build, level)
        case "streak":
            return streak(rule, holder, build, level)
        case "votes":
            return votes(rule, holder, build, level)
        case "due":
            return due(rule, holder, build)
        case "every":
            return every(rule, holder, build, level)
        case _:
            return sequence(rule, holder, build, level)
