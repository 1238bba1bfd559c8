"""One line of what `fieldgate doctor` reports."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.language_values import Phrase
from gateway.domain.text import Lang, say


class Grade(StrEnum):
    """`warn` works and may not go on doing so, `bad` does not work."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """`what` was looked at and what was found; `advice` what to do about it."""

    grade: Grade
    what: Phrase
    advice: Phrase | None = None

    def text(self, lang: Lang) -> str:
        """`bad   disk: … → free some space`."""
        grade = say(f"doctor.grade.{self.grade.value}", lang)
        told = f"{grade}  {self.what.text(lang)}"
        return told if self.advice is None else f"{told}\n      → {self.advice.text(lang)}"


def ok(key: str, **fields: object) -> DoctorFinding:
    """In order."""
    return DoctorFinding(Grade.OK, Phrase(key, fields))


def warn(key: str, advice: str, **fields: object) -> DoctorFinding:
    """`advice` is filled with the same fields."""
    return DoctorFinding(Grade.WARN, Phrase(key, fields), Phrase(advice, fields))


def bad(key: str, advice: str, **fields: object) -> DoctorFinding:
    """`advice` is filled with the same fields."""
    return DoctorFinding(Grade.BAD, Phrase(key, fields), Phrase(advice, fields))
