"""The rules in force and their runners: installing, editing, removing (RULES section 5, Edits)."""

from collections.abc import Callable, Iterable, Iterator

from gateway.domain.errors import ConfigError
from gateway.domain.record import RuleSet
from rules.compiled import Rule, Silence, Streak
from rules.engine.edits import Edit, classify
from rules.engine.levels import LevelsRunner
from rules.engine.runner import Field, Runner
from rules.engine.silent import SilentRunner
from rules.engine.space import Space
from rules.engine.streak import StreakRunner

Compile = Callable[[bytes], Rule]


class RuleBook:
    """`rules`: id -> (fact, rule); `broken`: rules whose newest source did not compile, with the reason.

    `version` rises with every change.
    """

    def __init__(self, compile_rule: Compile, common: Field) -> None:
        self.rules: dict[str, tuple[RuleSet, Rule]] = {}
        self.broken: dict[str, str] = {}
        self.runners: dict[str, list[Runner]] = {}
        self.version = 0
        self._compile, self._field = compile_rule, common

    def all(self) -> Iterable[Runner]:
        """Every runner."""
        return (runner for runners in self.runners.values() for runner in runners)

    def of(self, kind: str) -> list[Runner]:
        """Those of one kind of device."""
        return [runner for runner in self.all() if runner.space.kind == kind]

    def restore(self, facts: Iterable[RuleSet]) -> None:
        """The rules of a snapshot, with runners that have no state yet."""
        for fact in facts:
            rule = self._compile(fact.source)
            self.rules[fact.id] = (fact, rule)
            self.runners[fact.id] = list(self._built(fact, rule))

    def install(self, fact: RuleSet, at: int) -> None:
        """A revision takes effect at `at` µs. The same source again changes nothing."""
        old = self.rules.get(fact.id)
        if old is not None and (old[0].source, old[0].zone) == (fact.source, fact.zone):
            return
        try:
            rule = self._compile(fact.source)
        except (ConfigError, ValueError) as flaw:
            self.broken[fact.id] = str(flaw)  # the revision in force stays in force
            return
        self.broken.pop(fact.id, None)
        before = self.runners.get(fact.id, [])
        self.rules[fact.id] = (fact, rule)
        self.runners[fact.id] = list(self._built(fact, rule))
        self.version += 1
        if rule.mode == "off":
            return
        was_off = old is None or old[1].mode == "off"
        moved = not was_off and old is not None and old[0].zone != fact.zone
        edit = Edit.SILENTLY if was_off or old is None else Edit.GENERATION if moved else classify(old[1], rule)
        pairs = {runner.space.kind: runner for runner in before}
        for runner in self.runners[fact.id]:
            self._succeed(pairs.pop(runner.space.kind, None), runner, edit, at)
        if edit is Edit.GENERATION:
            for runner in pairs.values():
                _end_all(runner, at)

    def _succeed(self, old: Runner | None, new: Runner, edit: Edit, at: int) -> None:
        things = range(len(new.space))
        if old is not None and edit is Edit.TEXT:
            new.adopt(old)
            for bound in new.bounds():
                bound.refresh(things)
            return
        if old is not None and edit is Edit.THRESHOLD:
            if isinstance(new, LevelsRunner) and isinstance(old, LevelsRunner):
                new.adopt_levels(old, at)
            else:
                new.adopt(old)
                new.refresh(things, at, "rule_changed")
            return
        inherited = old.kept_windows(new) if old is not None else None
        if old is not None and edit is Edit.GENERATION:
            _end_all(old, at)
        if inherited is not None:
            new.load_windows(inherited)  # counters go on: only what is made of them is new
        new.refresh(things, at, "rule_changed")
        new.revalue(things, at)

    def _built(self, fact: RuleSet, rule: Rule) -> Iterator[Runner]:
        if rule.mode == "off":
            return
        makers: Callable[[Rule, str, Space, Field], Runner] = LevelsRunner
        if isinstance(rule.condition, Silence):
            makers = SilentRunner
        elif isinstance(rule.condition, Streak):
            makers = StreakRunner
        for kind in dict.fromkeys(rule.watch.kinds):
            yield makers(rule, fact.zone, self._field.world.space(kind), self._field)

    def drop(self, rule: str) -> None:
        """The rule was deleted: its open alarms stay as they are, only the state goes."""
        self.broken.pop(rule, None)
        if self.rules.pop(rule, None) is not None:
            self.runners.pop(rule, None)
            self.version += 1


def _end_all(runner: Runner, at: int) -> None:
    for thing in range(len(runner.space)):
        if runner.watched[thing]:
            runner.end(thing, at, "rule_changed")
