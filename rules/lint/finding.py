"""One finding: place, rule, severity, stable code, and suggestion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.text import Lang, localize


class Severity(StrEnum):
    """A warning is probably a mistake; an info should be checked."""

    WARNING = "warning"
    INFO = "info"


W, INFO = Severity.WARNING, Severity.INFO
CODES: Mapping[str, Severity] = {
    # conditions
    "no-hysteresis": W, "hold-below-interval": W, "gap-below-interval": W, "gap-unknown": INFO, "level-weaker": W,
    "percent-no-unit": W, "never-true": W, "always-true": W, "clear-never": W, "unless-never": W, "unless-always": W,
    "missing-below-interval": W, "silent-below-interval": W, "identity-unbounded": W, "quorum-unreachable": W,
    "hold-beyond-active": W, "flap-never": W, "streak-never": W, "wait-below-interval": W, "vote-below-interval": W,
    "dates-overlap": W, "step-never": W,
    "silent-on-change": W, "repeats-on-change": INFO, "missing-on-change": W, "coverage-unknown": INFO,
    # signals
    "window-few-readings": W, "window-beyond-retention": W, "streak-beyond-retention": W, "baseline-cold": INFO,
    # watched devices
    "no-device": W, "point-never-seen": W, "point-not-everywhere": INFO, "attribute-nowhere": W, "overlap": W,
    "peers-alone": W,
    "overlap-one-order": INFO, "silent-without-point": W, "silent-at-load": INFO,
    "age-at-load": INFO, "due-at-load": INFO, "term-at-load": INFO,
    # orders and notices
    "no-why": W, "one-language": INFO, "no-action": INFO, "latched-alone": W, "no-end": W, "critical-once": W,
    "critical-no-sla": INFO, "batch-critical": W, "safety-hours": W, "safety-delayed": W, "safety-quiet": INFO,
    "parent-not-live": W, "calendar-none": W, "calendar-year": W, "calendar-provisional": W,
    # tests and remarks
    "no-test": W, "silent-tests": W, "accept-unknown": W, "accept-reason": W, "accept-unused": INFO,
}  # fmt: skip
"""All codes, each with its usual severity. Codes are stable: files and scripts contain them."""


@dataclass(frozen=True, slots=True)
class LintFinding:
    """`line` counts from 1, 0 = unknown. `fields` fill the text `lint.<code>`; `write` is YAML that can be pasted."""

    file: str
    line: int
    rule: str
    code: str
    severity: Severity
    fields: Mapping[str, object] = field(default_factory=dict)
    write: str = ""

    def text(self, lang: Lang = "en") -> str:
        """Text of the finding, without the place."""
        return localize(f"lint.{self.code}", lang, **self.fields)

    def render(self, lang: Lang = "en") -> str:
        """`config/rules/gas.yaml:12 gas.low: warning no-hysteresis: ..`, and a second line with the suggestion."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        word = localize(f"lint.word.{self.severity.value}", lang)
        head = localize("lint.line", lang, place=place, rule=self.rule, word=word, code=self.code, text=self.text(lang))
        return f"{head}\n    {localize('lint.word.write', lang)}  {self.write}" if self.write else head
