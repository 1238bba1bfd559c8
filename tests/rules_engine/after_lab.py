"""The stage after the conditions on its own: what conditions do is told to it, what the desk would hear is compared.

Every step is taken by two stages: one lives on, one is lost before each step and restored from its state.
"""

import json
from collections.abc import Mapping, Sequence

from gateway.domain.alarm import Change, Evidence, Level, NoticePlan, OrderPlan, Thing, Transition, canonical
from gateway.domain.device import Device, Site
from gateway.domain.record import PolicySet
from rules.compiled import Budget, Flap, Inhibit, Levels, Quiet, Rule, RulePolicy, Watch
from rules.conditions.silence.condition import Silence
from rules.engine.alarms import AlarmPipeline
from rules.engine.state.fleet import Fleet
from rules.engine.transitions import Emitter, PendingTransition, plan_of

S = 1_000_000
SITES = (Site("S1", area="north", region="r"), Site("S2", area="north", region="r"))
DEVICES = tuple(
    Device(number, f"D{number}", "p", "k", site="S1" if number < 10 else "S2" if number < 20 else "", components=2)
    for number in range(1, 25)
)


def inhibit(by: str = "parent", same: tuple[str, ...] = ("site",), settle: int = 90) -> Inhibit:
    """`settle` in seconds."""
    return Inhibit(by, same, settle * S)


def flap(raises: int = 2, span: int = 600, quiet: int = 300) -> Flap:
    """Seconds."""
    return Flap(raises, span * S, quiet * S)


def rule(rule_id: str, *, silent: int = 0, klass: str = "service", group: str = "", **more: object) -> Rule:
    """A rule with an order and a notice; `silent` > 0: a silence of so many seconds."""
    condition = Silence(("x",), False, silent * S, Level.MINOR) if silent else Levels(())
    keys: dict[str, object] = {
        "revision": "1",
        "title": {"en": rule_id},
        "why": {"en": "w", "zh": "w"},
        "mode": "live",
        "watch": Watch(("k",), group=group),
        "signals": (),
        "condition": condition,
        "points": (),
        "order": OrderPlan("repair", rule_id),
        "notice": NoticePlan("site_ops", "t", klass),
        "source": json.dumps({"rule": {"id": rule_id, "when": "x > 1"}}).encode(),
    }
    return Rule(id=rule_id, **(keys | more))  # type: ignore[arg-type]


def policies(**known: RulePolicy) -> dict[bytes, RulePolicy]:
    """Policies by their sources."""
    return {name.encode(): policy for name, policy in known.items()}


class Stage:
    """`told`: all transitions so far; times of `step` and of changes are seconds."""

    def __init__(self, rules: Sequence[Rule], known: Mapping[bytes, RulePolicy] | None = None) -> None:
        self.world = Fleet()
        self.world.sites = {site.code: site for site in SITES}
        for device in DEVICES:
            self.world.set_device(device)
        self.known, self.seq = dict(known or {}), 0
        self.runners: dict[str, list[object]] = {}
        self.after, self.twin = self.fresh(), self.fresh()
        self.told: list[Transition] = []
        self.rules: dict[str, Rule] = {}
        for one in rules:
            self.install(one)

    def fresh(self) -> AlarmPipeline:
        """A stage that knows nothing."""
        after = AlarmPipeline(Emitter(0, "lab"), self.world, lambda source, zone: self.known[source])
        after.evaluators.append(self.runners)  # type: ignore[arg-type]
        return after

    def install(self, one: Rule) -> None:
        """A revision takes effect."""
        self.rules[one.id] = one
        for after in (self.after, self.twin):
            after.install(one)

    def drop(self, rule_id: str) -> None:
        """A rule is deleted."""
        del self.rules[rule_id]
        for after in (self.after, self.twin):
            after.drop(rule_id)

    def policy(self, source: str) -> None:
        """Another policy."""
        for after in (self.after, self.twin):
            after.policy(PolicySet(source.encode(), "UTC"))

    def restored(self, after: AlarmPipeline) -> AlarmPipeline:
        """Lost, and back from its state."""
        blob, back = after.state(), self.fresh()
        for one in self.rules.values():
            back.install(one)
        back.load(blob)
        assert back.state() == blob
        assert back.next_due() == after.next_due()
        return back

    def change(
        self,
        rule_id: str,
        change: str,
        at: float,
        device: int = 1,
        level: Level = Level.MINOR,
        *,
        reason: str = "",
        identity: tuple[str, ...] = (),
        group: str = "",
        component: int = 0,
        muted: bool = False,
    ) -> PendingTransition:
        """What a condition did at `at` seconds."""
        one = self.rules[rule_id]
        thing = Thing(0, 0, group) if group else Thing(device, component)
        seen = Evidence(f"{rule_id} {change} {at}")
        return PendingTransition(
            round(at * S),
            thing,
            Change(change),
            level,
            seen,
            reason,
            identity=identity,
            muted=muted,
            rule=one,
            plan=plan_of(one),
        )

    def step(self, now: float, *changes: PendingTransition, received: float = 0) -> list[Transition]:
        """One record at engine time `now`: what is told."""
        self.seq += 1
        if not self.after._ended and not self.after._displaced and not self.after._last:
            self.twin = self.restored(self.twin)
        both = []
        for after in (self.after, self.twin):
            for made in changes:
                after.emitter.add(made)
            after.settle(round(now * S), round(received * S))
            both.append(after.emitter.finish(self.seq, round(now * S)))
        assert [canonical(one) for one in both[0]] == [canonical(one) for one in both[1]]
        assert self.after.state() == self.twin.state()
        self.told += both[0]
        return both[0]


def brief(transitions: Sequence[Transition]) -> list[tuple[str, str, float]]:
    """(rule, change, seconds)."""
    return [(one.rule, one.change.value, one.at / S) for one in transitions]


__all__ = ["Budget", "Quiet", "RulePolicy", "S", "Stage", "brief", "flap", "inhibit", "policies", "rule"]
