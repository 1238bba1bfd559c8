"""One line of the report of `fieldgate doctor`."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.language_values import Phrase
from gateway.domain.text import Lang, localize


class Grade(StrEnum):
    """`warn` works now but may stop working, `bad` does not work."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """`what` is the text of the check and its result; `advice` the remedy."""

    grade: Grade
    what: Phrase
    advice: Phrase | None = None

    def text(self, lang: Lang) -> str:
        """`bad   disk: … → free some space`."""
        grade = localize(f"doctor.grade.{self.grade.value}", lang)
        text = f"{grade}  {self.what.text(lang)}"
        return text if self.advice is None else f"{text}\n      → {self.advice.text(lang)}"


def ok(key: str, **fields: object) -> DoctorFinding:
    """Finding of grade ok."""
    return DoctorFinding(Grade.OK, Phrase(key, fields))


def warn(key: str, advice: str, **fields: object) -> DoctorFinding:
    """Finding of grade warn; `fields` fill `advice` too."""
    return DoctorFinding(Grade.WARN, Phrase(key, fields), Phrase(advice, fields))


def bad(key: str, advice: str, **fields: object) -> DoctorFinding:
    """Finding of grade bad; `fields` fill `advice` too."""
    return DoctorFinding(Grade.BAD, Phrase(key, fields), Phrase(advice, fields))
