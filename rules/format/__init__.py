"""Rule files (RULES): YAML text -> checked rules and test cases, all problems at once. Pure: no file is opened."""

from rules.compiled.edits import Edit
from rules.format.actions import References, references
from rules.format.calendar_file import work_calendar
from rules.format.cases import Case, Model, TestFile
from rules.format.journaled_rule import compile_source, edit
from rules.format.load import Loaded, duplicates, load_text, merge, policy_source
from rules.format.lookup_files import code_table, fence_file
from rules.format.quiet_and_limits import compile_policy
from rules.format.rule_source import encoded

__all__ = [
    "Case",
    "Edit",
    "Loaded",
    "Model",
    "References",
    "TestFile",
    "code_table",
    "compile_policy",
    "compile_source",
    "duplicates",
    "edit",
    "encoded",
    "fence_file",
    "load_text",
    "merge",
    "policy_source",
    "references",
    "work_calendar",
]
