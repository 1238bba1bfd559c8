"""Transitions of one rule with their evidence: what was read, what signals were worth, what it was compared with."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from gateway.domain.alarm import AlarmPlan, Change, Evidence, Level, ReadingSeen, SignalSeen
from gateway.domain.reading import Flag
from rules.compiled import Rule
from rules.engine.binding.bound_expression import BoundExpression, reading_seen
from rules.engine.binding.text_value import TextValue
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.frames.at import At
from rules.engine.transitions import PendingTransition, plan_of

OPENS = frozenset({Change.RAISED, Change.LEVEL_UP, Change.LEVEL_DOWN})


def no_identity(thing: int) -> tuple[str, ...]:  # noqa: ARG001 - most alarms need no more than their thing
    """What the alarm key holds besides the thing: nothing."""
    return ()


class Reporter:
    """Hands the transitions of a rule to the emitter of the engine.

    `rule`: the one that transitions name, if it is not that of the context. `identity`: row -> what the alarm key holds
    besides the thing.
    """

    def __init__(
        self,
        context: EvaluatorContext,
        rule: Rule | None = None,
        identity: Callable[[int], tuple[str, ...]] = no_identity,
    ) -> None:
        self.context, self.rule, self.identity = context, rule or context.rule, identity
        self.plan = plan_of(context.rule)
        written = context.rule.skill_of
        self.skill = None if written is None else TextValue(written, context.space, context.world, context.signal)

    def bounds(self) -> Sequence[BoundExpression]:
        """The expressions it reads itself: that of the skill."""
        return () if self.skill is None else self.skill.bounds()

    def emit(
        self,
        here: At,
        change: Change,
        level: int,
        bound: BoundExpression | None,
        *,
        reason: str = "",
        text: str = "",
        count: int = 1,
    ) -> None:
        """Hand a transition over, at `here.t`, with the values of `here`. `bound` is the condition that decided; `text`
        names it when there is none.
        """
        context, thing, t = self.context, here.thing, here.t
        if here.view is None:
            context.decided.note(thing, t)
        flags = int(here.view.flags[here.unit]) if here.view is not None else int(context.space.flags[thing])
        evidence = Evidence(
            bound.expression.text if bound is not None else text,
            self.readings(here),
            self.signals(here),
            bound.thresholds(thing) if bound is not None else (),
        )
        plan = self.plan if self.skill is None or change not in OPENS else self._skilled(self.skill, here)
        made = PendingTransition(
            t,
            context.space.things[thing],
            change,
            Level(level),
            evidence,
            reason,
            bool(flags & Flag.IMPORTED),
            bool(flags & Flag.CLOCK_SUSPECT),
            self.identity(thing),
            count=count,
            muted=context.off_hours(thing, t),
            rule=self.rule,
            plan=plan,
        )
        context.common.emitter.add(made if context.complete is None else context.complete(made))

    def _skilled(self, skill: TextValue, here: At) -> AlarmPlan:
        """The plan with its skill as of now; that of the rule when it is unknown: an order is never held back."""
        found, order = skill.read(here.reader(self.context.space)), self.plan.order
        return self.plan if found is None or order is None else replace(self.plan, order=replace(order, skill=found))

    def readings(self, here: At) -> tuple[ReadingSeen, ...]:
        """The newest readings of the points the rule reads; none for a group."""
        context = self.context
        device, component = context.device(here.thing), context.space.things[here.thing].component
        if device is None:
            return ()
        found = []
        for column in context.columns:
            seen = here.seen(context.space, column)
            if seen is not None:
                name = context.space.names[column]
                found.append(reading_seen(context.world, device.profile, name, component, seen))
        return tuple(found)

    def signals(self, here: At) -> tuple[SignalSeen, ...]:
        """The signals of the rule."""
        whole = self.context.whole
        own = () if whole.windows is None else whole.windows.seen(here)
        return own if whole.peers is None else (*own, *whole.peers.seen(here))
