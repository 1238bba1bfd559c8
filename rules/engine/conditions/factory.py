"""Which evaluator carries out a compiled condition."""

from collections.abc import Callable

from rules.compiled import Condition, Rule
from rules.engine.conditions.base import ConditionEvaluator, EngineContext, EvaluatorContext
from rules.engine.conditions.context import Completed
from rules.engine.peers.peer_columns import Peers, peered
from rules.engine.state.field import Field
from rules.engine.state.thing_table import ThingTable
from rules.registered import Registered

MakeEvaluator = Callable[[EvaluatorContext], ConditionEvaluator]

EVALUATORS: Registered[type[Condition], MakeEvaluator] = Registered("evaluator", "EVALUATORS")
"""By the class of the compiled condition."""


def evaluator_of(
    rule: Rule,
    zone: str,
    space: ThingTable,
    common: EngineContext,
    *,
    field: Field | None = None,
    complete: Completed = None,
) -> ConditionEvaluator:
    """The evaluator of `rule` on `space`; `zone` is the installation's; for the last two see `EvaluatorContext`."""
    plain, peers = peered(rule)
    context = EvaluatorContext(plain, zone, space, common, field=field, complete=complete)
    made = EVALUATORS[type(plain.condition)](context)
    if peers:
        found = made.context.peers = made.columns.parts["peers"] = Peers(rule, peers, space, common.world)
        found.remember(made.truths_decide())
    return made
