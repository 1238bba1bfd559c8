"""The state of rules as values and back: for snapshots of the engine, and for the results of warm-ups."""

from collections.abc import Iterable

from msgspec import Struct

from rules.engine.conditions.text_slots import TextsState
from rules.engine.conditions.threshold_state import HoldsState
from rules.engine.groups.group_state import GroupsState
from rules.engine.installed_rules import InstalledRules
from rules.engine.state.snapshot_codec import ArrayImage, array, table


class RuleStateImage(Struct, frozen=True):
    """The state of one rule on one kind: arrays, what is none (`extra`), and what ticks and facts `decided`."""

    rule: str
    kind: str
    tables: dict[str, ArrayImage]
    extra: HoldsState | TextsState | GroupsState | None = None
    decided: dict[int, int] = {}


def states_of(installed: InstalledRules, rules: Iterable[str]) -> list[RuleStateImage]:
    """The state of these rules."""
    return [
        RuleStateImage(
            rule,
            one.space.kind,
            {name: table(column) for name, column in one.state().items()},
            one.extra(),
            dict(one.decided.until),
        )
        for rule in rules
        for one in installed.evaluators[rule]
    ]


def load_states(installed: InstalledRules, states: Iterable[RuleStateImage], now: int) -> None:
    """The inverse of `states_of`, of rules without state, at engine time `now` µs."""
    for held in states:
        for one in installed.evaluators[held.rule]:
            if one.space.kind == held.kind:
                one.refresh(range(len(one.space)), now, "")
                one.load({name: array(column) for name, column in held.tables.items()}, held.extra)
                one.decided.until.update(held.decided)
