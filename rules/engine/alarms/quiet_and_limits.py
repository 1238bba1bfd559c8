"""What holds for all rules: `quiet` holds orders and notices back, `limits` turn a storm into one order."""

from collections.abc import Callable

from msgspec.structs import replace

from gateway.domain.alarm import Change, Level
from gateway.domain.errors import ConfigError
from gateway.domain.record import PolicySet
from rules.compiled import RulePolicy
from rules.engine.alarms.place import facts_of, site_of
from rules.engine.alarms.rate_limit import RateLimit
from rules.engine.state.fleet import Fleet
from rules.engine.transitions import PendingTransition

CompilePolicy = Callable[[bytes, str], RulePolicy]
"""(source, zone of the installation) of a PolicySet -> the policy. Raises ConfigError or ValueError."""

ALARMS_PER_RULE = "alarms_per_rule"
ORDERS_PER_SITE = "orders_per_site"


class Policies:
    """The policy in force and what was spent of its limits. `broken`: why the newest one did not compile, or ""."""

    def __init__(self, world: Fleet, compile_policy: CompilePolicy | None) -> None:
        self.world, self._compile = world, compile_policy
        self.fact: PolicySet | None = None
        self.policy = RulePolicy()
        self.broken = ""
        self.alarms, self.orders = RateLimit(), RateLimit()

    def set(self, fact: PolicySet) -> None:
        """Another policy; the one before stays in force when it does not compile."""
        if self._compile is None:
            raise ValueError("an engine that is given policies needs compile_policy")
        try:
            self.policy = self._compile(fact.source, fact.zone)
        except (ConfigError, ValueError) as flaw:
            self.broken = str(flaw)
            return
        self.fact, self.broken = fact, ""

    def apply(self, made: PendingTransition, now: int) -> PendingTransition:
        """A raise or a rise as the desk is to take it, decided at `now` µs."""
        if made.change not in (Change.RAISED, Change.LEVEL_UP) or _is_safety(made):
            return made
        until = self._quiet_until(made, max(now, made.at))
        if until:
            made = replace(made, held_until=until)
        exempt = made.level >= Level.CRITICAL or made.stale or made.rule.mode != "live"
        if made.change is not Change.RAISED or exempt:
            return made
        limited = self._limited(made, now)
        return replace(made, limited=limited) if limited else made

    def _quiet_until(self, made: PendingTransition, now: int) -> int:
        """The end of the quiet time, µs; one that begins before another ends goes on with it. 0 = not quiet."""
        site = self.world.sites.get(site_of(self.world, made.rule, made.thing))
        times = [(quiet.start, quiet.end) for quiet in site.quiet] if site is not None else []
        ahead = [quiet for quiet in self.policy.quiet if now < quiet.end]
        if ahead:
            facts = facts_of(self.world, made.rule, made.thing)
            times += [(quiet.start, quiet.end) for quiet in ahead if quiet.where(facts) is True]
        until = now
        for start, end in sorted(times):
            if start <= until < end:
                until = end
        return until if until > now else 0

    def _limited(self, made: PendingTransition, now: int) -> str:
        """Which limit this raise exceeds; what is within them is spent."""
        rule, policy = made.rule, self.policy
        if policy.alarms_per_rule is not None:
            full = self.alarms.full(rule.id, policy.alarms_per_rule, now)
            self.alarms.spend(rule.id, policy.alarms_per_rule, now)
            if full:
                return ALARMS_PER_RULE
        site = site_of(self.world, rule, made.thing)
        ordered = made.plan.order is not None and not made.muted
        if policy.orders_per_site is not None and ordered and site:
            if self.orders.full(site, policy.orders_per_site, now):
                return ORDERS_PER_SITE
            self.orders.spend(site, policy.orders_per_site, now)
        return ""

    def purge(self, now: int) -> None:
        """Forget what was spent too long ago to count."""
        self.alarms.purge(self.policy.alarms_per_rule, now)
        self.orders.purge(self.policy.orders_per_site, now)


def _is_safety(made: PendingTransition) -> bool:
    notice = made.plan.notice
    return notice is not None and notice.klass == "safety"
