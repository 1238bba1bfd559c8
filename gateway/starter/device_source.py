"""The source of a device profile, as its sample in `config/sources` has it, for a new project."""

from gateway.settings.profiles import LoadedProfile
from gateway.starter.library import FOLDER
from gateway.starter.yaml_and_csv_text import quoted

SAMPLES = FOLDER.parent / "sources"
PUSH_FILE = "secrets/push.token"
_FROM_ENVIRONMENT = 'secret: "${PUSH_TOKEN}"'


def source_sample(profile: LoadedProfile) -> str:
    """Text of the sample: one source by its name; "" = the profile has none."""
    path = SAMPLES / f"{profile.profile.id}.yaml"
    return path.read_text("utf-8") if path.is_file() else ""


def is_pushed(sample: str) -> bool:
    """Whether devices of this source send to us, with a token that both know."""
    return _FROM_ENVIRONMENT in sample


def source_lines(sample: str, broker: str, client_id: str, username: str) -> list[str]:
    """Lines below `sources:`, with this broker; the token of pushes stands in `PUSH_FILE`."""
    found = []
    for line in sample.splitlines():
        if line.startswith("#"):
            continue
        key = line.partition(":")[0]
        if key == "  url":
            line = f"  url: {quoted(broker)}"
        elif key == "  client_id":
            line = f"  client_id: {quoted(client_id)}"
        found.append(f"  {line.replace(_FROM_ENVIRONMENT, f'secret_file: {PUSH_FILE}')}")
        if key == "  client_id" and username:
            found += [f"    username: {quoted(username)}", "    password_file: secrets/mqtt.password"]
    return found
