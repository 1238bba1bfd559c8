"""Which runner carries out a compiled condition."""

from rules.compiled import Due, Every, Rule, Sequence, Silence, Streak, Votes
from rules.engine.conditions.base import EngineContext, Runner
from rules.engine.conditions.counter_multiple import EveryRunner
from rules.engine.conditions.counter_or_term import TermRunner
from rules.engine.conditions.due_date import DueRunner
from rules.engine.conditions.m_of_n import VotesRunner
from rules.engine.conditions.per_identity import IdentityRunner
from rules.engine.conditions.sequence import SequenceRunner
from rules.engine.conditions.silence import SilentRunner
from rules.engine.conditions.streak import StreakRunner
from rules.engine.conditions.threshold import LevelsRunner
from rules.engine.peers.peer_columns import Peers, peered
from rules.engine.state.thing_table import ThingTable

_KINDS: dict[type, type[Runner]] = {
    Silence: SilentRunner, Streak: StreakRunner, Votes: VotesRunner, Due: DueRunner, Every: EveryRunner,
    Sequence: SequenceRunner,
}  # fmt: skip


def runner_of(rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> Runner:
    """The runner of `rule` on `space`; `zone` is the installation's."""
    kind = _KINDS.get(type(rule.condition), IdentityRunner if rule.identity else LevelsRunner)
    if isinstance(rule.condition, Every) and rule.condition.or_after is not None:
        kind = TermRunner
    plain, peers = peered(rule)
    runner = kind(plain, zone, space, common)
    if peers:
        runner.peers = runner.parts["peers"] = Peers(rule, peers, space, common.world)
        runner.peers.remember(runner.truths_decide())
    return runner
