"""What `fieldgate doctor` looks at: the machine, the files, the brokers, a running gateway. Changes nothing."""

from gateway.doctor.finding import Finding, Grade
from gateway.doctor.rounds import examine

__all__ = ["Finding", "Grade", "examine"]
