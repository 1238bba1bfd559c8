"""The plans of the sources of a project, by their adapters. Nothing is connected to."""

from gateway.adapters import SOURCES
from gateway.clock import SystemClock
from gateway.probe_ports import SourcePlan
from gateway.settings.project import Project
from gateway.try_out.project_registry import in_memory_registry, trial_services


def source_plans(project: Project, only: str = "") -> dict[str, SourcePlan]:
    """By name of the source; `only`: this one."""
    clock = SystemClock()
    registry = in_memory_registry(project, clock)
    found: dict[str, SourcePlan] = {}
    for name, config in project.settings.sources.items():
        plan = SOURCES[config.type].plan
        if plan is not None and only in ("", name):
            found[name] = plan(name, config, trial_services(project, name, registry, clock))
    return found
