"""Configuration: `gateway.yaml`, profiles, lists, templates and rules, read and checked together."""

from gateway.settings.model import EndpointConfig, Settings, SourceConfig
from gateway.settings.profiles import LoadedProfile, vocabulary
from gateway.settings.project import Project, ProjectReport, inspect_project, load_project, load_settings
from gateway.settings.rulebook import Rulebook, RuleFile

__all__ = [
    "EndpointConfig",
    "LoadedProfile",
    "Project",
    "ProjectReport",
    "RuleFile",
    "Rulebook",
    "Settings",
    "SourceConfig",
    "inspect_project",
    "load_project",
    "load_settings",
    "vocabulary",
]
