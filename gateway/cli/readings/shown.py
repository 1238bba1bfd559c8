"""Times and values as `fieldgate readings` and `fieldgate meter` read and show them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.api.values import rfc3339
from gateway.cli.api_call import LocalApi
from gateway.cli.history_options import moment
from gateway.cli.problems import refuse
from gateway.domain.errors import ConfigError
from gateway.domain.text import Lang, localize


def moment_of(api: LocalApi, text: str, option: str) -> str:
    """RFC 3339 of a date or time; without a zone it is of the installation's. Ends the program when it is none."""
    try:
        return rfc3339(moment(text, option, ZoneInfo(api.settings.timezone)))
    except ConfigError as error:
        refuse(error, api.lang)


def when(api: LocalApi, text: str) -> str:
    """A time of the API in the installation's zone, to the second."""
    local = datetime.fromisoformat(text).astimezone(ZoneInfo(api.settings.timezone))
    return local.strftime("%Y-%m-%d %H:%M:%S")


def amount(value: float | str | None, unit: str, lang: Lang) -> str:
    """`2.1 kPa`, the text of a state, or words for no data."""
    if value is None:
        return localize("readings.no_data", lang)
    return value if isinstance(value, str) else f"{value:g} {unit}".strip()
