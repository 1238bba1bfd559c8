"""`members` (RULES.md section 5): a quorum in a group, judged whenever a member speaks or a vote lapses.

A quorum is ("members", of, limits): `limits` are pairs of a word (at_least, at_most, fraction, within, began_within)
and its value.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from oracle.reference import expressions
from oracle.reference.downtime import downs
from oracle.reference.time_order import Judging
from oracle.reference.values import History
from oracle.scene import Expr, SceneDef


class Times:
    """When anybody of the group spoke."""

    def __init__(self, members: Sequence[History]) -> None:
        self.times = sorted({t for one in members for t in one.times})


class Group:
    """What a threshold may ask about a group, as `time_order.Device` of one device."""

    def __init__(self, scene: SceneDef, members: Sequence[History], end: int) -> None:
        self.rule, self.members, self.end = scene.rule, members, end
        self.history = Times(members)
        self.downs = downs(scene.restarts) if scene.rule.downtime != "count" else []

    def points(self, nodes: Iterable[Expr | None]) -> set[str]:
        """The points that members are asked for."""
        return {name for node in nodes if node is not None for name in expressions.points_in(node[1])}

    def vetoed(self, at: Judging) -> bool:
        """Groups of the generators have no veto."""
        return False

    def judgings(self, *nodes: Expr | None) -> list[Judging]:
        """Readings of members, and when votes began too long ago."""
        found = set()
        for node in nodes:
            if node is None:
                continue
            points, limits = expressions.points_in(node[1]), dict(node[2])
            for member in self.members:
                spoke = [t for t in member.times if points & member.frames[t].keys()]
                found |= {Judging(t) for t in spoke}
                if "began_within" in limits:  # a vote that lapses by `within` is unknown, which changes nothing
                    found |= {Judging(t + limits["began_within"], after=True) for t in spoke}
        return sorted(one for one in found if one.t <= self.end)

    def value(self, node: Expr, at: Judging) -> bool | None:
        """ "all given limits must hold; unknown members are no votes"."""
        limits = dict(node[2])
        votes = [_vote(node[1], limits, member, at) for member in self.members]
        yes, unknown = votes.count(True), votes.count(None)
        tests = {
            "at_least": lambda count: count >= limits["at_least"], "at_most": lambda count: count <= limits["at_most"],
            "fraction": lambda count: count / len(votes) >= limits["fraction"] - 1e-9,
        }  # fmt: skip
        truths = []
        for key, test in tests.items():
            if key in limits:  # known when no unknown member could turn it
                either = {test(count) for count in range(yes, yes + unknown + 1)}
                truths.append(either.pop() if len(either) == 1 else None)
        if False in truths:
            return False
        return None if None in truths else True


def _vote(of: Expr, limits: dict[str, Any], member: History, at: Judging) -> bool | None:
    """Of one member, by its newest reading; what is too old says nothing, what began too long ago is no vote."""
    points = expressions.points_in(of)
    spoke = [t for t in member.times if t <= at.t and points & member.frames[t].keys()]
    if not spoke:
        return None
    truths = [expressions.value(of, expressions.Moment(member, _no_signals, t)) for t in spoke]
    began: int | None = None
    known: bool | None = None
    for t, truth in zip(spoke, truths, strict=True):
        if truth is None:
            continue
        if truth and known is not True:
            began = t
        known = truth
    vote = truths[-1]
    if vote and "began_within" in limits and (began is None or at.t >= began + limits["began_within"]):
        return False
    if vote and "within" in limits and at.t > spoke[-1] + limits["within"]:
        return None  # "a vote lapses"; a member that said no has none to lapse
    return vote


def _no_signals(name: str, t: int, n: int) -> None:
    """Members of the generators have points only."""
