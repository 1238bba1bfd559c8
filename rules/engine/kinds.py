"""Which runner carries out a compiled condition."""

from rules.compiled import Due, Every, Rule, Sequence, Silence, Streak, Votes
from rules.engine.due import DueRunner
from rules.engine.every import EveryRunner
from rules.engine.identity import IdentityRunner
from rules.engine.levels import LevelsRunner
from rules.engine.peers import Peers, peered
from rules.engine.runner import Field, Runner
from rules.engine.sequence import SequenceRunner
from rules.engine.silent import SilentRunner
from rules.engine.space import Space
from rules.engine.streak import StreakRunner
from rules.engine.term import TermRunner
from rules.engine.votes import VotesRunner

_KINDS: dict[type, type[Runner]] = {
    Silence: SilentRunner, Streak: StreakRunner, Votes: VotesRunner, Due: DueRunner, Every: EveryRunner,
    Sequence: SequenceRunner,
}  # fmt: skip


def runner_of(rule: Rule, zone: str, space: Space, common: Field) -> Runner:
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
