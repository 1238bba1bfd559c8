"""What `fieldgate doctor` looks at: the machine, the files, the brokers, a running gateway. Changes nothing."""

from gateway.doctor.examination import examine
from gateway.doctor.finding import Finding, Grade

__all__ = ["Finding", "Grade", "examine"]
