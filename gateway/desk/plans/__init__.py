"""Maintenance plans: who owns a cycle, when its order opens, what its end means. `dates.py` and `plan.py` are pure."""

from gateway.desk.plans.plan import NO_PLANS, Basis, MaintenancePlan, PlanDates, PlannedOrder, Plans

__all__ = ["NO_PLANS", "Basis", "MaintenancePlan", "PlanDates", "PlannedOrder", "Plans"]
