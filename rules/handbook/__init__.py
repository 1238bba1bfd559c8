"""Pages about a rule library for the people who live with it, made from the rules themselves."""

from rules.handbook.page import Chapter, page

__all__ = ["Chapter", "page"]
