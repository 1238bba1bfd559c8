"""The configuration in force, and the part of it that each component uses."""

from collections.abc import Mapping

from gateway.api.context import ApiSettings
from gateway.app.desk_policy import policy_of
from gateway.domain.device import Profile
from gateway.expected_stores import JOURNAL
from gateway.health import HealthSettings
from gateway.import_service.service import ImportLimits
from gateway.settings.model import Settings
from gateway.settings.project import Project


class ProjectInForce:
    """Changed on the event loop by a reload, read from any thread: each value is replaced as a whole."""

    def __init__(self, project: Project) -> None:
        self.use(project)

    def use(self, project: Project) -> None:
        """Put `project` into force."""
        settings = project.settings
        self.project = project
        self.profiles: Mapping[str, Profile] = {profile.id: profile for profile in project.declared.profiles}
        self.api = ApiSettings(
            settings.name,
            settings.tenant,
            settings.partition,
            settings.language,
            settings.mask,
            settings.data_dir,
            settings.api,
            settings.health,
            frozenset(settings.desk.order_types),
            settings.endpoints,
            settings.clock.accept_late,
            settings.timezone,
            project.sla,
            policy_of(project),
        )
        silent_after = {name: getattr(source, "silent_after", 0) for name, source in settings.sources.items()}
        self.health = HealthSettings(settings.data_dir / JOURNAL, settings.journal.free_space_floor, silent_after)
        self.imports = ImportLimits(settings.history.retention, settings.api.max_body)

    @property
    def settings(self) -> Settings:
        """The settings of the main file."""
        return self.project.settings
