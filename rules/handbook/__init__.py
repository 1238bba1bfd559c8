"""Pages about a rule library, made from the rules."""

from rules.handbook.page import Chapter, page

__all__ = ["Chapter", "page"]
