"""Do the routes fit the profiles? For `fieldgate check`: said before the first message comes."""

from collections.abc import Iterable

from gateway.domain.device import Point
from gateway.domain.errors import Problem
from protocols.mqtt.column import misfit
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.topic import parse_template


def check(config: MqttConfig, points: Iterable[Point], file: str, path: str) -> list[Problem]:
    """Points that no profile has, and units or maps that do not suit the points they fill.

    `path` is where the source stands in `file` (`sources.site-broker`). Names taken from the topic are not judged.
    """
    by_name: dict[str, list[Point]] = {}
    for point in points:
        by_name.setdefault(point.name, []).append(point)
    found: list[Problem] = []
    for index, route in enumerate(config.routes):
        for key, entry in route.points.items():
            name = parse_template(entry.point or key)
            place = f"{path}.routes[{index}].points.{key}"
            if name.names:
                continue
            if name.text not in by_name:
                known = ", ".join(sorted(by_name)) or "-"
                found.append(Problem(file, place, "mqtt.bind_point", {"got": name.text, "known": known}))
            said = set()
            for point in by_name.get(name.text, ()):
                wrong = misfit(entry, point)
                if wrong is not None and point.profile not in said:
                    said.add(point.profile)
                    found.append(Problem(file, place, wrong.key, wrong.fields))
    return found
