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
        requested = [of for node in nodes if node is not None for of, _ in self._asked(node)]
        return {name for of in requested for name in expressions.points_in(of)}

    def good_at(self, points: Iterable[str], t: int) -> int | None:
        """When any member gave a good reading of one of these points last, as of `t`."""
        histories = [one for member in self.members for one in member]
        known = [one.good_at(name, t) for one in histories for name in points]
        return max((at for at in known if at is not None), default=None)

    def vetoed(self, at: Judging) -> bool:
        """Groups of the generators have no veto."""
        return False

    def judgings(self, *nodes: Expr | None) -> list[Judging]:
        """Readings of members, when ages turn, and when votes began too long ago."""
        found = set()
        for of, limits in (requested for node in nodes if node is not None for requested in self._asked(node)):
            for one in (one for member in self.members for one in member):
                found |= {Judging(t) for t in _spoke(of, one)} | _ages(of, one)
            for course in (_course(of, voter) for voter in self._voters(limits)):
                before = [None, *(vote for _, vote, _ in course)]
                self.turns |= {
                    moment
                    for (moment, vote, _), last in zip(course, before, strict=False)
                    if moment.after and vote is not last
                }
                if "began_within" in limits:  # a vote that lapses by `within` is unknown, which changes nothing
                    begun = {began for _, _, began in course if began is not None}
                    found |= {Judging(began + limits["began_within"], after=True) for began in begun}
        return sorted(one for one in found if one.t <= self.end)

    def value(self, node: Expr, at: Judging) -> Any:
        """The value of a condition; None = unknown."""
        if node[0] == "members":
            return self._quorum(node, at)
        nobody = History({}, ())
        return expressions.value(node, expressions.Moment(nobody, lambda name, t, n: self._aggregate(name, at), at.t))

    def newest(self, points: Iterable[str], nodes: Sequence[Expr], at: Judging) -> int | None:
        """The reading by which the group is judged at a moment at which nobody spoke: what time alone turns in a
        member is none; that a vote is too old counts from its own time, where it turns anything (decision 041).
        """
        before = Judging(at.t - 1, after=True)
        quorums = all(node[0] == "members" for node in nodes)  # the numbers of an aggregate never lapse
        if quorums and at not in self.turns and any(self.value(node, at) != self.value(node, before) for node in nodes):
            return at.t
        return self.good_at(points, at.t)

    def _voters(self, limits: dict[str, Any]) -> Sequence[Member]:
        """Devices, or each of their components."""
        if limits.get("per") != "component":
            return self.members
        return [[one] for member in self.members for one in member]

    def _quorum(self, node: Expr, at: Judging) -> bool | None:
        """ "all given limits must hold; unknown members are no votes"."""
        limits = dict(node[2])
        votes = [_vote(node[1], limits, member, at) for member in self._voters(limits)]
        yes, unknown = votes.count(True), votes.count(None)
        tests = {
            "at_least": lambda count: count >= limits["at_least"],
            "at_most": lambda count: count <= limits["at_most"],
            "fraction": lambda count: count / len(votes) >= limits["fraction"] - 1e-9,
        }
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
        made = {
            "mean": lambda: sum(known) / len(known),
            "min": lambda: min(known),
            "max": lambda: max(known),
            "sum": lambda: sum(known),
            "count": lambda: known.count(True),
        }
        return float(made[what]())


def _answer(of: Expr, one: History, at: Judging) -> Any:
    return expressions.value(of, expressions.Moment(one, _no_signals, at.t, at.after))


def _ages(of: Expr, one: History) -> set[Judging]:
    """When ages that are asked for turn."""
    limits = expressions.age_limits(of)
    return {Judging(at + limit, after=True) for point, limit in limits for at, _ in one.good(point)}


def _course(of: Expr, member: Member) -> list[tuple[Judging, bool | None, int | None]]:
    """What a member says from each moment on, "true if any of its components is", and since when it is so; what it
    said before it became unknown goes on.
    """
    spoke = {Judging(t) for one in member for t in _spoke(of, one)}
    out: list[tuple[Judging, bool | None, int | None]] = []
    began: int | None = None
    before = False
    known = [False] * len(member)  # was each component true when it was known last?
    for moment in sorted(spoke.union(*(_ages(of, one) for one in member))):
        truths = [_answer(of, one, moment) for one in member]
        known = [last if truth is None else truth for last, truth in zip(known, truths, strict=True)]
        if any(known) and not before:
            began = moment.t
        before = any(known)
        out.append((moment, True if True in truths else None if None in truths else False, began))
    return out


def _spoke(of: Expr, one: History) -> list[int]:
    points = expressions.points_in(of)
    return [t for t in one.times if points & one.frames[t].keys()]


def _vote(of: Expr, limits: dict[str, Any], member: Member, at: Judging) -> bool | None:
    """Of one member, by its newest reading; what is too old says nothing, what began too long ago is no vote."""
    spoke = [t for one in member for t in _spoke(of, one) if t <= at.t]
    said = [(vote, began) for moment, vote, began in _course(of, member) if moment <= at]
    if not spoke or not said:
        return None
    vote, began = said[-1]
    if vote and "began_within" in limits and (began is None or at.t >= began + limits["began_within"]):
        return False
    if vote and "within" in limits and at.t > max(spoke) + limits["within"]:
        return None  # "a vote lapses"; a member that said no has none to lapse
    return vote


def _no_signals(name: str, t: int, n: int) -> None:
    """Members of the generators have points only."""
