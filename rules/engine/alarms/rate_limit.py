"""`limits`: how many alarms a rule, and how many orders a site may have in a while (RULES section 1). Nothing is lost.

Sliding, in the gateway's time. `alarms_per_rule` counts every raise, those above the limit too: a storm is over when
the raises are fewer. `orders_per_site` counts the orders that are made: those above join the storm's order.
"""

from collections import deque

from rules.compiled import Budget


class RateLimit:
    """What was spent of a budget, per name (a rule, a site): pairs of time (µs) and number, at most `count` of them."""

    def __init__(self) -> None:
        self.spent: dict[str, deque[tuple[int, int]]] = {}

    def full(self, name: str, budget: Budget, now: int) -> bool:
        """True if nothing is left in (now - span, now]."""
        spent = self.spent.get(name)
        if spent is None:
            return budget.count < 1
        while spent and spent[0][0] <= now - budget.span:
            spent.popleft()
        return sum(number for _, number in spent) >= budget.count

    def spend(self, name: str, budget: Budget, now: int) -> None:
        """One more at `now`."""
        spent = self.spent.setdefault(name, deque())
        if spent and spent[-1][0] >= now:
            at, number = spent.pop()
            spent.append((at, min(number + 1, budget.count)))
        else:
            spent.append((now, 1))
        over = sum(number for _, number in spent) - budget.count
        while over > 0:
            at, number = spent.popleft()
            if number > over:
                spent.appendleft((at, number - over))
            over -= number

    def step_back(self, to: int) -> None:
        """The clock was set back to `to` µs: what was spent later is not."""
        for name, spent in list(self.spent.items()):
            self.spent[name] = deque(one for one in spent if one[0] <= to)

    def purge(self, budget: Budget | None, now: int) -> None:
        """Forget what no longer counts."""
        for name in list(self.spent):
            spent = self.spent[name]
            if budget is None or not spent or spent[-1][0] <= now - budget.span:
                del self.spent[name]
