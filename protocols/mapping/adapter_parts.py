"""Parts of `SourceAdapter` that all sources with routes share. What they use is loaded when they are called."""

from collections.abc import Iterable, Mapping

from gateway.adapter_ports import CheckedProject, ConfigFindings, MessageTrial, SourceServices
from gateway.domain.errors import Problem
from protocols.mapping.config import RoutesSection


def check_with(sources: Mapping[str, RoutesSection], project: CheckedProject) -> ConfigFindings:
    """`SourceAdapter.check_with`."""
    from protocols.mapping.route_check import check_routes

    return check_routes(sources, project)


def state_texts(config: RoutesSection) -> Iterable[tuple[str, str]]:
    """`SourceAdapter.state_texts`."""
    from protocols.mapping.state_texts import state_texts as texts_of

    return texts_of(config)


def try_message(
    name: str, config: RoutesSection, services: SourceServices, topic: str, payload: bytes, retain: bool
) -> MessageTrial:
    """`SourceAdapter.try_message`."""
    from protocols.mapping.trial import try_message as tried

    return tried(name, config, services, topic, payload, retain=retain)


def out_of_reach(name: str, config: RoutesSection, file: str) -> list[Problem]:
    """Routes that no message of a source can match whose topics begin with its name."""
    found = []
    for index, route in enumerate(config.routes):
        first = route.filter.partition("/")[0]
        if first != name and "{" not in first:
            place, fields = f"sources.{name}.routes[{index}].filter", {"filter": route.filter, "write": name}
            found.append(Problem(file, place, "route.out_of_reach", fields))
    return found
