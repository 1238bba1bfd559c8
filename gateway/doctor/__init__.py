"""Checks of `fieldgate doctor`: the machine, the files, the brokers, a running gateway. Changes nothing."""

from gateway.doctor.examine import examine
from gateway.domain.finding import DoctorFinding, Grade

__all__ = ["DoctorFinding", "Grade", "examine"]
