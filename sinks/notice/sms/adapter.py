"""Exports of this folder (`gateway.adapter_ports.EndpointAdapter`). Parts are imported on first use."""

from typing import TYPE_CHECKING

from gateway.adapter_ports import ConfigFindings, EndpointAdapter
from gateway.ports import Clock
from sinks.notice.sms.config import SmsConfig

if TYPE_CHECKING:
    from sinks.notice.sms.sink import SmsSink


def _build(name: str, config: SmsConfig, clock: Clock) -> "SmsSink":
    from sinks.notice.sms.sink import SmsSink

    return SmsSink(name, config, clock)


def _check(name: str, config: SmsConfig, file: str) -> ConfigFindings:
    from sinks.http.check import check_secrets

    return check_secrets(name, config, file)


def _takes_template(config: SmsConfig, name: str) -> bool:
    """An endpoint that lists provider codes needs one for each template."""
    known = config.templates
    return not known or name in {key.split(".", 1)[0] for key in known} | set(known)


def _sign(config: SmsConfig) -> str:
    """The approved name."""
    return config.sign


ADAPTER = EndpointAdapter(
    name="sms",
    config=SmsConfig,
    build=_build,
    payload="notice",
    events=lambda _: ("notice.*",),
    check=_check,
    takes_template=_takes_template,
    sign=_sign,
)
