"""A project of one's own, to begin with: proposals from a sample message and from the profiles of the library."""

from gateway.starter.library import fitting, library, matches
from gateway.starter.project import SECRETS, InitAnswers, files, sample_of, trigger
from gateway.starter.sample import Guess, Sample, look

__all__ = [
    "SECRETS",
    "Guess",
    "InitAnswers",
    "Sample",
    "files",
    "fitting",
    "library",
    "look",
    "matches",
    "sample_of",
    "trigger",
]  # fmt: skip
