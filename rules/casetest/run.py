"""Runs cases: compares the expected transitions with those of the engine."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.alarm import Change, Thing, Transition
from gateway.domain.errors import ConfigError, Problem
from rules.casetest.case_input import CaseInput
from rules.casetest.play import play
from rules.casetest.read import read_case
from rules.compiled import Rule
from rules.format import Case, TestFile

Shown = Mapping[str, object]
"""A transition as a case writes it, with the keys of `rules.casetest.expect`; at and held_until are µs."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """Result of one case. `agree` False: live and replay differ. `several`: it has several devices, so their names are
    shown."""

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
        """True if live and replay made exactly the expected transitions."""
        same = len(self.got) == len(self.expected)
        return self.agree and same and not any(map(different, self.expected, self.got))


def different(expected: Shown, got: Shown) -> tuple[str, ...]:
    """The keys in which a transition is not as written; keys not written are not compared."""
    return tuple(key for key, value in expected.items() if got.get(key) != value)


def run_cases(tests: TestFile, rules: Sequence[Rule], policy: bytes = b"") -> tuple[list[CaseResult], list[Problem]]:
    """Run every case of a file against `rules`, with `quiet` and `limits` of their files (`policy_source`).

    Problems: all invalid parts of the cases, at once.
    """
    outcomes: list[CaseResult] = []
    problems: list[Problem] = []
    for inputs in _valid_cases(tests, rules, policy, (), problems):
        try:
            outcomes.append(_outcome(inputs))
        except ConfigError as flaw:
            problems += flaw.problems
    return outcomes, problems


def check_cases(
    tests: TestFile, rules: Sequence[Rule], policy: bytes = b"", broken: Collection[str] = ()
) -> list[Problem]:
    """Problems of the cases, without running them; rules that did not load are `broken`."""
    problems: list[Problem] = []
    for _ in _valid_cases(tests, rules, policy, broken, problems):
        pass
    return problems


def _valid_cases(
    tests: TestFile, rules: Sequence[Rule], policy: bytes, broken: Collection[str], problems: list[Problem]
) -> Iterator[CaseInput]:
    """Scenes of the valid cases, one after another; `problems` of the others."""
    by_id = {rule.id: rule for rule in rules}
    for case in tests.cases:
        rule = by_id.get(case.rule)
        if rule is not None:
            inputs = read_case(case, rule, tests, rules, policy)
            problems += inputs.problems
            if not inputs.problems:
                yield inputs
        elif case.rule not in broken:
            problems.append(case.problem("", "casetest.rule", rule=case.rule, known=", ".join(by_id) or "-"))


def _outcome(inputs: CaseInput) -> CaseResult:
    result = play(inputs)
    names = {device.id: code for code, device in inputs.devices.items()}
    return CaseResult(
        inputs.case,
        inputs.case.title("en"),
        inputs.start,
        tuple(_shown(one, names) for one in _compared(inputs, result.got)),
        tuple(_shown(one, names) for one in _compared(inputs, result.replayed)),
        tuple(inputs.expected),
        result.agree,
        len(names) > 1 or inputs.rule.watch.each,
    )


def _compared(inputs: CaseInput, made: Sequence[Transition]) -> Sequence[Transition]:
    """Transitions to compare: of the rules under test; MERGED notes only if the case names them."""
    merged = inputs.merged
    shown = [one for one in made if one.rule in inputs.shown and (merged or one.change is not Change.MERGED)]
    return [one for one in shown if not one.thing.component or _meant(inputs, one.thing)]


def _meant(inputs: CaseInput, thing: Thing) -> bool:
    """False for another connector than the named one, when all points belong to the device itself: those transitions
    need not be written."""
    device = next(one for one in inputs.devices.values() if one.id == thing.device)
    by_component = any(component for kind, _, component in inputs.points if kind == device.kind)
    return by_component or inputs.only.get(device.id, thing.component) == thing.component


def _shown(one: Transition, names: Mapping[int, str]) -> Shown:
    return {
        "at": one.at,
        "is": one.change.value,
        "level": one.level.word,
        "device": names.get(one.thing.device, ""),
        "component": one.thing.component,
        "group": one.thing.group,
        "identity": list(one.identity),
        "reason": one.reason,
        "imported": one.imported,
        "late": one.late,
        "live": one.live,
        "count": one.count,
        "unstable": one.unstable,
        "stale": one.stale,
        "muted": one.muted,
        "held_until": one.held_until,
        "limited": one.limited,
        "rule": one.rule,
        "parent": one.parent.rule if one.parent else "",
    }
