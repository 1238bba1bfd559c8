"""What people did at the desk, on its way to the rules: an unlatch, work done, an order closed."""

from collections.abc import Iterator

from gateway.domain.record import Closed, CycleDone, Unlatch
from rules.engine.conditions.base import ConditionEvaluator, EngineContext
from rules.engine.installed_rules import InstalledRules


def tell(installed: InstalledRules, context: EngineContext, fact: Unlatch | Closed | CycleDone, at: int) -> bool:
    """The rule of the fact hears of it, at `at` µs; False: it is none of its business."""
    match fact:
        case CycleDone():
            if fact.rule not in installed.rules or not installed.rules[fact.rule][1].condition.plan:
                return False
            context.completions.add(at, fact)
        case Closed() if context.completions.settled(fact):
            return False
        case _:
            pass
    for runner, thing in _meant(installed, context, fact):
        match fact:
            case CycleDone():
                runner.cycle(thing, fact.reading, min(at, fact.at or at), at)
            case Closed():
                if runner.is_on(thing) and runner.rule.condition.plan:
                    context.completions.close(at, runner.rule, fact.device, fact.component)
                runner.closed(thing, at, fact.identity)
            case Unlatch():
                runner.unlatch(thing, at, fact.identity)
    return True


def _meant(
    installed: InstalledRules, context: EngineContext, fact: Unlatch | Closed | CycleDone
) -> Iterator[tuple[ConditionEvaluator, int]]:
    """The runners of the fact's rule that know its thing, and the row: of a group, or of a component."""
    row, group = context.world.rows.get(fact.device), "" if isinstance(fact, CycleDone) else fact.group
    for runner in installed.runners.get(fact.rule, ()):
        if group:
            yield from ((runner, k) for k, thing in enumerate(runner.space.things) if thing.group == group)
        elif row is not None and runner.space is row.space and fact.component < len(row.things):
            thing = row.things[fact.component]
            if runner.watched[thing]:
                yield runner, thing
