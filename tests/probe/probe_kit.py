"""Proposals from messages, written into a folder and checked as `fieldgate check` does."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gateway.probe.project_files import Broker, ProjectAnswers
from gateway.probe.propose import Proposal, propose
from gateway.probe.seen_topics import SeenTopics
from gateway.settings.profiles import LoadedProfile
from gateway.settings.project import Project, inspect_project

FOLDERS = [parent / "shared" / "vectors" for parent in Path(__file__).parents]
VECTORS = next((folder for folder in FOLDERS if folder.exists()), None)


def samples() -> list[dict[str, Any]]:
    """The MQTT samples."""
    if VECTORS is None:
        return []
    return [json.loads(line) for line in (VECTORS / "mqtt" / "mqtt_samples.jsonl").read_text("utf-8").splitlines()]


def seen_of(messages: Iterable[tuple[str, object]], *, retained: bool = False) -> SeenTopics:
    """(topic, payload: bytes, text or a document) as a probe keeps them."""
    seen = SeenTopics()
    for topic, payload in messages:
        if not isinstance(payload, bytes):
            payload = (payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)).encode()
        seen.add(topic, payload, retained=retained)
    return seen


def proposal(seen: SeenTopics, library: Mapping[str, LoadedProfile] | None = None, url: str = "") -> Proposal:
    """For a broker at `url`."""
    keys = {"type": "mqtt", "url": f'"{url or "mqtt://127.0.0.1:1883"}"', "client_id": "probe"}
    return propose(seen, ProjectAnswers("probe", "Asia/Shanghai", "en"), Broker("broker", keys), library or {})


def written(found: Proposal, folder: Path) -> Path:
    """The main file of the proposal."""
    for path, text in found.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder / "gateway.yaml"


def checked(found: Proposal, folder: Path, more: str = "") -> Project:
    """The project with `more` at its end, which must have no problems."""
    file = written(found, folder)
    file.write_text(f"{found.files['gateway.yaml']}\n{more}\n", "utf-8")
    report = inspect_project(file, {})
    problems = [problem.render() for problem in report.problems]
    assert problems == [], (problems, found.files["gateway.yaml"])
    assert report.project is not None
    return report.project
