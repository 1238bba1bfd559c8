"""What was seen at a broker -> the project that reads it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.probe.births import read_births
from gateway.probe.models import find_models
from gateway.probe.project_files import PRESENCE, Broker, ProjectAnswers, project_files
from gateway.probe.seen_topics import SeenTopics
from gateway.probe.topic_routes import find_routes
from gateway.probe.values import FoundModel, Leftover, PresenceFacts
from gateway.settings.profiles import LoadedProfile


@dataclass(frozen=True, slots=True)
class Proposal:
    """`files`: path in the project -> text; empty when nothing could be proposed. `announced`: ecosystem -> devices."""

    models: tuple[FoundModel, ...]
    presence: tuple[PresenceFacts, ...]
    leftovers: tuple[Leftover, ...]
    announced: Mapping[str, int]
    files: Mapping[str, str]


def propose(
    seen: SeenTopics, answers: ProjectAnswers, broker: Broker, library: Mapping[str, LoadedProfile]
) -> Proposal:
    """Routes, profiles and devices for all messages that were kept."""
    births = read_births(seen.pairs())
    found = find_routes(seen.topics, births)
    models = [model for model in find_models(found.routes, library) if model.points and model.devices]
    presence = [one for one in found.presence if any(PRESENCE not in m.points or _is_presence(m) for m in models)]
    files = project_files(answers, broker, models, presence, library) if models else {}
    return Proposal(
        tuple(models),
        tuple(presence),
        tuple(found.leftovers),
        {name: len(many) for name, many in births.announced.items()},
        files,
    )


def _is_presence(model: FoundModel) -> bool:
    return set(model.points[PRESENCE].values) == {"online", "offline"}
