"""Acts of people at the desk, handed to the rules: an unlatch, work done, an order closed."""

from collections.abc import Iterator

from gateway.domain.record import Closed, CycleDone, Unlatch
from rules.engine.conditions.base import ConditionEvaluator, EngineContext
from rules.engine.installed_rules import InstalledRules


def apply_act(installed: InstalledRules, context: EngineContext, fact: Unlatch | Closed | CycleDone, at: int) -> bool:
    """Hand the fact to its rule, at `at` µs; False: the rule has no use for it."""
    match fact:
        case CycleDone():
            if fact.rule not in installed.rules or not installed.rules[fact.rule][1].condition.plan:
                return False
            context.completions.add(at, fact)
        case Closed() if context.completions.settled(fact):
            return False
        case _:
            pass
    for evaluator, thing in _meant(installed, context, fact):
        match fact:
            case CycleDone():
                evaluator.cycle(thing, fact.reading, min(at, fact.at or at), at)
            case Closed():
                if evaluator.is_on(thing) and evaluator.rule.condition.plan:
                    context.completions.close(at, evaluator.rule, fact.device, fact.component)
                evaluator.closed(thing, at, fact.identity)
            case Unlatch():
                evaluator.unlatch(thing, at, fact.identity)
    return True


def _meant(
    installed: InstalledRules, context: EngineContext, fact: Unlatch | Closed | CycleDone
) -> Iterator[tuple[ConditionEvaluator, int]]:
    """The evaluators of the fact's rule that know its thing, and the row: of a group, or of a component."""
    row, group = context.world.rows.get(fact.device), "" if isinstance(fact, CycleDone) else fact.group
    for evaluator in installed.evaluators.get(fact.rule, ()):
        if group:
            yield from ((evaluator, k) for k, thing in enumerate(evaluator.space.things) if thing.group == group)
        elif row is not None and evaluator.space is row.space and fact.component < len(row.things):
            thing = row.things[fact.component]
            if evaluator.watched[thing]:
                yield evaluator, thing
