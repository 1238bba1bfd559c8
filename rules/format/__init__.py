"""Rule files (RULES): YAML text -> checked rules and test cases, all problems at once. Pure: no file is opened."""

from rules.format.actions import References, references
from rules.format.cases import Case, TestFile
from rules.format.load import Loaded, duplicates, load_text, merge
from rules.format.meaning import Edit
from rules.format.rule import normalise
from rules.format.source import compile_source, edit, edit_between

__all__ = [
    "Case",
    "Edit",
    "Loaded",
    "References",
    "TestFile",
    "compile_source",
    "duplicates",
    "edit",
    "edit_between",
    "load_text",
    "merge",
    "normalise",
    "references",
]
