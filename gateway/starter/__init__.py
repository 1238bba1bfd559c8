"""First project of a user: proposals from a sample message and from the profiles of the library."""

from gateway.starter.device_source import source_sample
from gateway.starter.library import device_files, device_profile, fitting, library, matches
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
    "device_files",
    "device_profile",
    "files",
    "fitting",
    "library",
    "matches",
    "read",
    "read_sample",
    "register",
    "sample_of",
    "source_sample",
    "trigger",
]  # fmt: skip
