"""A rule that is checked: compiled, as written, the lines of its keys, the declarations of its points."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.domain.device import PointKind, PointSpec
from rules.compiled import Expression, LevelRule, Levels, Names, Rule, Signal
from rules.compiled.reads import points_of
from rules.format.cases import Case
from rules.lint.finding import CODES, LintFinding, Severity
from rules.lint.inventory import RuleInventory


@dataclass(frozen=True, slots=True)
class LintContext:
    """Installation that rules are checked against; None = not known, then not checked.

    `retention` µs of stored history; `seen` (device id, point name) -> newest time µs, of all readings so far; `today`
    in the zone.
    """

    inventory: RuleInventory | None = None
    retention: int | None = None
    seen: Mapping[tuple[int, str], int] | None = None
    zone: str = "UTC"
    today: date | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """One rule and its text: `body` as written, `lines` the line of every path below it; `stand_alone`: of a test file.

    `in_force_only`: in force, but not checked: only compared with the others.
    """

    rule: Rule
    file: str
    line: int
    lines: Mapping[str, int]
    body: Mapping[str, Any]
    names: Names
    cases: tuple[Case, ...] = ()
    stand_alone: bool = False
    in_force_only: bool = False

    def find(
        self, code: str, path: str = "", *, write: str = "", severity: Severity | None = None, **fields: object
    ) -> LintFinding:
        """A finding at a key of the rule."""
        return LintFinding(self.file, self.at(path), self.rule.id, code, severity or CODES[code], fields, write)

    def at(self, path: str) -> int:
        """The line of `levels.major.clear`, else of the nearest key above it that is written."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path.rpartition(".")[0]
        return self.line

    def get(self, path: str) -> Any:
        """Value at `levels.major.clear`, None when there is none."""
        found: Any = self.body
        for key in path.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def signal(self, name: str) -> Signal | None:
        """The signal of this name."""
        return next((one for one in self.rule.signals if one.name == name), None)

    # --- points
    def kinds(self) -> tuple[str, ...]:
        """Kinds of device of its expressions."""
        return self.rule.watch.kinds

    def spec(self, point: str) -> PointSpec | None:
        """Declaration of a point, from the first kind that has it."""
        vocabulary = self.names.points
        return next((vocabulary[k][point] for k in vocabulary_order(self, vocabulary) if point in vocabulary[k]), None)

    def unit(self, name: str) -> str:
        """The canonical unit of a point or signal; "" = dimensionless, or unknown. A length of time is in hours."""
        if name.startswith("age("):
            return "h"
        signal = self.signal(name)
        if signal is not None:
            return str(getattr(signal, "unit", ""))
        spec = self.spec(name)
        return spec.unit if spec is not None else ""

    def every(self, point: str) -> int:
        """The promised interval of a point, µs, 0 = none."""
        spec = self.spec(point)
        return spec.every if spec is not None else 0

    def gauge(self, point: str) -> bool:
        """True for a gauge that fluctuates."""
        spec = self.spec(point)
        return spec is not None and spec.kind is PointKind.GAUGE

    def intervals(self, expression: Expression) -> list[int]:
        """Promised intervals of the points in an expression, of those that have one."""
        return [every for name in points_of(expression) if (every := self.every(name))]

    # --- levels
    def levels(self) -> Iterator[tuple[LevelRule, str]]:
        """Each level of a threshold rule, and the beginning of its paths: `levels.major.`, "" for a plain rule."""
        condition = self.rule.condition
        if not isinstance(condition, Levels):
            return
        staged = isinstance(self.body.get("levels"), Mapping)
        for one in condition.levels:
            yield one, f"levels.{one.level.word}." if staged else ""


def vocabulary_order(subject: Subject, vocabulary: Mapping[str, object]) -> list[str]:
    """The watched kinds first, then all others: members may be of another kind."""
    first = [kind for kind in subject.kinds() if kind in vocabulary]
    return [*first, *(kind for kind in vocabulary if kind not in first)]
