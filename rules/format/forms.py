"""The forms that a condition can be written in (RULES section 5): `when`, `levels`, `members`, `silent` and more.

The forms are in `rules/conditions`; here is what the language needs of each.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.domain.alarm import Level
from rules.compiled import Condition, Expression
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.format.yaml_tree import YamlMapping
from rules.registered import Registered

TIMING = ("clear", "hold", "clear_hold", "auto_clear")
WHEN_EXAMPLE = '"gun_temp >= 85 degC"'
_JOINED = ("all", "any", "members")

Parse = Callable[[MappingReader, MappingReader, RuleCompiler, Level], Condition | None]
"""(rule, mapping that has the key of the form, compiler, level of the order) -> condition; None after its problems were
noted."""


@dataclass(frozen=True, slots=True)
class YamlForm:
    """One way to write a condition.

    `beside`: the keys of `TIMING` allowed beside it; `own`: keys of a rule for it alone. `nested`: allowed below
    `when`. `grouped`: allowed for groups; others are for the data, date or counter of one device. `identified`:
    `identity` is allowed beside it. `missing`: missing data clears it; else it means something already.
    `levels_below`: the key of it where every level has its own condition. `level_of`: the level of its order may be an
    expression.
    """

    key: str
    parse: Parse
    beside: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    nested: bool = True
    grouped: bool = False
    identified: bool = False
    missing: bool = True
    levels_below: str = ""
    level_of: bool = False


YAML_FORMS: Registered[str, YamlForm] = Registered("language", "YAML")
"""By key, in the order in which messages name them."""


def form_of(rule: MappingReader) -> tuple[YamlForm, MappingReader] | None:
    """The only form of a rule and the mapping that has its key; None after its problems were noted."""
    written = [form for key, form in YAML_FORMS.items() if rule.has(key)]
    if not written:
        rule.wrong_mapping("rules.condition.none", write=f"when: {WHEN_EXAMPLE}")
        return None
    form, when = written[0], rule.get("when")
    if len(written) > 1:
        rule.wrong(written[1].key, "rules.condition.several", first=form.key, second=written[1].key)
        return None
    if not isinstance(when, YamlMapping) or set(_JOINED) & set(when.entries):
        return form, rule
    nested = [key for key, one in YAML_FORMS.items() if one.nested]
    inside = MappingReader(when, rule.at("when"), rule.notes, (*nested, *_JOINED))
    found = [name for name in nested if inside.has(name)]
    if len(found) != 1 or len(when.entries) != 1:
        rule.wrong("when", "rules.value.condition")
        return None
    return YAML_FORMS[found[0]], inside


def condition(
    rule: MappingReader, form: YamlForm, holder: MappingReader, compiler: RuleCompiler, level: Level
) -> Condition | None:
    """The condition; None after its problems were noted. `holder`: the mapping that has the key of the form."""
    for key in TIMING:
        if rule.has(key) and key not in form.beside:
            beside = "rules.condition.beside_levels" if form.key == "levels" else "rules.condition.misplaced"
            rule.wrong(key, beside, name=key, form=form.key)
    for other in YAML_FORMS.values():
        for key in other.own:
            if rule.has(key) and other.key != form.key:
                rule.wrong(key, "rules.condition.misplaced", name=key, form=form.key)
    return form.parse(rule, holder, compiler, level)


def clear_of(rule: MappingReader, compiler: RuleCompiler) -> tuple[Expression | None, bool]:
    """`clear` of the rule; and whether all is well: it may be left out, but not be wrong."""
    found = compiler.condition_at(rule, "clear")
    return (found.expression if found else None), found is not None or not rule.has("clear")
