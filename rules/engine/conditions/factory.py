"""Which evaluator carries out a compiled condition."""

from collections.abc import Callable

from rules.compiled import Due, Every, Rule, Sequence, Silence, Streak, Votes
from rules.engine.conditions.alarm_form import AlarmForm
from rules.engine.conditions.base import ConditionEvaluator, EngineContext, EvaluatorContext
from rules.engine.conditions.context import Completed
from rules.engine.conditions.counter_multiple import CounterMultipleForm
from rules.engine.conditions.due_date import DueDateForm
from rules.engine.conditions.m_of_n import MOfNForm
from rules.engine.conditions.per_identity import PerIdentityEvaluator
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.sequence import SequenceForm
from rules.engine.conditions.silence import SilenceEvaluator
from rules.engine.conditions.single_alarm_evaluator import SingleAlarmEvaluator
from rules.engine.conditions.streak import StreakForm
from rules.engine.conditions.threshold import ThresholdEvaluator
from rules.engine.peers.peer_columns import Peers, peered
from rules.engine.state.field import Field
from rules.engine.state.thing_table import ThingTable

_FORMS: dict[type, Callable[[EvaluatorContext, Reporter], AlarmForm]] = {
    Streak: StreakForm, Votes: MOfNForm, Due: DueDateForm, Every: CounterMultipleForm, Sequence: SequenceForm,
}  # fmt: skip


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
    made = _made(EvaluatorContext(plain, zone, space, common, field=field, complete=complete))
    if peers:
        found = made.context.peers = made.columns.parts["peers"] = Peers(rule, peers, space, common.world)
        found.remember(made.truths_decide())
    return made


def _made(context: EvaluatorContext) -> ConditionEvaluator:
    condition = context.rule.condition
    if isinstance(condition, Silence):
        return SilenceEvaluator(context)
    if (form := _FORMS.get(type(condition))) is not None:
        return SingleAlarmEvaluator(context, form)
    return PerIdentityEvaluator(context) if context.rule.identity else ThresholdEvaluator(context)
