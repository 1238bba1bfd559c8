"""`desk:` of the settings."""

from pydantic import Field

from gateway.domain.duration import HOUR, MINUTE
from gateway.section import Duration, Section


class OrderTypeConfig(Section):
    """Settings of one type of work order (`then.order.type` of the rules)."""

    auto_close: bool = False
    """An order nobody accepted is closed when its condition clears."""
    safety: bool = False
    """Never closed by the desk, whatever the rest says."""


class DeskConfig(Section):
    """Settings of orders, events and notices."""

    order_types: dict[str, OrderTypeConfig] = Field(default={})
    skills: tuple[str, ...] = ()
    """What `then.order.skill` and code tables may ask for."""
    sla: tuple[str, ...] = ()
    """What `then.order.sla` may ask for."""
    audiences: dict[str, str | tuple[str, ...]] = Field(default={"customer": "customer", "site": "site"})
    """`then.notice.audience` -> `customer` (of the device), `site` (all customers of its site, or of a group's sites),
    `area` (all customers of all sites of its area), or customer codes."""
    recheck_after: Duration = Field(default=HOUR, ge=MINUTE)
    """When an order closed under a raised alarm is looked at again."""
    digest_every: Duration = Field(default=10 * MINUTE, ge=MINUTE)
    """How often a customer hears of one storm, at most."""
    digest_template: str = ""
    """The template of that notice; empty = the one of the rule."""
    tell_after: Duration = Field(default=10 * MINUTE, ge=MINUTE)
    """A condition that keeps coming and going is told to the OA systems at most so often."""
