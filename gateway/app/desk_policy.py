"""Settings of the desk as the values it works with."""

from zoneinfo import ZoneInfo

from gateway.adapters import ENDPOINTS
from gateway.desk.config import hold_reasons_of
from gateway.desk.order_codes import OrderCodes
from gateway.desk.policy import DeskPolicy, OrderType
from gateway.settings.model import Settings
from gateway.settings.project import Project


def policy_of(project: Project) -> DeskPolicy:
    """The policy of a checked project."""
    settings = project.settings
    desk = settings.desk
    api = settings.api.url or settings.api.address
    return DeskPolicy(
        installation=settings.name,
        zone=ZoneInfo(settings.timezone),
        recheck_after=desk.recheck_after,
        tell_after=desk.tell_after,
        close_after=desk.close_after,
        digest_every=desk.digest_every,
        digest_template=desk.digest_template,
        types={name: OrderType(kind.auto_close, kind.safety) for name, kind in desk.order_types.items()},
        page=f"{api}/v1/work-orders/{{no}}",
        callback=f"{api}/v1/callbacks/{_answering(settings)}",
        language=settings.language,
        sla=project.sla,
        plans=project.desk_files.plans.plans,
        codes=OrderCodes.of(project.desk_files.order_codes.codes, strict=desk.codes == "known"),
        priorities=desk.priority.build(),
        hold_reasons=hold_reasons_of(desk),
    )


def _answering(settings: Settings) -> str:
    """Events are the same for all endpoints; if there are several, each receiver inserts its own name into the link."""
    names = [name for name, config in settings.endpoints.items() if ENDPOINTS[config.type].verify is not None]
    return names[0] if len(names) == 1 else "{endpoint}"
