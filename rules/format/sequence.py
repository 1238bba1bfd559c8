"""`sequence`: first one thing, then another within a time, or not."""

from gateway.domain.alarm import Level
from gateway.domain.duration import SECOND
from rules.compiled import Sequence
from rules.format.build import Build
from rules.format.fields import Fields
from rules.format.tree import Items, YamlMapping, join, show

_SECOND = "{not_see: \"status == 'charging'\", within: 5m}"
_EXAMPLE = f"sequence: [{{see: \"status == 'plugged'\"}}, {_SECOND}]"
_KEYS = (("see", "as"), ("see", "not_see", "within", "unless"))


def sequence(rule: Fields, holder: Fields, build: Build, level: Level) -> Sequence | None:
    """Two steps; more of them would need state that nobody can bound."""
    steps = _tables(holder)
    restart = rule.choice("again", ("keep_first", "restart"), "keep_first") == "restart"
    clear = build.condition_at(rule, "clear")
    if steps is None:
        return None
    first, second = steps
    first.require("see", "see: \"status == 'plugged'\"")
    second.require("within", "within: 5m")
    keys = [key for key in ("see", "not_see") if second.has(key)]
    if len(keys) != 1:
        second.notes.add(second.line(), second.path, "rules.sequence.second", write=_SECOND)
    within = second.duration("within", 0, least=SECOND)
    see, unless = build.condition_at(first, "see"), build.condition_at(second, "unless")
    then = build.condition_at(second, keys[0]) if keys else None
    if see is None or then is None or not within or (second.has("unless") and unless is None):
        return None
    if rule.has("clear") and clear is None:
        return None
    return Sequence(
        see.expression, then.expression, keys[0] == "not_see", within, level, unless.expression if unless else None,
        restart, first.word("as"), clear.expression if clear else None,
    )  # fmt: skip


def _tables(holder: Fields) -> tuple[Fields, Fields] | None:
    """Both steps."""
    tree, place, line = holder.get("sequence"), holder.at("sequence"), holder.line("sequence")
    if not isinstance(tree, Items):
        holder.wrong("sequence", "rules.value.list", value=show(tree) if tree else "-", write=_EXAMPLE)
        return None
    if len(tree.items) != 2:
        holder.notes.add(line, place, "rules.sequence.two", count=len(tree.items), write=_EXAMPLE)
        return None
    steps: list[Fields] = []
    for index, (item, known) in enumerate(zip(tree.items, _KEYS, strict=True)):
        path = join(place, index)
        if isinstance(item, YamlMapping):
            steps.append(Fields(item, path, holder.notes, known))
        else:
            holder.notes.add(item.line or line, path, "rules.value.mapping", value=show(item), write=_SECOND)
    return (steps[0], steps[1]) if len(steps) == 2 else None
