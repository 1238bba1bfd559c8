"""SLA: clocks of an order that count working time, their milestones, and why something is due then."""

from gateway.desk.sla.clocks import ClockNumbers, consumed_at, numbers
from gateway.desk.sla.config import HoursConfig, MilestoneConfig, SlaNoticeConfig, SlaPolicyConfig
from gateway.desk.sla.explain import Reasons, SimulatedMilestone, explain, simulate
from gateway.desk.sla.policy import BREACH, Milestone, SlaNotice, SlaPolicies, SlaPolicy

__all__ = [
    "BREACH",
    "ClockNumbers",
    "HoursConfig",
    "Milestone",
    "MilestoneConfig",
    "Reasons",
    "SimulatedMilestone",
    "SlaNotice",
    "SlaNoticeConfig",
    "SlaPolicies",
    "SlaPolicy",
    "SlaPolicyConfig",
    "consumed_at",
    "explain",
    "numbers",
    "simulate",
]
