"""All checks over all files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from rules.compiled import Rule
from rules.format.cases import Case
from rules.format.load import STAND_ALONE, Loaded
from rules.format.quiet_and_limits import compile_policy, join_policies
from rules.format.rule_source import decoded
from rules.format.yaml_tree import Notes, YamlMapping, lines_of, read
from rules.lint.actions import hours, order_and_notice
from rules.lint.at_load import at_load
from rules.lint.condition_checks import of_condition
from rules.lint.cost import Cost, estimate
from rules.lint.finding import LintFinding, Severity
from rules.lint.hours_and_flapping import flapping, holds_and_hours, votes_and_intervals
from rules.lint.logic import logic
from rules.lint.missing_and_identity import identity, missing
from rules.lint.on_change import on_change
from rules.lint.overlap import overlaps, parents, quiets
from rules.lint.percents import percents
from rules.lint.remarks import accept, remarks
from rules.lint.subject import LintContext, Subject
from rules.lint.tests import rule_tests
from rules.lint.watched_devices import watching
from rules.lint.windows import windows

RULE_CHECKS: tuple[Callable[[Subject], Iterator[LintFinding]], ...] = (
    missing,
    identity,
    logic,
    percents,
    holds_and_hours,
    flapping,
    votes_and_intervals,
    on_change,
    order_and_notice,
    rule_tests,
)
INSTALLATION_CHECKS: tuple[Callable[[Subject, LintContext], Iterator[LintFinding]], ...] = (
    of_condition,
    windows,
    watching,
    at_load,
    hours,
)
"""Checks that need more than the rule."""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file that loaded without problems, and its text. `stand_alone`: a test file whose rules are examples.

    `in_force_only`: rules in force that are not checked; the others are compared with them.
    """

    loaded: Loaded
    text: str
    stand_alone: bool = False
    in_force_only: bool = False


@dataclass(frozen=True, slots=True)
class Lint:
    """`findings` by file and line; `accepted` with the reason given in the file; `costs` of the rules in force.

    `limit` is `limits: {state: ..}` in bytes, 0 = none; `unchecked` are the parts of `LintContext` that are not known.
    """

    findings: tuple[LintFinding, ...]
    accepted: tuple[tuple[LintFinding, str], ...]
    costs: tuple[Cost, ...]
    limit: int
    unchecked: tuple[str, ...]

    @property
    def state(self) -> int:
        """Bytes of state of all rules."""
        return sum(one.state for one in self.costs)

    @property
    def over(self) -> bool:
        """True if the state exceeds the limit."""
        return 0 < self.limit < self.state

    def count(self, severity: Severity) -> int:
        """Number of findings of a severity."""
        return sum(one.severity is severity for one in self.findings)


def is_alone(text: str) -> bool:
    """True for a stand-alone test file."""
    tree = read(text, Notes(""))
    return isinstance(tree, YamlMapping) and not STAND_ALONE.isdisjoint(tree.entries)


def lint(files: Sequence[CheckedFile], context: LintContext) -> Lint:
    """Findings and costs of files that loaded."""
    by_file = [(file, list(_subjects(file))) for file in files if not file.in_force_only]
    subjects = list(chain.from_iterable(found for _, found in by_file))
    checked = {one.rule.id for one in subjects}
    beside = [one for file in files if file.in_force_only for one in _subjects(file) if one.rule.id not in checked]
    source, _ = join_policies(
        [(file.loaded.file, file.loaded.policy) for file in files if not (file.stand_alone or file.in_force_only)]
    )
    policy = compile_policy(source, context.zone)
    found = list(chain.from_iterable(check(one) for one in subjects for check in RULE_CHECKS))
    found += chain.from_iterable(check(one, context) for one in subjects for check in INSTALLATION_CHECKS)
    found += chain(
        overlaps([*beside, *subjects], context), parents([*beside, *subjects]), quiets(subjects, bool(policy.quiet))
    )
    of_file: dict[str, list[LintFinding]] = {}
    for finding in found:
        of_file.setdefault(finding.file, []).append(finding)
    left: list[LintFinding] = []
    accepted: list[tuple[LintFinding, str]] = []
    for file, own in by_file:
        noted = remarks(file.text, [(one.line, one.rule.id) for one in own])
        kept, taken = accept(of_file.get(file.loaded.file, []), noted, file.loaded.file)
        left += sorted(kept, key=_place)
        accepted += taken
    costs = tuple(estimate(one.rule, one.names, context.inventory) for one in subjects if not one.stand_alone)
    return Lint(tuple(left), tuple(accepted), costs, policy.state, tuple(_unchecked(context)))


def _place(finding: LintFinding) -> tuple[int, str, str]:
    return finding.line, finding.rule, finding.code


def _unchecked(context: LintContext) -> Iterator[str]:
    if context.inventory is None:
        yield "fleet"
    if context.retention is None:
        yield "retention"
    if context.seen is None:
        yield "seen"


def _subjects(file: CheckedFile) -> Iterator[Subject]:
    """Subjects of the checks: the rules of a file."""
    loaded = file.loaded
    lines, cases = _lines(file), dict[str, list[Case]]()
    for case in loaded.tests.cases:
        cases.setdefault(case.rule, []).append(case)
    rules: dict[str, Rule] = {rule.id: rule for rule in loaded.rules}
    for place in loaded.places:
        rule = rules.pop(place.id, None)
        if rule is None:
            continue
        below = lines.get(place.path, {})
        own = tuple(cases.get(place.id, ()))
        yield Subject(
            rule,
            loaded.file,
            place.line,
            below,
            decoded(rule.source).rule if rule.source else {},
            loaded.tests.names,
            own,
            file.stand_alone,
            file.in_force_only,
        )


def _lines(file: CheckedFile) -> dict[str, dict[str, int]]:
    """`rules[2]` -> path below it -> line."""
    tree, out = read(file.text, Notes(file.loaded.file)), dict[str, dict[str, int]]()
    for path, line in lines_of(tree).items() if isinstance(tree, YamlMapping) else ():
        rule, inside, key = path.partition("].")
        if inside:
            out.setdefault(f"{rule}]", {})[key] = line
    return out
