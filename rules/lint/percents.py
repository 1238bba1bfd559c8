"""Per cents beside values without a unit: a fraction of 1, or of 100."""

import re
from collections.abc import Iterator

from gateway.domain.device import PointKind
from gateway.domain.units import parse_unit
from rules.compiled.reads import operand_of
from rules.expr.expression_type import RATIO
from rules.expr.syntax_tree import CallNode, Compare, Name, Number, Syntax, number_text, render
from rules.lint.comparisons import trees, walk
from rules.lint.finding import LintFinding
from rules.lint.predicates import predicates
from rules.lint.subject import Subject

_PER_CENT = re.compile(r"^[^\s%‰a-z]+\s*(%|‰|[a-z]+)")


def percents(subject: Subject) -> Iterator[LintFinding]:
    """Check every condition, and `unless`."""
    conditions = [(one.path, one.written) for one in predicates(subject)]
    for path, written in (*conditions, ("unless", subject.get("unless"))):
        for _, tree in trees(written):
            for part in walk(tree):
                if isinstance(part, Compare):
                    yield from _compared(subject, path, written, part.left, part.right)
                    yield from _compared(subject, path, written, part.right, part.left)


def _compared(subject: Subject, path: str, written: object, side: Syntax, limit: Syntax) -> Iterator[LintFinding]:
    if isinstance(limit, CallNode) and limit.name == "attr" and len(limit.arguments) == 2:
        limit = limit.arguments[1]
    if not isinstance(side, Name) or not isinstance(limit, Number) or not limit.unit:
        return
    unit = parse_unit(limit.unit)
    if unit.dimension != RATIO or not _bare(subject, side.name):
        return
    hundredths = unit.canonical(limit.value)
    fraction, whole = (number_text(float(f"{one:.12g}")) for one in (hundredths / 100, hundredths))
    write = fraction
    if isinstance(written, str):
        rest = _PER_CENT.sub(fraction, written[limit.at :], count=1)
        write = f'{path.rpartition(".")[2]}: "{written[: limit.at]}{rest}"'
    yield subject.find(
        "percent-no-unit", path, write=write, name=side.name, limit=render(limit), fraction=fraction, whole=whole
    )


def _bare(subject: Subject, name: str) -> bool:
    """True for a gauge without a unit, or a signal of one, that can exceed 1."""
    signal = subject.signal(name)
    of = name if signal is None else operand_of(signal)
    spec = subject.spec(of) if isinstance(of, str) else None
    if spec is None or spec.unit or spec.kind is not PointKind.GAUGE or (signal is not None and subject.unit(name)):
        return False
    most = spec.plausible.max
    return most is None or most > 1
