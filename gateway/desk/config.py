"""`desk:` of the settings."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gateway.desk.hold_reasons import HoldReasons
from gateway.desk.order_config import Code, PriorityConfig, TextConfig
from gateway.desk.sla.config import HoursConfig, SlaPolicyConfig
from gateway.domain.duration import HOUR, MINUTE
from gateway.domain.language_values import InBothLanguages
from gateway.section import Duration, Section


class OrderTypeConfig(Section):
    """Settings of one type of work order (`then.order.type` of the rules)."""

    auto_close: bool = False
    """An order that was not accepted is closed when its condition clears."""
    safety: bool = False
    """Never closed by the desk, whatever the other settings are."""


def _policies(value: Any) -> Any:
    """A list of names is a table of policies without targets."""
    return {name: {} for name in value if isinstance(name, str)} if isinstance(value, list | tuple) else value


class DeskConfig(Section):
    """Settings of orders, events and notices."""

    order_types: dict[str, OrderTypeConfig] = Field(default={})
    skills: tuple[str, ...] = ()
    """Skills that `then.order.skill` and code tables may name."""
    hours: dict[str, HoursConfig] = Field(default={})
    """Working hours by name, for the clocks of `sla`."""
    sla: Annotated[dict[str, SlaPolicyConfig], BeforeValidator(_policies)] = Field(default={})
    """Policies by the name that `then.order.sla` has. A list of names is allowed: then orders have no clocks."""
    audiences: dict[str, str | tuple[str, ...]] = Field(default={"customer": "customer", "site": "site"})
    """`then.notice.audience` -> `customer` (of the device), `site` (all customers of its site, or of a group's sites),
    `area` (all customers of all sites of its area), or customer codes."""
    codes: Literal["free", "known"] = "free"
    """`known`: a resolve takes fault, cause and remedy of `order_codes` alone. `free`: any text as well."""
    priority: PriorityConfig = PriorityConfig()
    """Priority of an order by level, urgency and customer."""
    hold_reasons: dict[Code, TextConfig] | None = None
    """Reasons of a hold by code, instead of those that are there. `other` and `waiting_child` are always there."""
    recheck_after: Duration = Field(default=HOUR, ge=MINUTE)
    """Time after which an order closed under a raised alarm is checked again."""
    digest_every: Duration = Field(default=10 * MINUTE, ge=MINUTE)
    """Least time between two notices to a customer about one storm."""
    digest_template: str = ""
    """Template of that notice; empty = that of the rule."""
    close_after: Duration = Field(default=72 * HOUR, ge=0)
    """Time after which a resolved order is closed if nobody objects, never one of safety. `0s`: by people only."""
    tell_after: Duration = Field(default=10 * MINUTE, ge=MINUTE)
    """Least time between two events about a condition that keeps clearing and coming back."""


def hold_reasons_of(config: DeskConfig) -> HoldReasons:
    """The list of the settings, or the one that is there without any."""
    if config.hold_reasons is None:
        return HoldReasons()
    return HoldReasons.of({code: InBothLanguages(one.en, one.zh) for code, one in config.hold_reasons.items()})
