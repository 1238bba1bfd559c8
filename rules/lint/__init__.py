"""Findings on rules that load but are probably mistakes, and the cost of rules. Works on compiled rules. Pure."""

from rules.lint.cost import Cost, estimate
from rules.lint.finding import CODES, LintFinding, Severity
from rules.lint.inventory import RuleInventory, inventory_of
from rules.lint.run import CheckedFile, Lint, is_alone, lint
from rules.lint.subject import LintContext

__all__ = [
    "CODES",
    "CheckedFile",
    "Cost",
    "Lint",
    "LintContext",
    "LintFinding",
    "RuleInventory",
    "Severity",
    "estimate",
    "inventory_of",
    "is_alone",
    "lint",
]
