"""Clauses put together: with `and`, with `or` only those that were so, and of many a few."""

from collections.abc import Sequence

from rules.sentence.template import CHOOSING, has_place, spoken
from rules.sentence.wording import Wording

MOST_CLAUSES, LONG_CLAUSE = 3, {"en": 220, "zh": 110}
"""Largest number of parts of a condition in a sentence, and the longest of them in characters."""


def bracketed(words: Wording, text: str) -> str:
    """In brackets, unless all but one of its parts was left out."""
    several = not words.valued or words.localize("and") in text or words.localize("or") in text
    return words.localize("bracket", text=text) if several else text


def joined(words: Wording, word: str, parts: Sequence[tuple[str, bool | None]]) -> str:
    """`and`, `or` of clauses, each with whether it was true; of alternatives only those that were."""
    texts = [text for text, _ in parts]
    if not words.valued:
        return _several(words, f"{word}_plain", texts)
    if word == "and":
        return _several(words, word, texts)
    so = [text for text, so in parts if so] or [text for text, so in parts if so is None] or texts
    return CHOOSING + _several(words, word, so)


def _several(words: Wording, word: str, texts: list[str]) -> str:
    """At most a few of them, first those with a reading, and no very long one if there are others."""
    good = [text for text in texts if spoken(text) < LONG_CLAUSE[words.lang]] or [min(texts, key=spoken)]
    best = sorted(good, key=lambda text: not has_place(text))[:MOST_CLAUSES]
    kept = [text for text in good if text in best][:MOST_CLAUSES]
    if left := len(texts) - len(kept):
        kept.append(words.localize("more" if left > 1 else "more_one", n=left))
    return words.localize(word).join(kept)
