"""A project of one's own, to begin with: proposals from a sample message and from the profiles of the library."""

from gateway.starter.library import fitting, library, matches
from gateway.starter.project import SECRETS, Answers, files, sample_of, trigger
from gateway.starter.sample import Guess, Sample, look

__all__ = [
    "SECRETS", "Answers", "Guess", "Sample", "files", "fitting", "library", "look", "matches", "sample_of", "trigger",
]  # fmt: skip
