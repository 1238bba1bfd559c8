"""`members` (RULES.md sections 4 and 5): quorums and aggregates of a group, judged whenever a member speaks or a vote
lapses.

A quorum is ("members", of, limits): `limits` are pairs of a word (at_least, at_most, fraction, within, began_within,
per) and its value. An aggregate is a signal of `let`: its `of` is (mean · min · max · sum · count, expression).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from oracle.reference import expressions
from oracle.reference.downtime import downs
from oracle.reference.time_order import Judging
from oracle.reference.values import History
from oracle.scene import Expr, SceneDef

Member = Sequence[History]
"""A device: the readings of each of its components, or its own."""


class Times:
    """When anybody of the group spoke."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.times = sorted({t for member in members for one in member for t in one.times})


class Group:
    """What a threshold may ask about a group, as `time_order.Device` of one device."""

    def __init__(self, scene: SceneDef, members: Sequence[Member], end: int) -> None:
        self.rule, self.members, self.end = scene.rule, members, end
        self.history = Times(members)
        self.turns: set[Judging] = set()  # when time alone turns what a member says
        self.downs = downs(scene.restarts) if scene.rule.downtime != "count" else []

    def _asked(self, node: Expr) -> Iterable[tuple[Expr, dict[str, Any]]]:
        """What members are asked, with the limits."""
        for part in expressions.walk(node):
            if part[0] == "members":
                yield part[1], dict(part[2])
            elif part[0] == "signal":
                yield self.rule.let[part[1]].of[1], {}

    def points(self, nodes: Iterable[Expr | None]) -> set[str]:
        """The points that members are asked for."""
        asked = [of for node in nodes if node is not None for of, _ in self._asked(node)]
        return {name for of in asked for name in expressions.points_in(of)}

    def good_at(self, points: Iterable[str], t: int) -> int | None:
        """When any member gave a good reading of one of these points last, as of `t`."""
        histories = [one for member in self.members for one in member]
        known = [one.good_at(name, t) for one in histories for name in points]
        return max((at for at in known if at is not None), default=None)

    def vetoed(self, at: Judging) -> bool:
        """Groups of the generators have no veto."""
        return False

    def judgings(self, *nodes: Expr | None) -> list[Judging]:
        """Readings of members, and when votes began too long ago."""
        found = set()
        for of, limits in (asked for node in nodes if node is not None for asked in self._asked(node)):
            points = expressions.points_in(of)
            for one in (one for member in self.members for one in member):
                spoke = [t for t in one.times if points & one.frames[t].keys()]
                moments = {Judging(t) for t in spoke} | _ages(of, one)
                found |= moments
                self.turns |= _ages(of, one)
                if "began_within" in limits:  # a vote that lapses by `within` is unknown, which changes nothing
                    found |= {Judging(one.t + limits["began_within"], after=True) for one in moments}
        return sorted(one for one in found if one.t <= self.end)

    def value(self, node: Expr, at: Judging) -> Any:
        """The value of a condition; None = unknown."""
        if node[0] == "members":
            return self._quorum(node, at)
        nobody = History({}, ())
        return expressions.value(node, expressions.Moment(nobody, lambda name, t, n: self._aggregate(name, at), at.t))

    def _quorum(self, node: Expr, at: Judging) -> bool | None:
        """ "all given limits must hold; unknown members are no votes"."""
        limits = dict(node[2])
        voters = (
            self.members if limits.get("per") != "component" else [[one] for member in self.members for one in member]
        )
        votes = [_vote(node[1], limits, member, at) for member in voters]
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

    def _aggregate(self, name: str, at: Judging) -> float | None:
        """Over the members that are known; of too few of them it is unknown. `count` counts devices, once each."""
        signal = self.rule.let[name]
        what, of = signal.of
        if what == "count":
            said = [_vote(of, {}, member, at) for member in self.members]
        else:
            said = [_answer(of, one, at) for member in self.members for one in member]
        known = [one for one in said if one is not None]
        if not known or len(known) < signal.more.get("coverage", 0.9) * len(said) - 1e-9:
            return None
        made = {"mean": lambda: sum(known) / len(known), "min": lambda: min(known), "max": lambda: max(known),
                "sum": lambda: sum(known), "count": lambda: known.count(True)}  # fmt: skip
        return float(made[what]())


def _answer(of: Expr, one: History, at: Judging) -> Any:
    return expressions.value(of, expressions.Moment(one, _no_signals, at.t, at.after))


def _ages(of: Expr, one: History) -> set[Judging]:
    """When ages that are asked for turn."""
    limits = expressions.age_limits(of)
    return {Judging(at + limit, after=True) for point, limit in limits for at, _ in one.good(point)}


def _vote(of: Expr, limits: dict[str, Any], member: Member, at: Judging) -> bool | None:
    """Of one member, "true if any of its components is", by its newest reading; what is too old says nothing, what
    began too long ago is no vote.
    """
    points = expressions.points_in(of)
    spoke = sorted({t for one in member for t in one.times if t <= at.t and points & one.frames[t].keys()})
    if not spoke:
        return None
    began: int | None = None
    before = False
    known = [False] * len(member)  # was each component true when it was known last?
    truths: list[bool | None] = []
    moments = {Judging(t) for t in spoke} | {turn for one in member for turn in _ages(of, one) if turn <= at}
    for moment in sorted(moments):
        truths = [_answer(of, one, moment) for one in member]
        known = [last if truth is None else truth for last, truth in zip(known, truths, strict=True)]
        if any(known) and not before:
            began = moment.t
        before = any(known)
    vote = True if True in truths else None if None in truths else False
    if vote and "began_within" in limits and (began is None or at.t >= began + limits["began_within"]):
        return False
    if vote and "within" in limits and at.t > spoke[-1] + limits["within"]:
        return None  # "a vote lapses"; a member that said no has none to lapse
    return vote


def _no_signals(name: str, t: int, n: int) -> None:
    """Members of the generators have points only."""
