"""First project of a user: proposals from a sample message and from the profiles of the library."""

from gateway.starter.library import fitting, library, matches
from gateway.starter.modbus_device import ModbusAnswers, register
from gateway.starter.project import SECRETS, InitAnswers, above, files, read, sample_of, trigger
from gateway.starter.sample import ProposedPoint, Sample, read_sample

__all__ = [
    "SECRETS",
    "InitAnswers",
    "ModbusAnswers",
    "ProposedPoint",
    "Sample",
    "above",
    "files",
    "fitting",
    "library",
    "matches",
    "read",
    "read_sample",
    "register",
    "sample_of",
    "trigger",
]  # fmt: skip
