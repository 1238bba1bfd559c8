"""Words that many lines of a page need: levels and lists."""

from collections.abc import Iterable

from gateway.domain.text import Lang, say


def level_word(level: str, lang: Lang) -> str:
    """What people call a level; in English its key, which is the word."""
    return say(f"word.level.{level}", lang)


def listed(items: Iterable[str], lang: Lang) -> str:
    """`a, b`; `a、b`."""
    return say("handbook.comma", lang).join(items)
