"""The reason of an attempt in words. A reason is `label` or `label: detail`; labels are texts of the catalogue."""

from dataclasses import dataclass

from gateway.domain.text import Lang, catalogue, localize


def explain(reason: str, lang: Lang = "en") -> str:
    """`busy: 503 later` -> `The receiver asks to wait (503 later)`. A text without a known label stays as it is."""
    label, _, detail = reason.partition(": ")
    if label == "exhausted":
        return localize("delivery.reason.exhausted", lang, last=explain(detail, lang))
    if f"delivery.reason.{label}" not in catalogue():
        return reason
    words = localize(f"delivery.reason.{label}", lang)
    if not detail:
        return words
    return f"{words}（{detail}）" if lang == "zh" else f"{words} ({detail})"


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason as a field of a log line: the label for machines, words for people."""

    label: str

    def text(self, lang: Lang) -> str:
        """In words."""
        return explain(self.label, lang)

    def __str__(self) -> str:
        return self.label
