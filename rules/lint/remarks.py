"""`# lint: ok CODE why`: a finding that a person has accepted."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules.lint.finding import CODES, LintFinding

_REMARK = re.compile(r"#\s*lint:\s*ok\b[ \t]*([^\s#]*)[ \t]*(.*)$")


@dataclass(frozen=True, slots=True)
class Remark:
    """`rule` is the one it is in, or directly above."""

    rule: str
    line: int
    code: str
    why: str


def remarks(text: str, starts: Sequence[tuple[int, str]]) -> list[Remark]:
    """All remarks of a file; `starts` are the first lines of its rules."""
    lines = text.split("\n")
    begun = sorted((_above(lines, line), rule) for line, rule in starts)
    out: list[Remark] = []
    for number, line in enumerate(lines, 1):
        match = _REMARK.search(line)
        if match:
            rule = next((name for start, name in reversed(begun) if start <= number), "")
            out.append(Remark(rule, number, match[1], match[2].strip()))
    return out


def _above(lines: Sequence[str], line: int) -> int:
    """The first line of the comment directly above a rule, else its own first line."""
    while line > 1 and lines[line - 2].lstrip().startswith("#"):
        line -= 1
    return line


def accept(
    findings: Sequence[LintFinding], found: Sequence[Remark], file: str
) -> tuple[list[LintFinding], list[tuple[LintFinding, str]]]:
    """(remaining findings and mistakes in remarks, accepted findings with their reason) of one file."""
    means = {(one.rule, one.code): one for one in found if one.why and one.code in CODES}
    left = [one for one in findings if (one.rule, one.code) not in means]
    accepted = [(one, means[one.rule, one.code].why) for one in findings if (one.rule, one.code) in means]
    used = {(one.rule, one.code) for one, _ in accepted}
    left += _wrong(found, used, file)
    return left, accepted


def _wrong(found: Sequence[Remark], used: set[tuple[str, str]], file: str) -> Iterator[LintFinding]:
    for one in found:
        code, fields = "", {"name": one.code or "-"}
        if one.code not in CODES:
            code = "accept-unknown"
            write = "# lint: ok no-hysteresis the probe is slow"
        elif not one.why:
            code, write = "accept-reason", f"# lint: ok {one.code} why it is meant so"
        elif (one.rule, one.code) not in used:
            code, write = "accept-unused", ""
        if code:
            yield LintFinding(file, one.line, one.rule, code, CODES[code], fields, write)
