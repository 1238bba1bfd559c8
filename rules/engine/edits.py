"""Edits of rules: the classification lives with the compiled form, for the loader's sake."""

from rules.compiled.edits import Edit, classify

__all__ = ["Edit", "classify"]
