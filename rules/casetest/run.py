"""Cases -> outcomes: what was expected against what the engine did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.alarm import Transition
from gateway.domain.errors import ConfigError, Problem
from rules.casetest.play import play
from rules.casetest.scene import Scene, read_case
from rules.compiled import Rule
from rules.format import Case, TestFile

Shown = Mapping[str, object]
"""A transition as a case writes it: at (µs), is, level, device, component, reason, imported, late, live."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case. `agree` False: live and replay differ. `several` devices: worth naming them."""

    case: Case
    say: str
    start: int
    got: tuple[Shown, ...]
    replayed: tuple[Shown, ...]
    expected: tuple[Shown, ...]
    agree: bool
    several: bool

    @property
    def ok(self) -> bool:
        """Did live and replay do exactly what was expected?"""
        same = len(self.got) == len(self.expected)
        return self.agree and same and not any(map(different, self.expected, self.got))


def different(expected: Shown, got: Shown) -> tuple[str, ...]:
    """The keys in which a transition is not as written; keys not written are not compared."""
    return tuple(key for key, value in expected.items() if got.get(key) != value)


def run_cases(tests: TestFile, rules: Sequence[Rule]) -> tuple[list[Outcome], list[Problem]]:
    """Run every case of a file against `rules`. Problems: what in the cases cannot be understood, all at once."""
    by_id = {rule.id: rule for rule in rules}
    outcomes: list[Outcome] = []
    problems: list[Problem] = []
    for case in tests.cases:
        rule = by_id.get(case.rule)
        if rule is None:
            problems.append(case.problem("", "casetest.rule", rule=case.rule, known=", ".join(by_id) or "-"))
            continue
        scene = read_case(case, rule, tests)
        if scene.problems:
            problems += scene.problems
            continue
        try:
            outcomes.append(_outcome(scene))
        except ConfigError as flaw:
            problems += flaw.problems
    return outcomes, problems


def _outcome(scene: Scene) -> Outcome:
    result = play(scene)
    names = {device.id: code for code, device in scene.devices.items()}
    return Outcome(
        scene.case, str(scene.case.data.get("say") or ""), scene.start,
        tuple(_shown(one, names) for one in result.got), tuple(_shown(one, names) for one in result.replayed),
        tuple(scene.expected), result.agree, len(names) > 1 or scene.rule.watch.each,
    )  # fmt: skip


def _shown(one: Transition, names: Mapping[int, str]) -> Shown:
    return {
        "at": one.at, "is": one.change.value, "level": one.level.word, "device": names.get(one.thing.device, ""),
        "component": one.thing.component, "reason": one.reason, "imported": one.imported, "late": one.late,
        "live": one.live,
    }  # fmt: skip
