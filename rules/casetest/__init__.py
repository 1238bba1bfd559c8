"""Tests inside rule files (RULES section 6): a case becomes a virtual journal, the engine runs it twice. Pure."""

from rules.casetest.report import as_json, as_text
from rules.casetest.run import CaseResult, check_cases, run_cases

__all__ = ["CaseResult", "as_json", "as_text", "check_cases", "run_cases"]
