"""Whether a text is one SELECT and nothing else. Pure.

A second bar, not the first: the query runs in a read-only transaction, as a table inside a SELECT of ours, for a user
that should have no right but to read.
"""

import re
from collections.abc import Mapping
from typing import Final

WRITING: Final = frozenset({"insert", "update", "delete", "merge", "into"})
"""Words outside of quotation marks by which something inside of a SELECT writes or locks."""
_FIRST = re.compile(r"\s*(?:select|with)\b", re.IGNORECASE)
_QUOTED = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$", re.DOTALL
)
_WORD = re.compile(r"[^\W\d]\w*")


class NotOneSelect(ValueError):
    """`key` and `fields`: a text of the catalogue."""

    def __init__(self, key: str, **fields: object) -> None:
        super().__init__(key)
        self.key: str = key
        self.fields: Mapping[str, object] = fields


def one_select(text: str) -> str:
    """The statement without a semicolon at its end. Raises NotOneSelect."""
    bare = _without_quoted(text)
    trimmed = bare.rstrip()
    if trimmed.endswith(";"):
        trimmed = trimmed[:-1].rstrip()
    if ";" in trimmed:
        raise NotOneSelect("sql.one_statement")
    if not _FIRST.match(trimmed):
        raise NotOneSelect("sql.no_select", got=" ".join(trimmed.split())[:40] or "-")
    if found := [match[0] for match in _WORD.finditer(trimmed) if match[0].lower() in WRITING]:
        raise NotOneSelect("sql.writes", got=found[0].upper())
    depth = 0
    for sign in trimmed:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
    if depth:
        raise NotOneSelect("sql.parentheses")
    return text[: len(trimmed)].strip()


def _without_quoted(text: str) -> str:
    """The text with blanks in the place of comments and ~ in that of texts and quoted names, of the same length."""
    parts, place = [], 0
    for match in _QUOTED.finditer(text):
        if match[0].startswith("/*!"):  # MySQL carries these out
            raise NotOneSelect("sql.comment")
        filling = " " if match[0].startswith(("--", "/*")) else "~"
        parts += [text[place : match.start()], filling * len(match[0])]
        place = match.end()
    rest = "".join([*parts, text[place:]])
    if re.search(r"['\"`]|/\*", rest):
        raise NotOneSelect("sql.open_quote")
    return rest
